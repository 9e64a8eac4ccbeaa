"""Train CAM and BAS on the same data, test both, print a table, draw what they see.

Without arguments on the embedded data set, which is generated. θ of each method is chosen on the
split ``val`` and reported on ``test``.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if ((ROOT := Path(__file__).resolve().parents[1]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(ROOT))

from bas_mm.command_line import (
    OneLineParser,
    fail,
    fail_on,
    fail_on_input_errors,
    hold_folder,
    load_config,
    prepare_devices,
    require_distinct_figures,
    require_file,
    require_writable,
    run_command,
    warn,
)
from bas_mm.utils.folder_lock import FolderInUseError

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = OneLineParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--cam',
        default=str(ROOT / 'configs/cam/cam_small_embedded.py'),
        help='config of CAM; default: cam_small_embedded.py',
    )
    parser.add_argument(
        '--bas',
        default=str(ROOT / 'configs/bas/bas_small_embedded.py'),
        help='config of BAS; default: bas_small_embedded.py',
    )
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=Path(f'work_dirs/quickstart/{time.strftime("%Y%m%d_%H%M%S")}'),
        help='folder of everything this run writes; default: a new one below work_dirs/quickstart',
    )
    parser.add_argument(
        '--pictures', type=int, default=16, help='how many pictures to draw; default: %(default)s'
    )
    parser.add_config_options('for both configs')
    args = parser.parse_args()
    require_file(args.cam, 'config')
    require_file(args.bas, 'config')
    require_writable(args.out_dir, '--out-dir', folder=True)
    if args.pictures < 1:
        fail(f'--pictures must be at least 1, got {args.pictures}')
    return args


class ProgressOnly(TextIOBase):
    """Lets through what is no routine record of mmengine's log, and its lines of progress.

    The log files keep everything: configs, environment, hooks.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        if ' - mmengine - INFO - ' not in text or ' - Epoch(' in text:
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        self.stream.flush()


def look_at(runs: Sequence[tuple[str, str, 'Config']]) -> bool:
    """Exit with status 2 where a run would fail later on, or two are of other pictures.

    Args:
        runs (Sequence[tuple[str, str, Config]]): name, file and config of each.

    Returns:
        bool: whether ``val`` and ``test`` share pictures, which is said in a line.
    """
    from bas_mm.apis import describe_shared_pictures, picture_files, require_whole_run

    tests, shared = [], set()
    for name, path, cfg in runs:
        with fail_on_input_errors(cfg, path), redirect_stdout(ProgressOnly(sys.stdout)):
            val, test = require_whole_run(cfg, name)
        files, classes = picture_files(test), getattr(test, 'metainfo', {}).get('classes')
        tests.append((files, classes and tuple(classes)))
        shared.add(describe_shared_pictures(picture_files(val), files))
    if tests[0] != tests[1]:
        fail(
            f'{runs[0][1]} and {runs[1][1]} test on other pictures or classes: what is to be '
            'compared has the same test_dataloader.dataset'
        )
    shared.discard(None)
    for said in sorted(shared):
        warn(
            f'{said}: θ is chosen on what is reported. Figures to report need a '
            'val_dataloader.dataset of other pictures'
        )
    return bool(shared)


def run(args: argparse.Namespace) -> None:
    """Run both methods."""
    start = time.perf_counter()
    out_dir = args.out_dir.resolve()
    print(f'Training CAM, then BAS. Everything goes to {out_dir}', flush=True)

    # mmcv's pure-Python build says that it lacks an operator which nothing here uses.
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')
    runs = []
    for name, path in (('CAM', args.cam), ('BAS', args.bas)):
        cfg = load_config(path, args.cfg_options, str(args.out_dir / name.lower()))
        require_distinct_figures(cfg, path, 'val_evaluator', 'test_evaluator')
        prepare_devices(cfg, 'none')
        runs.append((name, path, cfg))
    shared = look_at(runs)

    from bas_mm.apis import results_table, train_and_test, write_comparison_pictures
    from bas_mm.utils.result_files import write_json, write_text

    results = []
    for name, path, cfg in runs:
        print(f'\n=== {name}: {path}', flush=True)
        with fail_on_input_errors(cfg, path), redirect_stdout(ProgressOnly(sys.stdout)):
            results.append(train_and_test(cfg, name))
    table = results_table(results)
    # A disk may be full by now.
    with fail_on_input_errors(results[0].cfg, args.cam):
        write_text(out_dir / 'table.md', table + '\n')
        write_json(
            out_dir / 'results.json',
            {
                r.name: dict(
                    threshold=r.threshold, val=r.val, test=r.test, train_seconds=r.seconds,
                    checkpoint=r.checkpoint,
                )
                for r in results
            },
        )  # fmt: skip
        pictures = write_comparison_pictures(results, out_dir / 'pictures', args.pictures)
    seconds = '; '.join(f'{r.name} trained in {r.seconds:.0f} s' for r in results)
    chosen = 'chosen on pictures of test' if shared else 'chosen on val'
    print(f'\nFigures on the test split in percent, each method at its θ {chosen}:\n\n{table}\n')
    print(f'{seconds}; {time.perf_counter() - start:.0f} s in all.')
    print(f'Table and figures: {out_dir}')
    print(f'Pictures:          {pictures[0]} and {len(pictures) - 1} more beside it')
    print(f'Logs, weights:     {out_dir}/cam and {out_dir}/bas')


def main() -> None:
    """Run both methods in a folder of this command alone."""
    args = parse_args()
    with fail_on(FolderInUseError), hold_folder(args.out_dir, '--out-dir'):
        run(args)


if __name__ == '__main__':
    run_command(main)
