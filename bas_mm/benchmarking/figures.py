"""The files of figures that benchmarks write, and the machine that they name."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bas_mm.utils.worker_processes import usable_cores

if TYPE_CHECKING:
    import torch

__all__ = [
    'OUT_HELP',
    'machine_facts',
    'write_figures',
]

#: Of ``--out`` where figures are written after each network.
OUT_HELP = 'JSON file of all figures; until they are there, NAME.partial.json beside it'

_MODULES = ('torch', 'torchvision', 'mmengine', 'mmcv', 'numpy', 'cv2')


def write_figures(
    path: str,
    argv: Sequence[str] | None,
    device: torch.device | str,
    partial: bool = False,
    **figures: object,
) -> None:
    """Write a benchmark's figures, with what they depend on, and say where.

    Args:
        path: A JSON file.
        argv: What the benchmark was called with; None: the command line.
        device: Where it ran.
        partial: Whether there are more to come. So that a benchmark that is stopped does not lose
            these, they go to ``NAME.partial.json`` beside ``NAME.json``, which is deleted when all
            figures are written.
        **figures: Its settings and figures, plain values.
    """
    from bas_mm.utils.result_files import write_json

    command = [Path(sys.argv[0]).name, *(sys.argv[1:] if argv is None else argv)]
    facts = dict(command=command, machine=machine_facts(), device=str(device))
    until_then = Path(path).with_suffix('.partial.json')
    write_json(until_then if partial else path, {**facts, **figures})
    if not partial:
        until_then.unlink(missing_ok=True)
        print(f'\nFigures: {path}')


def machine_facts() -> dict[str, str | int | dict]:
    """Name what a benchmark's figures depend on, as plain values for a JSON file.

    Returns:
        ``cpu`` (its model), ``cores`` (those this process may use), ``threads`` (of torch),
        ``device`` (the GPU's name, or 'cpu'), ``tf32`` (whether GPUs use it), ``python``, and
        ``versions`` of the libraries.
    """
    import torch

    return dict(
        cpu=_cpu_model(),
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu',
        # Whether GPUs may round the factors of float32 to 10 bits.
        tf32=dict(
            convolutions=torch.backends.cudnn.allow_tf32,
            products=torch.backends.cuda.matmul.allow_tf32,
        ),
        python=platform.python_version(),
        # Of the modules: OpenMMLab's packages are published under several names.
        versions={name: import_module(name).__version__ for name in _MODULES},
    )


def _cpu_model() -> str:
    path = Path('/proc/cpuinfo')
    if path.is_file():
        for line in path.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()
