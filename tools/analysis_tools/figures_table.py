"""Figures of several runs of tools/test.py in one table.

    python tools/analysis_tools/figures_table.py BAS=bas.json Detector=detector.json

FILE is what ``tools/test.py --out FILE.json`` wrote. A figure that a file does not have, such as
the classification of a class-agnostic detector, or that is null there, as NaN is, is a dash.
"""

import argparse
import json
import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import OneLineParser, fail, require_file, run_command


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

    rows = [['', *COLUMNS.values()]]
    for (name, file), figures in zip(pairs, read):
        if not set(COLUMNS) & set(figures):
            fail(f'{file} has none of {", ".join(COLUMNS)}')
        rows.append([name, *(f'{figures[key]:.1f}' if key in figures else '–' for key in COLUMNS)])
    print(markdown_table(rows))


if __name__ == '__main__':
    run_command(main)
