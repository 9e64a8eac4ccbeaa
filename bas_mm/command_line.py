"""What the command-line tools share.

Imports of torch and mmengine are inside the functions that need them: a mistyped path is answered
at once, before some seconds of imports.
"""

import argparse
import logging
import multiprocessing
import os
import re
import select
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'CommandParser',
    'OneLineParser',
    'close_process_group',
    'enable_amp',
    'enable_ten_crop',
    'fail',
    'fail_on',
    'fail_on_input_errors',
    'load_config',
    'prepare_devices',
    'require_distinct_figures',
    'require_file',
    'require_writable',
    'run_command',
    'set_cpu_amp',
    'warn',
    'warn_of_two_thresholds',
]

# Our metrics, each with the one whose names its figures have. Of the metrics of other packages some
# can be there twice, with other settings.
_NAMED_AS = {
    'CocoBoxWriter': 'CocoBoxWriter',
    'DetectionLocalizationMetric': 'LocalizationMetric',
    'LocalizationMetric': 'LocalizationMetric',
    'MapWriter': 'MapWriter',
    'MaxBoxAcc': 'MaxBoxAcc',
    'MaxBoxAccV2': 'MaxBoxAccV2',
    'PxAP': 'PxAP',
    'ViewBoxAcc': 'ViewBoxAcc',
}

# Where the launchers say which process of how many this one is.
_LAUNCHER_VARIABLES = {
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
        self.add_argument('--work-dir', help='folder of logs and checkpoints')
        self.add_config_options()
        self.add_argument(
            '--launcher',
            choices=['none', 'pytorch', 'slurm', 'mpi'],
            default='none',
            help='what started the processes of a distributed job',
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


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command as the program of a shell: what ends it from outside leaves no traceback.

    Ctrl-C is one line, status 130. Where nobody reads any more what it prints, as behind
    ``| head``, it ends with status 141, as programs do that the signal of it ends. Output that is
    closed takes everything.

    Args:
        main (Callable): The command. What it returns is its status; None is 0.
    """
    for name in ('stdout', 'stderr'):
        if getattr(sys, name) is None:  # python prog >&-
            setattr(sys, name, open(os.devnull, 'w'))  # noqa: SIM115 - to the end
    try:
        try:
            status = main()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        if _rank() == '0':
            print(f'{_program_name()}: interrupted', file=sys.stderr)
        _leave(130)
    except BrokenPipeError:
        if not _is_unread():  # another pipe's: to a process of ours that has died, say
            raise
        # Or the interpreter, when it ends, would try to print what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(141)
    if status:
        raise SystemExit(status)


def _is_unread() -> bool:
    """Whether standard output is a pipe that nobody reads."""
    if not hasattr(select, 'poll'):  # not on every system
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def fail(message: str) -> NoReturn:
    """Print one line to stderr, once per job, and exit with status 2."""
    if _rank() == '0':
        _print_error(message)
    raise SystemExit(2)


def warn(message: str) -> None:
    """Print one line to stderr, once per job."""
    if _rank() == '0':
        print(f'{_program_name()}: warning: {message}', file=sys.stderr)


def _rank() -> str:
    """Which process of its job this one is, also before it has joined the others.

    The launcher that the command line names has said it. What others say does not count: slurm's
    variables are those of a shell in an allocation, too.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--launcher', nargs='?')
    launcher = parser.parse_known_args(sys.argv[1:])[0].launcher
    variables = _LAUNCHER_VARIABLES.get(launcher, _LAUNCHER_VARIABLES['pytorch'])
    return os.environ.get(variables['RANK'], '0')


def _print_error(message: str) -> None:
    print(f'{_program_name()}: error: {message}', file=sys.stderr)


def _program_name() -> str:
    program = Path(sys.argv[0])
    # `python -m bas_mm` is bas_mm.
    return program.parent.name if program.name == '__main__.py' else program.name


@contextmanager
def fail_on(*kinds: type[Exception]) -> Iterator[None]:
    """Exit with status 2 and one message at errors that are the input's: without a config.

    Args:
        *kinds (type[Exception]): Which errors these are.
    """
    try:
        yield
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
        rank = _rank()
        of_process = f' in process {rank}' if rank != '0' else ''
        _print_error(f'{path}{of_process}: {message}')
        _leave(2)


def _input_error(error: Exception, cfg: dict) -> str | None:
    """:func:`describe_input_error`, which must not take the error's place by one of its own."""
    from bas_mm.utils.input_errors import describe_input_error

    try:
        return describe_input_error(error, cfg)
    except Exception:
        return None


def require_file(path: str, what: str) -> None:
    """Exit with status 2 unless the path is a file.

    Args:
        path (str): A path; names with a scheme, such as ``https://``, are let through.
        what (str): What it should be, for the message.
    """
    if '://' in path or os.path.isfile(path):
        return
    reason = 'is a folder' if os.path.isdir(path) else 'does not exist'
    fail(f'the {what} {path} {reason}')


def require_writable(path: str | Path, what: str, folder: bool = False) -> None:
    """Exit with status 2 where it is plain that a result cannot be written: before all the work.

    Nothing is made: neither the file nor the folders that lead to it.

    Args:
        path (str | Path): The file of the result.
        what (str): What it is, for the message: ``--out``, say.
        folder (bool): Whether it is the folder of the results instead. Defaults to False.
    """
    from bas_mm.utils.result_files import place_of_file

    if not folder and os.path.isdir(path):
        fail(f'{what} {path} is a folder')
    if not folder and os.path.exists(path) and not os.path.isfile(path):
        # Results replace what is there: of a device a file would be left.
        fail(f'{what} {path} is no ordinary file')
    place = os.path.abspath(path if folder else place_of_file(os.path.abspath(path)).parent)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        fail(f'{what} {path}: {place} is no folder')
    if not os.access(place, os.W_OK | os.X_OK):
        fail(f'{what} {path}: the folder {place} cannot be written to')


def load_config(path: str, options: Sequence[str], work_dir: str | None = None) -> 'Config':
    """Read a config file with the command line's settings in it.

    Args:
        path (str): The config file, which exists.
        options (Sequence[str]): ``key=value`` texts of ``--cfg-options``, read as mmengine's
            ``DictAction`` does, but with the blanks in words: those of a path, say. With a comma a
            value is a list; in quotes of its own, ``key="'a, b'"``, it is a text.
        work_dir (str, optional): ``--work-dir``. Without it and without one in the config it is
            ``work_dirs/`` and the config file's name.

    Returns:
        Config: The config.
    """
    from bas_mm.utils.config_file import read_config

    for option in options:
        if '=' not in option:
            fail(f'--cfg-options takes key=value, got {option!r}')
    try:
        cfg = read_config(path)
    except ValueError as error:
        fail(str(error))
    if options:
        settings = dict(map(_read_option, options))
        _look_at_sections(settings, cfg, path)
        try:
            cfg.merge_from_dict(settings)
        except (KeyError, TypeError, IndexError) as error:
            fail(f'--cfg-options {" ".join(options)} does not fit {path}: {error}')
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(path).stem)
    return cfg


def _look_at_sections(settings: Iterable[str], cfg: 'Config', path: str) -> None:
    """Exit with status 2 where a setting's part is mistyped; say where it is read by nobody."""
    from bas_mm.utils.config_sections import COMMAND_SECTIONS, runner_sections, similar_sections

    known = COMMAND_SECTIONS | runner_sections()
    for name in dict.fromkeys(key.partition('.')[0] for key in settings):
        if name in known:
            continue
        if name in cfg:
            warn(
                f'--cfg-options {name}: no command reads it; a variable of {path} was put in its '
                'places when the file was read: set these'
            )
            continue
        similar = similar_sections(name, cfg)
        if similar:
            fail(f'--cfg-options {name}: {path} has no such part; like it are {", ".join(similar)}')
        warn(f'--cfg-options {name}: {path} has no such part, and no command reads it')


def _read_option(option: str) -> tuple[str, Any]:
    """Key and value of a ``key=value``, see :func:`load_config`."""
    from mmengine.config import DictAction

    key, text = option.split('=', maxsplit=1)
    quoted = re.fullmatch(r"""(['"])(?![(\[])(.*,.*)\1""", text, re.DOTALL)
    if quoted and quoted[1] not in quoted[2]:
        return key, quoted[2]
    # DictAction drops all blanks. Of those in words it does not know; no argument has a NUL.
    kept = re.sub(r"""(?<=[^ ,(['"]) +(?=[^ ,)\]'"])""", lambda m: '\0' * len(m[0]), text)
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    try:
        value = parser.parse_args(['--cfg-options', f'{key}={kept}']).cfg_options[key]
    except AssertionError as error:
        said = str(error).replace('\0', ' ')
        fail(f'--cfg-options {option}: {said}; a text with a comma is in quotes, key="\'a, b\'"')
    return key, text.strip('\'"') if isinstance(value, str) else _put_blanks(value)


def _put_blanks(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_put_blanks, value))
    return value.replace('\0', ' ') if isinstance(value, str) else value


def require_distinct_figures(cfg: 'Config', path: str, *evaluators: str) -> None:
    """Exit with status 2 where figures of a validation or a test would have one name.

    mmengine tells it when all pictures were evaluated: of a training, after its first epochs.

    Args:
        cfg (Config): The config.
        path (str): Its file, for the message.
        *evaluators (str): The keys of those that will run.
    """
    from bas_mm.utils.config_metrics import metrics_of
    from bas_mm.utils.config_types import type_name

    for name in evaluators:
        seen: dict[tuple[str, str], str] = {}
        for metric in metrics_of(cfg.get(name)):
            kind = type_name(metric)
            named_as = [_NAMED_AS[kind]] if kind in _NAMED_AS else []
            if kind == 'MaxBoxAccV2' and metric.get('with_max_box_acc'):
                named_as.append('MaxBoxAcc')
            prefix = metric.get('prefix') or 'localization'
            for figures in named_as:
                if (other := seen.get((figures, prefix))) is not None:
                    both = f'{kind} twice' if other == kind else f'{other} and {kind}'
                    fail(
                        f'{path}: {name} has {both}, whose figures would have one name: give one '
                        "of them a prefix, such as prefix='second'"
                    )
                seen[figures, prefix] = kind


def warn_of_two_thresholds(cfg: 'Config', path: str) -> None:
    """One line on stderr where a config's figures are of another θ than the boxes it gives.

    Args:
        cfg (Config): The config.
        path (str): Its file, for the message.
    """
    from bas_mm.utils.config_metrics import only_threshold, threshold_of

    of_model = threshold_of(cfg)
    of_figures = only_threshold(cfg.get('test_evaluator'))
    if None in (of_model, of_figures) or of_model == of_figures:
        return
    warn(
        f'{path} has two θ: boxes are at {of_model:g} (model.test_cfg.threshold), the figures of '
        f'a test at {of_figures:g} (test_evaluator.thresholds)'
    )


def prepare_devices(cfg: 'Config', launcher: str) -> None:
    """Set the launcher, and on machines without an accelerator make jobs work.

    Without one, loaders get no ``pin_memory``, which torch would warn of in each epoch, and metrics
    no ``num_workers``, whose processes would take the network's cores.

    mmengine's own start of a process group selects a CUDA device first. Without one, this
    function starts the group itself, over gloo; it also drops ``sync_bn``, as torch synchronises
    batch norms on accelerators only, and keeps devices out of the model's wrapper.

    Args:
        cfg (Config): Changed in place.
        launcher (str): 'none', 'pytorch', 'slurm' or 'mpi'.
    """
    cfg.launcher = launcher
    from mmengine.device import get_device

    from bas_mm.utils.config_metrics import metrics_of

    if get_device() != 'cpu':
        return
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if isinstance(cfg.get(name), dict):
            cfg[name].pop('pin_memory', None)
    for name in ('val_evaluator', 'test_evaluator'):
        for metric in metrics_of(cfg.get(name)):
            metric.pop('num_workers', None)
    if launcher == 'none':
        return
    for name, variable in _LAUNCHER_VARIABLES[launcher].items():
        if variable not in os.environ:
            fail(
                f'--launcher {launcher}: the variable {variable} is not set; start the job with '
                f'tools/dist_train.sh, tools/dist_test.sh or the like'
            )
        os.environ.setdefault(name, os.environ[variable])
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_host(launcher)
    os.environ.setdefault('MASTER_PORT', '29500')

    from datetime import timedelta

    import torch.distributed as dist

    env_cfg = cfg.setdefault('env_cfg', {})
    dist_cfg = env_cfg.setdefault('dist_cfg', {})
    if dist_cfg.get('backend', 'nccl') != 'gloo':
        _say(f'no accelerator: backend gloo in place of {dist_cfg.get("backend", "nccl")}')
        dist_cfg['backend'] = 'gloo'
    if cfg.get('sync_bn') is not None:
        _say("no accelerator: sync_bn is dropped, torch's norms synchronise on accelerators only")
        cfg.sync_bn = None
    wrapper = cfg.get('model_wrapper_cfg')
    if wrapper is None:
        wrapper = {
            'type': 'MMDistributedDataParallel',
            'broadcast_buffers': False,
            'find_unused_parameters': cfg.get('find_unused_parameters', False),
        }
    # Without this key mmengine numbers a CUDA device, which torch refuses for modules on CPUs.
    cfg.model_wrapper_cfg = {**wrapper, 'device_ids': None}
    options = {}
    if dist_cfg.get('timeout') is not None:
        options['timeout'] = timedelta(seconds=dist_cfg['timeout'])
    dist.init_process_group('gloo', **options)


def _first_host(launcher: str) -> str:
    """Where the first process of a job is, for the others to find it; or exit with status 2.

    Each node of its own would take itself for that one, and wait for ever.
    """
    if launcher == 'slurm':
        nodes = os.environ.get('SLURM_NODELIST', '')
        if re.search(r'[,[]', nodes):  # more than one, such as n[1-2]
            command = ['scontrol', 'show', 'hostname', nodes]
            try:
                listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                return listed.split()[0]
            except (OSError, subprocess.CalledProcessError, IndexError):
                fail(
                    f'--launcher slurm: {" ".join(command)} does not tell the first node of the '
                    'job: set the variable MASTER_ADDR to its name'
                )
    if launcher == 'mpi':
        processes = os.environ['OMPI_COMM_WORLD_SIZE']
        if int(os.environ.get('OMPI_COMM_WORLD_LOCAL_SIZE', processes)) < int(processes):
            fail(
                '--launcher mpi: the job has several nodes: set the variable MASTER_ADDR to the '
                'name of the first (mpirun -x MASTER_ADDR=NAME)'
            )
    return '127.0.0.1'


def close_process_group() -> None:
    """Take leave of the other processes at the end of a distributed job: a command's last call.

    An interpreter that has had a gloo group now and then aborts when it exits, even after the
    group was destroyed ("terminate called without an active exception"): the launcher then reports
    a failure of work that was done. With torch 2.6 and before, to destroy the group may also wait
    for ever. So a process of a gloo job ends here, with status 0: the operating system closes its
    connections.
    """
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return
    if dist.get_backend() == 'gloo':
        _end_process(0)
    else:
        dist.destroy_process_group()


def _leave(status: int) -> NoReturn:
    """End the command, and a job over gloo as :func:`close_process_group` does."""
    dist = sys.modules.get('torch.distributed')
    if dist and dist.is_available() and dist.is_initialized() and dist.get_backend() == 'gloo':
        _end_process(status)
    raise SystemExit(status) from None


def _end_process(status: int) -> None:
    """End this process at once, and with it those that it has started."""
    for child in multiprocessing.active_children():
        child.terminate()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def enable_amp(cfg: 'Config') -> None:
    """Train in mixed precision: float16 with loss scaling, on CPUs bfloat16 without.

    Args:
        cfg (Config): Changed in place. An ``AmpOptimWrapper`` of the config keeps its settings.
    """
    from mmengine.device import get_device

    from bas_mm.utils.config_types import type_name

    wrapper = cfg.optim_wrapper
    kind = type_name(wrapper) or 'OptimWrapper'
    if kind not in ('OptimWrapper', 'AmpOptimWrapper', 'CPUAmpOptimWrapper'):
        fail(f'--amp: the config has the optimizer wrapper {kind}, which --amp cannot replace')
    if get_device() == 'cpu':
        _say('--amp without an accelerator: bfloat16 on the CPU')
        set_cpu_amp(cfg)
    elif kind == 'OptimWrapper':
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')


def set_cpu_amp(cfg: 'Config') -> None:
    """Train in the mixed precision of CPUs: bfloat16, without what an ``AmpOptimWrapper`` is told.

    Args:
        cfg (Config): Changed in place.
    """
    cfg.optim_wrapper.type = 'bas_mm.CPUAmpOptimWrapper'
    for key in ('loss_scale', 'dtype', 'use_fsdp'):
        cfg.optim_wrapper.pop(key, None)


def enable_ten_crop(cfg: 'Config') -> None:
    """Ten crops for the command line: those of put_ten_crop, or exit with status 2.

    Args:
        cfg (Config): Changed in place.
    """
    from bas_mm.apis.config_datasets import put_ten_crop

    if not put_ten_crop(cfg):
        fail('--tta: the test pipeline has no LocCenterCrop that ten crops could replace')


def _say(message: str) -> None:
    """One line per job, before there is a logger."""
    if _rank() == '0':
        print(message, flush=True)
