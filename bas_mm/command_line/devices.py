"""The device of a command, and the processes of its job."""

import os
import re
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from .ends import end_process, group_backend
from .messages import LAUNCHER_VARIABLES, fail, print_error, say

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['close_process_group', 'prepare_devices']

_STARTERS = {
    'pytorch': 'tools/dist_train.sh, tools/dist_test.sh or the like',
    'slurm': 'tools/slurm_train.sh, tools/slurm_test.sh or srun',
    'mpi': 'mpirun',
}


def prepare_devices(cfg: 'Config', launcher: str) -> None:
    """Set the launcher, and on machines without an accelerator make jobs work.

    A job whose launcher has not told its processes what they need to find each other ends here,
    with status 2.

    Without an accelerator, loaders get no ``pin_memory``, which torch would warn of in each epoch,
    and metrics no ``num_workers``, whose processes would take the network's cores.

    mmengine's own start of a process group selects a CUDA device first. Without one, this
    function starts the group itself, over gloo; it also drops ``sync_bn``, as torch synchronises
    batch norms on accelerators only, and keeps devices out of the model's wrapper.

    Args:
        cfg (Config): Changed in place.
        launcher (str): 'none', 'pytorch', 'slurm' or 'mpi'.
    """
    cfg.launcher = launcher
    if launcher != 'none':
        # Before mmengine and torch read them, which end in a KeyError, or wait for nobody.
        _set_job_variables(launcher)
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
    if launcher != 'none':
        _start_gloo_group(cfg)


def _set_job_variables(launcher: str) -> None:
    """Set torch's variables of a job from the launcher's, or exit with status 2."""
    for name, variable in LAUNCHER_VARIABLES[launcher].items():
        if variable not in os.environ:
            fail(
                f'--launcher {launcher}: the variable {variable} is not set; start the job with '
                f'{_STARTERS[launcher]}'
            )
        os.environ.setdefault(name, os.environ[variable])
    _check_job_variables(launcher)
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_host(launcher)


def _check_job_variables(launcher: str) -> None:
    """Exit with status 2 where the numbers of a job cannot be right: it would wait for hours."""
    variables = LAUNCHER_VARIABLES[launcher]
    values = {name: os.environ[variable] for name, variable in variables.items()}
    for name, value in values.items():
        if not re.fullmatch('[0-9]+', value):
            _refuse(launcher, variables[name], value, 'a whole number')
    if int(values['RANK']) >= int(values['WORLD_SIZE']):
        right = f'less than {variables["WORLD_SIZE"]}={values["WORLD_SIZE"]}'
        _refuse(launcher, variables['RANK'], values['RANK'], right)
    port = os.environ.setdefault('MASTER_PORT', '29500')
    if not re.fullmatch('[0-9]+', port) or int(port) > 65535:
        _refuse(launcher, 'MASTER_PORT', port, 'a whole number up to 65535')


def _refuse(launcher: str, variable: str, value: str, right: str) -> NoReturn:
    # Said by this process, whichever it is: that number may be what is wrong.
    print_error(f'--launcher {launcher}: the variable {variable}={value} must be {right}')
    raise SystemExit(2)


def _start_gloo_group(cfg: 'Config') -> None:
    """Start a job's process group on machines without an accelerator, and have the config fit."""
    import torch.distributed as dist

    env_cfg = cfg.setdefault('env_cfg', {})
    dist_cfg = env_cfg.setdefault('dist_cfg', {})
    if dist_cfg.get('backend', 'nccl') != 'gloo':
        say(f'no accelerator: backend gloo in place of {dist_cfg.get("backend", "nccl")}')
        dist_cfg['backend'] = 'gloo'
    if cfg.get('sync_bn') is not None:
        say("no accelerator: sync_bn is dropped, torch's norms synchronise on accelerators only")
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
    if launcher == 'pytorch' and int(os.environ['WORLD_SIZE']) > 1:
        fail(
            '--launcher pytorch: the variable MASTER_ADDR is not set: the name of the first '
            f'machine, 127.0.0.1 where there is one. {_STARTERS["pytorch"]} set it'
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
    backend = group_backend()
    if backend == 'gloo':
        end_process(0)
    elif backend is not None:
        import torch.distributed as dist

        dist.destroy_process_group()
