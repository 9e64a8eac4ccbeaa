"""Test a checkpoint: python tools/test.py CONFIG CHECKPOINT [options]."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if ((CHECKOUT := Path(__file__).resolve().parents[1]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    CommandParser,
    close_process_group,
    enable_ten_crop,
    fail,
    fail_on_input_errors,
    load_config,
    prepare_devices,
    require_distinct_figures,
    require_file,
    require_writable,
    run_command,
    warn_of_two_thresholds,
)
from bas_mm.utils.config_checkpoint import use_checkpoint
from bas_mm.utils.config_types import registered_class, type_name

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = CommandParser(description='Test a checkpoint.')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out', metavar='FILE', help='write the figures (.json) or all predictions (.pkl)'
    )
    parser.add_argument('--show-dir', metavar='DIR', help='draw pictures with maps and boxes')
    parser.add_argument(
        '--interval',
        type=int,
        default=10,
        help='with --show-dir: draw every n-th picture; segmentors draw each; default: %(default)s',
    )
    parser.add_argument('--tta', action='store_true', help='class scores from ten crops')
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument(
        '--no-strict',
        action='store_true',
        help='test even where the checkpoint lacks weights of the model',
    )
    parser.add_common_arguments()
    args = parser.parse_args()
    require_file(args.config, 'config')
    require_file(args.checkpoint, 'checkpoint')
    if args.out is not None and Path(args.out).suffix not in ('.json', '.pkl', '.pickle'):
        fail(f'--out {args.out}: the name must end in .json, .pkl or .pickle')
    if args.out is not None:
        require_writable(args.out, '--out')
    if args.show_dir is not None:
        require_writable(args.show_dir, '--show-dir', folder=True)
    if args.interval < 1:
        fail(f'--interval must be at least 1, got {args.interval}')
    return args


def draw_pictures(cfg: 'Config', show_dir: str, interval: int) -> None:
    """Switch the drawing hook on, whether the config has it or not."""
    cfg.default_hooks = cfg.get('default_hooks') or {}
    hooks = cfg.default_hooks
    visualizer = type_name(cfg.get('visualizer'))
    if visualizer == 'DetLocalVisualizer':  # a config of one's own, with mmdetection's drawings
        # A relative folder would be one below that of the logs.
        out_dir = str(Path(show_dir).absolute())
        hooks['visualization'] = {
            'type': 'mmdet.DetVisualizationHook',
            'draw': True,
            'test_out_dir': out_dir,
        }
        return
    if visualizer == 'SegLocalVisualizer':
        hooks['visualization'] = {'type': 'mmseg.SegVisualizationHook', 'draw': True}
        cfg.visualizer.update(save_dir=show_dir, vis_backends=[{'type': 'LocalVisBackend'}])
        return

    from bas_mm.engine.hooks import LocalizationVisualizationHook
    from bas_mm.registry import HOOKS, VISUALIZERS
    from bas_mm.visualization import LocalizationVisualizer

    # Others draw labels alone: the config's own hook and visualizer stay where they draw maps.
    hook = hooks.get('visualization')
    kind = registered_class(HOOKS, hook)
    if kind is None or not issubclass(kind, LocalizationVisualizationHook):
        hook = {'type': 'bas_mm.LocalizationVisualizationHook'}
    drawing = {'enable': True, 'interval': interval, 'out_dir': show_dir}
    hooks['visualization'] = {**hook, **drawing}
    own = registered_class(VISUALIZERS, cfg.get('visualizer'))
    if own is None or not issubclass(own, LocalizationVisualizer):
        cfg.visualizer = {'type': 'bas_mm.LocalizationVisualizer'}


def main() -> None:
    """Build the runner, test, and write what was asked for."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    require_distinct_figures(cfg, args.config, 'test_evaluator')
    if cfg.get('test_dataloader') is None:
        fail(f'the config {args.config} has no test_dataloader')
    use_checkpoint(cfg, args.checkpoint, not args.no_strict)
    if args.tta:
        if type_name(cfg.model) == 'MultiScaleEncoderDecoder':
            fail('--tta: segmentors take their views from model.test_cfg.scales and flip')
        enable_ten_crop(cfg)
    if args.amp:
        cfg.test_cfg.fp16 = True
    warn_of_two_thresholds(cfg, args.config)
    if args.show_dir is not None:
        draw_pictures(cfg, args.show_dir, args.interval)
    prepare_devices(cfg, args.launcher)

    from mmengine.dist import is_main_process
    from mmengine.registry import RUNNERS
    from mmengine.runner import Runner

    from bas_mm.evaluation.predictions_dump import PredictionsDump
    from bas_mm.utils.result_files import write_json

    with fail_on_input_errors(cfg, args.config):
        runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
        dump = None
        if args.out is not None and not args.out.endswith('.json'):
            dump = PredictionsDump(args.out)
            runner.test_evaluator.metrics.append(dump)
        figures = runner.test()
        if dump is not None:
            dump.write()
        if args.out is not None and args.out.endswith('.json') and is_main_process():
            # Some metrics give NumPy's numbers, and NaN for what the test set does not have.
            figures = {k: v.item() if hasattr(v, 'item') else v for k, v in figures.items()}
            write_json(args.out, {k: None if v != v else v for k, v in figures.items()})
    close_process_group()


if __name__ == '__main__':
    run_command(main)
