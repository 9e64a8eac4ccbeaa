"""How a command ends: with a status, an error of its input, or a signal."""

import logging
import multiprocessing
import os
import select
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from bas_mm.utils.worker_processes import die_with_parent

from .messages import fail, print_error, program_name, rank

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'end_process',
    'fail_on',
    'fail_on_input_errors',
    'group_backend',
    'leave',
    'run_command',
]


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command as the program of a shell: what ends it from outside leaves no traceback.

    Ctrl-C is one line, status 130, also where a library has made another error of it. Where nobody
    reads any more what it prints, as behind ``| head``, it ends with status 141, as programs do
    that the signal of it ends. Output that is closed takes everything. What the encoding of the
    terminal lacks, as Latin-1 lacks θ, is printed as an escape. A process of torchrun ends with it.

    Args:
        main (Callable): The command. What it returns is its status; None is 0.
    """
    if 'TORCHELASTIC_RUN_ID' in os.environ:
        # torchrun, where it is killed, leaves its processes to themselves.
        die_with_parent()
    for name in ('stdout', 'stderr'):
        if getattr(sys, name) is None:  # python prog >&-
            setattr(sys, name, open(os.devnull, 'w'))  # noqa: SIM115 - to the end
    # As stderr has it. Where the locale is C, Python lets all bytes of paths through as they are.
    reconfigure = getattr(sys.stdout, 'reconfigure', None)  # not every stand-in has it
    if reconfigure is not None and sys.stdout.errors == 'strict':
        reconfigure(errors='backslashreplace')
    try:
        try:
            status = main()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say_interrupted()
    except BrokenPipeError:
        if not _is_unread():  # another pipe's: to a process of ours that has died, say
            raise
        # Or the interpreter, when it ends, would try to print what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        leave(141)
    except Exception as error:
        if not _stands_for_an_interrupt(error):
            raise
        _say_interrupted()
    if status:
        raise SystemExit(status)


def _say_interrupted() -> NoReturn:
    if rank() == '0':
        print(f'{program_name()}: interrupted', file=sys.stderr)
    leave(130)


def _stands_for_an_interrupt(error: BaseException) -> bool:
    """Whether an error was raised in place of Ctrl-C's.

    A bare ``except`` does it, such as mmengine's around the formatting of a config for a
    checkpoint: the config is then said to have mistakes. It is sure where a ``raise`` made the
    error in the very function that had caught the other. What fails while a program puts away its
    things after Ctrl-C comes from elsewhere, and is told.
    """
    from bas_mm.utils.config_traceback import is_a_raise

    while not isinstance(error, KeyboardInterrupt):
        caught, last = error.__context__, error.__traceback__
        if caught is None or caught.__traceback__ is None or last is None:
            return False
        while last.tb_next is not None:
            last = last.tb_next
        if last.tb_frame is not caught.__traceback__.tb_frame or not is_a_raise(last):
            return False
        error = caught
    return True


def _is_unread() -> bool:
    """Whether standard output is a pipe that nobody reads."""
    if not hasattr(select, 'poll'):  # not on every system
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


@contextmanager
def fail_on(*kinds: type[Exception]) -> Iterator[None]:
    """Exit with status 2 and one message at errors that are the input's: without a config.

    Args:
        *kinds (type[Exception]): Which errors these are.
    """
    try:
        yield
    except BrokenPipeError:  # nobody reads what is printed: run_command's
        raise
    except kinds as error:
        if os.environ.get('BAS_MM_TRACEBACK') == '1':
            traceback.print_exc()
        fail(str(error))


@contextmanager
def fail_on_input_errors(
    cfg: 'Config',
    path: str,
    stands_for: Mapping[str, str] | None = None,
    others: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Exit with status 2 and one message where what a run was given is wrong, not the program.

    Each process of a job says its own, as a broken picture is seen by one of them. With the
    variable ``BAS_MM_TRACEBACK=1`` the traceback comes before it.

    Args:
        cfg (Config): The run's config.
        path (str): Its file, for the message.
        stands_for (Mapping[str, str], optional): Keys that a tool has put into the config, each
            with that of the file whose value it has.
        others (tuple[type[Exception], ...]): Kinds of errors that are the input's whoever raised
            them: those of files, say, where a command reads and writes nothing else.
    """
    try:
        yield
    except BrokenPipeError:  # nobody reads what is printed: run_command's
        raise
    except Exception as error:
        message = _input_error(error, dict(cfg.items()))
        if message is None and isinstance(error, others):
            message = str(error)
        if message is None:
            raise
        for key, in_file in (stands_for or {}).items():
            if message.startswith(f'{key}.'):
                message = in_file + message.removeprefix(key)
        if os.environ.get('BAS_MM_TRACEBACK') == '1':
            traceback.print_exc()
        own = rank()
        of_process = f' in process {own}' if own != '0' else ''
        print_error(f'{path}{of_process}: {message}')
        leave(2)


def _input_error(error: Exception, cfg: dict) -> str | None:
    """:func:`describe_input_error`, which must not take the error's place by one of its own."""
    from bas_mm.utils.input_errors import describe_input_error

    try:
        return describe_input_error(error, cfg)
    except Exception:
        return None


def leave(status: int) -> NoReturn:
    """End the command, and a job over gloo as :func:`close_process_group` does."""
    if group_backend() == 'gloo':
        end_process(status)
    raise SystemExit(status) from None


def group_backend() -> str | None:
    """What the process group of a distributed job works over; None where there is none."""
    dist = sys.modules.get('torch.distributed')  # not imported for this: that takes seconds
    there_is_one = dist and dist.is_available() and dist.is_initialized()
    return dist.get_backend() if there_is_one else None


def end_process(status: int) -> None:
    """End this process at once, and with it those that it has started."""
    for child in multiprocessing.active_children():
        child.terminate()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
