"""Make pseudo masks: python tools/wsss/make_masks.py IRN_CONFIG CHECKPOINT SEEDS OUT [options].

The seeds walk up to the boundaries that IRNet sees, over the pictures of the config's
``train_dataloader.dataset.pictures`` and as its ``mask_cfg`` says: one palette picture
``OUT/<image id>.png`` each, 0 background, k + 1 class k. Stopped, it goes on where it was; files
that are whole are not made again. ``dist_make_masks.sh`` runs it on several processes or GPUs.
"""

import argparse
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    CommandParser,
    close_process_group,
    fail,
    fail_on,
    fail_on_input_errors,
    load_config,
    prepare_devices,
    require_file,
    run_command,
)
from bas_mm.utils.config_checkpoint import use_checkpoint

# Pictures as they are; mirror images are made where the masks are.
PIPELINE = [
    dict(type='LoadLocImage'),
    dict(type='mmpretrain.PackInputs', meta_keys=('image_id', 'img_path', 'ori_shape')),
]


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = CommandParser(description='Make pseudo masks.')
    parser.add_argument('checkpoint', help="IRNet's checkpoint file")
    parser.add_argument('seeds', help='folder of seeds')
    parser.add_argument('out', help='folder of the masks')
    parser.add_argument('--overwrite', action='store_true', help='delete the masks that are in OUT')
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
    if Path(args.out).resolve() == Path(args.seeds).resolve():
        fail(f'{args.out} has the seeds: masks need another folder')
    return args


def main() -> None:
    """Build network and data set, and make what is missing."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    loader = cfg.get('train_dataloader') or {}
    pictures = (loader.get('dataset') or {}).get('pictures')
    if pictures is None:
        fail(f"the config {args.config} has no train_dataloader.dataset.pictures: is it IRNet's?")

    from bas_mm.utils.config_params import params_of
    from bas_mm.wsss.functional.masks import MaskParams
    from bas_mm.wsss.seed_source import SeedSource

    with fail_on(ValueError):
        params = params_of(MaskParams(), cfg.get('mask_cfg'), 'mask_cfg')
        seeds = SeedSource(args.seeds)
    use_checkpoint(cfg, args.checkpoint, not args.no_strict)
    prepare_devices(cfg, args.launcher)

    from mmengine.dist import barrier, is_main_process
    from mmengine.runner import Runner

    from bas_mm.engine.inner_model import inner_model
    from bas_mm.registry import DATASETS
    from bas_mm.wsss.digests import network_settings
    from bas_mm.wsss.mask_folder import MaskFolder
    from bas_mm.wsss.mask_maker import MaskMaker
    from bas_mm.wsss.mask_run import MaskRun

    # Errors of files, a full disk's too, are none of the program.
    with fail_on_input_errors(cfg, args.config, others=(OSError,)):
        runner = Runner.from_cfg(cfg)
        runner.call_hook('before_run')  # EMAHook waits for it
        runner.load_or_resume()
        model = inner_model(runner)
        maker = MaskMaker(model, params)
        dataset = DATASETS.build({**pictures, 'pipeline': PIPELINE, 'test_mode': True})
        classes = list(dataset.metainfo['classes'])
        seeds.require_classes(classes, 'train_dataloader.dataset.pictures')
        folder = MaskFolder(args.out)
        run = MaskRun(
            *(maker, dataset, seeds, folder),
            num_workers=loader.get('num_workers', 2),
            num_writers=args.writers,
            say=runner.logger.info,
        )
        with ExitStack() as held:
            if is_main_process():
                settings = dict(
                    **network_settings(model, cfg.model),
                    classes=classes,
                    **asdict(params),
                    **seeds.settings(folder),
                )
                held.enter_context(folder.opened(settings, args.overwrite))
            barrier()  # nobody looks for files before old ones are gone
            result = run.run()
    if is_main_process():
        print(f'{args.out}: {result.made} made, {result.found} were there')
    close_process_group()


if __name__ == '__main__':
    run_command(main)
