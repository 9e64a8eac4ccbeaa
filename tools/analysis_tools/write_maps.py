"""Write the localization maps of a checkpoint as .npy files, one per picture.

    python tools/analysis_tools/write_maps.py CONFIG CHECKPOINT OUT_DIR [--split val|test]

``OUT_DIR/<image id>.npy`` holds the map as the network gives it. eval_maps.py reads such folders
and takes the maps for those of whole pictures: a test pipeline that crops is refused, unless
--crops says that whoever reads them knows.
"""

import argparse
import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    CommandParser,
    close_process_group,
    fail,
    fail_on_input_errors,
    hold_folder,
    load_config,
    prepare_devices,
    require_file,
    require_writable,
    run_command,
)
from bas_mm.utils.config_checkpoint import use_checkpoint


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = CommandParser(description='Write localization maps as .npy files.')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out_dir', help='folder of the maps')
    parser.add_argument(
        '--split',
        choices=('val', 'test'),
        default='test',
        help='whose pictures; default: %(default)s',
    )
    parser.add_argument(
        '--crops', action='store_true', help='write maps of pictures that the pipeline crops, too'
    )
    parser.add_common_arguments()
    args = parser.parse_args()
    require_file(args.config, 'config')
    require_file(args.checkpoint, 'checkpoint')
    require_writable(args.out_dir, 'OUT_DIR', folder=True)
    return args


def main() -> None:
    """Run the network over the split."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    loader = cfg.get(f'{args.split}_dataloader')
    if loader is None:
        fail(f'the config {args.config} has no {args.split}_dataloader')
    cfg.test_dataloader = loader
    cfg.test_evaluator = {
        'type': 'bas_mm.MapWriter',
        'out_dir': args.out_dir,
        'check_view': not args.crops,
    }
    use_checkpoint(cfg, args.checkpoint)
    stands_for = {'test_dataloader': f'{args.split}_dataloader'}
    alone = hold_folder(args.out_dir, 'OUT_DIR')
    with fail_on_input_errors(cfg, args.config, stands_for), alone:
        prepare_devices(cfg, args.launcher)

        from mmengine.runner import Runner

        Runner.from_cfg(cfg).test()
    close_process_group()


if __name__ == '__main__':
    run_command(main)
