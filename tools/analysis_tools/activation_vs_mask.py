"""The experiment that motivates BAS: cross-entropy and activation against a growing mask.

    python tools/analysis_tools/activation_vs_mask.py CONFIG CHECKPOINT [--out PLOT.png]

For a trained network (BAS or CAM) and its config's test pictures, the true mask (or, without masks,
the union of the true boxes) is eroded and dilated to 0.1, 0.2, ... 2.0 times the object's area. F·M
goes through tail and classifier: cross-entropy of the class, and its activation, the foreground's;
F·(1 − M) likewise: background activation. The averages are plotted, and written as JSON beside the
plot.
"""

import argparse
import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    OneLineParser,
    fail,
    fail_on_input_errors,
    load_config,
    prepare_devices,
    require_file,
    require_writable,
    run_command,
)

RATIOS = [step / 10 for step in range(1, 21)]


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('activation_vs_mask.png'),
        help='the file, .png, .svg or .pdf; default: %(default)s',
    )
    parser.add_argument(
        '--pictures',
        type=int,
        default=500,
        help='at most so many, evenly spread; default: %(default)s',
    )
    parser.add_config_options()
    args = parser.parse_args()
    require_file(args.config, 'config')
    require_file(args.checkpoint, 'checkpoint')
    if args.out.suffix not in ('.png', '.svg', '.pdf'):
        fail(f'--out {args.out}: the name must end in .png, .svg or .pdf')
    for out in (args.out, args.out.with_suffix('.json')):
        require_writable(out, '--out')
    if args.pictures < 1:
        fail(f'--pictures must be at least 1, got {args.pictures}')
    return args


def main() -> None:
    """Run the network through the masks, plot, print."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, None)
    if cfg.get('test_dataloader') is None:
        fail(f'the config {args.config} has no test_dataloader')
    prepare_devices(cfg, 'none')

    import numpy as np
    from mmengine.device import get_device
    from mmengine.registry import init_default_scope

    from bas_mm.apis import sweep_masks
    from bas_mm.apis.checkpoints import fill_model, read_checkpoint
    from bas_mm.engine.hooks import ClassCountHook
    from bas_mm.registry import DATASETS
    from bas_mm.utils.config_model import build_model, scope_of
    from bas_mm.utils.result_files import write_bytes, write_json
    from bas_mm.visualization.activation_plot import draw_activation_plot, settled_at

    init_default_scope(scope_of(cfg))
    with fail_on_input_errors(cfg, args.config):
        model, checkpoint = build_model(cfg), read_checkpoint(args.checkpoint)
        fill_model(model, checkpoint, args.checkpoint)
        model.to(get_device())
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        same_classes = ClassCountHook()
        same_classes.after_load_checkpoint(None, checkpoint)
        same_classes.check(model, dataset, 'test_dataloader.dataset')
        count = min(args.pictures, len(dataset))
        indices = np.linspace(0, len(dataset) - 1, count).round().astype(int)
        curves, about = sweep_masks(model, dataset, indices, RATIOS, cfg.test_dataloader.batch_size)
    name = Path(args.config).stem
    title = f'{name}: {count} pictures, true {about["truth"]} eroded and dilated'
    plot = draw_activation_plot(RATIOS, *curves[:3], title, args.out.suffix[1:])
    # The foreground activation rises.
    falling = dict(
        cross_entropy=curves.cross_entropy,
        foreground=-curves.foreground,
        background=curves.background,
    )
    settled = {key: settled_at(RATIOS, values) for key, values in falling.items()}
    content = dict(
        config=args.config,
        checkpoint=args.checkpoint,
        **about,
        ratios=RATIOS,
        **{key: values.tolist() for key, values in curves._asdict().items()},
        settled=settled,
    )
    with fail_on_input_errors(cfg, args.config):
        write_bytes(args.out, plot)
        write_json(args.out.with_suffix('.json'), content)
    print('area  cross-entropy  foreground  background  L_bas')
    for ratio, *values in zip(RATIOS, *curves):
        print('{:4.1f}  {:13.4f}  {:10.4f}  {:10.4f}  {:5.3f}'.format(ratio, *values))
    print(
        f'95 % of its way: cross-entropy at {settled["cross_entropy"]:g} of the object, foreground '
        f'activation at {settled["foreground"]:g}, background activation at '
        f'{settled["background"]:g}'
    )
    print(f'{args.out}, {args.out.with_suffix(".json")}')


if __name__ == '__main__':
    run_command(main)
