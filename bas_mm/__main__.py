"""bas_mm on the command line: python -m bas_mm COMMAND ..., installed also bas_mm COMMAND ..."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bas_mm.command_line import CommandParser, OneLineParser, run_command

COMMANDS = ('localize', 'seeds', 'segment')


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        arguments (Sequence[str], optional): Defaults to None: those of the command line.
    """
    run_command(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> None:
    name = Path(sys.argv[0]).name
    prog = 'python -m bas_mm' if name == '__main__.py' else name
    parser = OneLineParser(prog=prog, description='Object boxes and masks of pictures.')
    commands = parser.add_subparsers(
        dest='command', required=True, metavar='COMMAND', parser_class=CommandParser
    )
    for name in COMMANDS:
        command = import_module(f'bas_mm.commands.{name}')
        own = commands.add_parser(
            name,
            help=command.SUMMARY,
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    args = parser.parse_args(arguments)
    args.run(args)


if __name__ == '__main__':
    main()
