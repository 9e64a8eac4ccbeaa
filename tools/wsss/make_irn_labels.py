"""Make IRNet's labels: python tools/wsss/make_irn_labels.py CONFIG SEEDS OUT [options].

The seeds of the pictures of the config's ``seed_dataloader``, at two background scores and refined
by the dense CRF: one palette picture ``OUT/<image id>.png`` each, 0 background, k + 1 class k, 255
unsure. The config's ``irn_label_cfg`` may hold ``foreground`` and ``background``, the two scores,
and ``crf``. Stopped, it goes on where it was; files that are whole are not made again.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import OneLineParser, fail, fail_on, load_config, require_file, run_command
from bas_mm.utils.worker_processes import usable_cores


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = OneLineParser(description="Make IRNet's labels.")
    parser.add_argument('config', help='config file that made the seeds')
    parser.add_argument('seeds', help='folder of seeds')
    parser.add_argument('out', help='folder of the labels')
    parser.add_argument(
        '--overwrite', action='store_true', help='delete the labels that are in OUT'
    )
    parser.add_argument(
        '--num-workers',
        type=int,
        default=usable_cores(),
        help='worker processes; 0: none; default: one for each core',
    )
    parser.add_config_options()
    args = parser.parse_args()
    require_file(args.config, 'config')
    if args.num_workers < 0:
        fail(f'--num-workers must be 0 or more, got {args.num_workers}')
    if Path(args.out).resolve() == Path(args.seeds).resolve():
        fail(f'{args.out} has the seeds: labels need another folder')
    return args


def main() -> None:
    """Build the data set, and make what is missing."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, None)
    if cfg.get('seed_dataloader') is None:
        fail(f'the config {args.config} has no seed_dataloader')

    from bas_mm.utils.config_params import params_of
    from bas_mm.utils.dense_crf import crf_library
    from bas_mm.wsss.functional.irn_labels import IRNLabelParams
    from bas_mm.wsss.seed_source import SeedSource

    with fail_on(ImportError, ValueError):
        crf_library()
        params = params_of(IRNLabelParams(), cfg.get('irn_label_cfg'), 'irn_label_cfg')
        seeds = SeedSource(args.seeds)

    from mmengine.registry import init_default_scope

    from bas_mm.registry import DATASETS
    from bas_mm.utils.config_model import scope_of
    from bas_mm.wsss.digests import config_digest
    from bas_mm.wsss.irn_labels_folder import IRNLabelFolder
    from bas_mm.wsss.irn_labels_run import IRNLabelRun

    init_default_scope(scope_of(cfg))
    with fail_on(ImportError, ValueError, OSError, RuntimeError):
        # A picture that cannot be read must not have the labels of another one.
        dataset = DATASETS.build({**cfg.seed_dataloader.dataset, 'test_mode': True})
        classes = list(dataset.metainfo['classes'])
        seeds.require_classes(classes, 'seed_dataloader.dataset')
        folder = IRNLabelFolder(args.out)
        run = IRNLabelRun(dataset, seeds, folder, params, args.num_workers)
        settings = dict(
            form=1,
            pipeline=config_digest(cfg.seed_dataloader.dataset.get('pipeline')),
            classes=classes,
            **asdict(params),
            **seeds.settings(folder),
        )
        with folder.opened(settings, args.overwrite):
            result = run.run()
    print(f'{args.out}: {result.made} made, {result.found} were there')


if __name__ == '__main__':
    run_command(main)
