"""What the benchmarks under ``tools/analysis_tools`` share: timing in turn, and the machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

__all__ = ['in_turn', 'machine_facts']

_MODULES = ('torch', 'torchvision', 'mmengine', 'mmcv', 'numpy')


def in_turn(rounds: int, **functions: Callable[[], object]) -> dict[str, dict[str, float]]:
    """Time functions in turn, so that a busy moment of the machine falls on all of them.

    Args:
        rounds: How often each function runs; at least once.
        **functions: What to time, by name. Work on a GPU must be waited for inside.

    Returns:
        By name, in seconds: ``median`` and ``best`` (the quickest round) of the wall clock, and
        ``core``, the median time that the cores spent on this process, without its children.
    """
    seconds: dict[str, list] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            begin = time.perf_counter(), time.process_time()
            function()
            end = time.perf_counter(), time.process_time()
            seconds[name].append([b - a for a, b in zip(begin, end)])
    rows = {}
    for name, pairs in seconds.items():
        wall, core = zip(*pairs)
        rows[name] = dict(
            median=statistics.median(wall), best=min(wall), core=statistics.median(core)
        )
    return rows


def machine_facts() -> dict[str, str | int | dict[str, str]]:
    """Name what a benchmark's figures depend on, as plain values for a JSON file.

    Returns:
        ``cpu`` (its model), ``cores`` (those this process may use), ``threads`` (of torch),
        ``device`` (the GPU's name, or 'cpu'), ``python``, and ``versions`` of the libraries.
    """
    import torch

    return dict(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count(),
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu',
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
