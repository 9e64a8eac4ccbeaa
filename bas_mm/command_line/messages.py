"""What a command says, and which process of its job says it."""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

__all__ = ['LAUNCHER_VARIABLES', 'fail', 'print_error', 'program_name', 'rank', 'say', 'warn']

# Where the launchers say which process of how many this one is.
LAUNCHER_VARIABLES = {
    'pytorch': {'RANK': 'RANK', 'WORLD_SIZE': 'WORLD_SIZE', 'LOCAL_RANK': 'LOCAL_RANK'},
    'slurm': {
        'RANK': 'SLURM_PROCID',
        'WORLD_SIZE': 'SLURM_NTASKS',
        'LOCAL_RANK': 'SLURM_LOCALID',
    },
    'mpi': {
        'RANK': 'OMPI_COMM_WORLD_RANK',
        'WORLD_SIZE': 'OMPI_COMM_WORLD_SIZE',
        'LOCAL_RANK': 'OMPI_COMM_WORLD_LOCAL_RANK',
    },
}


def fail(message: str) -> NoReturn:
    """Print one line to stderr, once per job, and exit with status 2."""
    if rank() == '0':
        print_error(message)
    raise SystemExit(2)


def warn(message: str) -> None:
    """Print one line to stderr, once per job."""
    if rank() == '0':
        print(f'{program_name()}: warning: {message}', file=sys.stderr)


def say(message: str) -> None:
    """One line per job, before there is a logger."""
    if rank() == '0':
        print(message, flush=True)


def rank() -> str:
    """Which process of its job this one is, also before it has joined the others.

    The launcher that the command line names has said it. What others say does not count: slurm's
    variables are those of a shell in an allocation, too.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--launcher', nargs='?')
    launcher = parser.parse_known_args(sys.argv[1:])[0].launcher
    variables = LAUNCHER_VARIABLES.get(launcher, LAUNCHER_VARIABLES['pytorch'])
    return os.environ.get(variables['RANK'], '0')


def print_error(message: str) -> None:
    """Print one line to stderr, whichever process this is."""
    print(f'{program_name()}: error: {message}', file=sys.stderr)


def program_name() -> str:
    """What the lines begin with."""
    program = Path(sys.argv[0])
    # `python -m bas_mm` is bas_mm.
    return program.parent.name if program.name == '__main__.py' else program.name
