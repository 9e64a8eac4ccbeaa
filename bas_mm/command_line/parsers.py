"""The parsers of the commands, and the arguments that they share."""

import argparse
import os
from collections.abc import Sequence
from typing import Any, NoReturn

from .messages import fail

__all__ = ['CommandParser', 'OneLineParser']


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line, exit status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and exit with status 2."""
        fail(f'{message} (see {self.prog} --help)')

    def add_config_options(self, help: str | None = None) -> None:
        """Add the settings in place of the config's.

        Args:
            help (str, optional): Which configs they are for. Defaults to None: how they are
                written, for commands of one config.
        """
        self.add_argument(
            '--cfg-options',
            nargs='+',
            default=[],
            metavar='KEY=VALUE',
            help=help
            or "settings in place of the config's, such as model.head.num_classes=2, "
            'key="[a,b]" for lists, key="(a,b)" for tuples, key="\'a, b\'" for a text with a comma',
        )


class CommandParser(OneLineParser):
    """A parser with the arguments of all commands that have a config."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_argument('config', help='config file')

    def add_common_arguments(self) -> None:
        """Add what follows the own arguments of a command that has a runner."""
        self.add_argument(
            '--work-dir',
            help="folder of logs and checkpoints; default: the config's, else one below work_dirs",
        )
        self.add_config_options()
        self.add_argument(
            '--launcher',
            choices=['none', 'pytorch', 'slurm', 'mpi'],
            default='none',
            help='what started the processes of a distributed job; default: %(default)s',
        )
        # torch.distributed.launch gives this argument, torchrun a variable.
        self.add_argument(
            '--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS
        )

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse, and hand ``--local-rank`` on as the variable that mmengine reads."""
        parsed = super().parse_args(args, namespace)
        if getattr(parsed, 'launcher', 'none') == 'pytorch':
            os.environ.setdefault('LOCAL_RANK', str(parsed.local_rank))
        return parsed
