"""Make seeds: python tools/wsss/make_seeds.py CONFIG CHECKPOINT OUT [options].

The maps of a checkpoint over several scales and mirror images, for the pictures of the config's
``seed_dataloader`` and with its ``seed_cfg``: one file ``OUT/<image id>.npz`` each. Stopped, it
goes on where it was; files that are whole are not made again. ``dist_make_seeds.sh`` runs it on
several processes or GPUs.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    CommandParser,
    close_process_group,
    fail,
    fail_on_input_errors,
    load_config,
    prepare_devices,
    require_file,
    run_command,
)
from bas_mm.utils.config_checkpoint import use_checkpoint


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = CommandParser(description='Make seeds for segmentation.')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', help='folder of the seed files')
    parser.add_argument(
        '--overwrite', action='store_true', help='delete the seeds that are in OUT, and begin anew'
    )
    parser.add_argument(
        '--writers', type=int, default=2, help='threads that write files; default: %(default)s'
    )
    parser.add_argument(
        '--no-strict',
        action='store_true',
        help='go on even where the checkpoint lacks weights of the model',
    )
    parser.add_common_arguments()
    args = parser.parse_args()
    require_file(args.config, 'config')
    require_file(args.checkpoint, 'checkpoint')
    if args.writers < 1:
        fail(f'--writers must be at least 1, got {args.writers}')
    return args


def main() -> None:
    """Build network and data set, and make what is missing."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    for key in ('seed_dataloader', 'seed_cfg'):
        if cfg.get(key) is None:
            fail(f'the config {args.config} has no {key}')
    use_checkpoint(cfg, args.checkpoint, not args.no_strict)
    prepare_devices(cfg, args.launcher)

    from mmengine.dist import barrier, is_main_process
    from mmengine.runner import Runner

    from bas_mm.engine.hooks import ClassCountHook
    from bas_mm.engine.inner_model import inner_model
    from bas_mm.registry import DATASETS
    from bas_mm.utils.config_params import params_of
    from bas_mm.wsss.digests import network_settings
    from bas_mm.wsss.seed_folder import SeedFolder
    from bas_mm.wsss.seed_maker import SeedMaker, SeedParams
    from bas_mm.wsss.seed_run import SeedRun

    # Errors of files, a full disk's too, are none of the program.
    with fail_on_input_errors(cfg, args.config, others=(OSError,)):
        params = params_of(SeedParams(), cfg.seed_cfg, 'seed_cfg')
        runner = Runner.from_cfg(cfg)
        # The config's own looks at loops, of which there is none here.
        same_classes = ClassCountHook()
        runner.register_hook(same_classes)
        runner.call_hook('before_run')  # EMAHook waits for it
        runner.load_or_resume()
        model = inner_model(runner)
        maker = SeedMaker(model, params.flip)
        # A picture that cannot be read must not have the maps of another one.
        dataset = DATASETS.build({**cfg.seed_dataloader.dataset, 'test_mode': True})
        classes = list(dataset.metainfo['classes'])
        same_classes.check(model, dataset, 'seed_dataloader.dataset')
        folder = SeedFolder(args.out)
        run = SeedRun(
            *(maker, dataset, folder, params.scales),
            num_workers=cfg.seed_dataloader.get('num_workers', 2),
            num_writers=args.writers,
            say=runner.logger.info,
        )
        with ExitStack() as held:
            if is_main_process():
                settings = dict(
                    **network_settings(
                        model, cfg.model, cfg.seed_dataloader.dataset.get('pipeline')
                    ),
                    scales=params.scales,
                    flip=params.flip,
                    classes=classes,
                )
                held.enter_context(folder.opened(settings, args.overwrite))
            barrier()  # nobody looks for files before old ones are gone
            result = run.run()
    if is_main_process():
        print(f'{args.out}: {result.made} made, {result.found} were there')
    close_process_group()


if __name__ == '__main__':
    run_command(main)
