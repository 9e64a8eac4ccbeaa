"""Figures of several runs of tools/test.py in one table.

    python tools/analysis_tools/figures_table.py BAS=bas.json Detector=detector.json

FILE is what ``tools/test.py --out FILE.json`` wrote. The table has the figures of Protocol A, of
MaxBoxAcc, MaxBoxAccV2 and ViewBoxAcc, PxAP and pIoU that any of the files has; not the thresholds,
Top-5 Cls and the mean over IoU levels. A figure that a file does not have, such as the
classification of a class-agnostic detector, or that is null there, as NaN is, is a dash.
"""

import argparse
import json
import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import OneLineParser, fail, require_file, run_command

# Figures beside those of Protocol A: name in the metric -> head of the column.
_FURTHER = {
    'max_box_acc': 'MaxBoxAcc',
    'max_box_acc_v2': 'MaxBoxAccV2',
    'max_box_acc_v2_30': 'MaxBoxAccV2 0.3',
    'max_box_acc_v2_50': 'MaxBoxAccV2 0.5',
    'max_box_acc_v2_70': 'MaxBoxAccV2 0.7',
    'view_box_acc': 'BoxAcc of the view',
    'view_box_acc_v2': 'BoxAccV2 of the view',
    'view_box_acc_v2_30': 'BoxAccV2 of the view 0.3',
    'view_box_acc_v2_50': 'BoxAccV2 of the view 0.5',
    'view_box_acc_v2_70': 'BoxAccV2 of the view 0.7',
    'pxap': 'PxAP',
    'piou': 'pIoU',
}


def parse_args() -> list[tuple[str, str]]:
    """The command line: names and files."""
    parser = OneLineParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('rows', nargs='+', metavar='NAME=FILE', help='the lines of the table')
    pairs = []
    for row in parser.parse_args().rows:
        name, sign, file = row.partition('=')
        if not sign:
            fail(f'NAME=FILE is expected, got {row}')
        require_file(file, 'file of figures')
        pairs.append((name, file))
    return pairs


def read_figures(path: str) -> dict[str, float]:
    """Figures without the prefix of their metric."""
    try:
        figures = json.loads(Path(path).read_text(encoding='utf-8'))
        return {
            name.rpartition('/')[2]: float(value)
            for name, value in figures.items()
            if value is not None
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        fail(f'{path} holds no figures of tools/test.py: {error}')


def main() -> None:
    """Print the table."""
    pairs = parse_args()
    # All files before the slow import; a list, as two lines may have one name.
    read = [read_figures(file) for _, file in pairs]

    from bas_mm.apis.localization_protocol import COLUMNS
    from bas_mm.utils.markdown_table import markdown_table

    heads = {**COLUMNS, **_FURTHER}
    for (_, file), figures in zip(pairs, read):
        if not set(heads) & set(figures):
            fail(f'{file} has none of {", ".join(heads)}')
    keys = [key for key in heads if any(key in figures for figures in read)]
    rows = [['', *map(heads.get, keys)]]
    for (name, _), figures in zip(pairs, read):
        rows.append([name, *(f'{figures[key]:.1f}' if key in figures else '–' for key in keys)])
    print(markdown_table(rows))


if __name__ == '__main__':
    run_command(main)
