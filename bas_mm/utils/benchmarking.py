"""What the benchmarks under ``tools/analysis_tools`` share: timing in turn, and the machine."""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from bas_mm.command_line import require_file

from .worker_processes import usable_cores

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config

__all__ = [
    'BACKBONES',
    'add_network_arguments',
    'build_model',
    'collate_of',
    'held_bytes',
    'in_turn',
    'machine_facts',
    'peak_bytes',
    'quiet_logs',
    'random_items',
    'ratio_cells',
    'ratio_of_rounds',
    'resolve_networks',
    'seconds_in_turn',
    'synchronise',
    'without_weights',
    'write_figures',
]

#: The paper's.
BACKBONES = ('vgg16', 'mobilenetv1', 'resnet50', 'inceptionv3')
_MODULES = ('torch', 'torchvision', 'mmengine', 'mmcv', 'numpy', 'cv2')


def seconds_in_turn(
    rounds: int, functions: Mapping[str, Callable[[], object]]
) -> dict[str, list[tuple[float, float]]]:
    """Time functions in turn, so that a busy moment of the machine falls on all of them.

    Args:
        rounds: How often each function runs.
        functions: What to time, by name. Work on a GPU must be waited for inside.

    Returns:
        By name, per round, in seconds: the wall clock, and the time that the cores spent on this
        process, without its children.
    """
    seconds: dict[str, list] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            begin = time.perf_counter(), time.process_time()
            function()
            end = time.perf_counter(), time.process_time()
            seconds[name].append((end[0] - begin[0], end[1] - begin[1]))
    return seconds


def in_turn(rounds: int, **functions: Callable[[], object]) -> dict[str, dict[str, float]]:
    """Medians of :func:`seconds_in_turn`.

    Args:
        rounds: How often each function runs; at least once.
        **functions: What to time, by name. Work on a GPU must be waited for inside.

    Returns:
        By name, in seconds: ``median`` and ``best`` (the quickest round) of the wall clock, and
        ``core``, the median time that the cores spent on this process, without its children.
    """
    rows = {}
    for name, pairs in seconds_in_turn(rounds, functions).items():
        wall, core = zip(*pairs)
        rows[name] = dict(
            median=statistics.median(wall), best=min(wall), core=statistics.median(core)
        )
    return rows


def ratio_of_rounds(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """Ratios of two functions' seconds, round by round: their median, and how far they spread.

    Args:
        above: Seconds per round.
        below: Those of the other, in the same rounds.

    Returns:
        ``median``, ``min`` and ``max``.
    """
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return dict(median=statistics.median(ratios), min=min(ratios), max=max(ratios))


def ratio_cells(ratio: Mapping[str, float]) -> list[str]:
    """Two cells of a table: the median, and the smallest and largest ratio.

    Args:
        ratio: Of :func:`ratio_of_rounds`.
    """
    return [f'{ratio["median"]:.3f}', f'{ratio["min"]:.3f} – {ratio["max"]:.3f}']


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all work it was given."""
    if device.type == 'cuda':
        import torch

        torch.cuda.synchronize(device)


def peak_bytes(function: Callable[[], object], device: torch.device) -> int:
    """Most bytes of tensors at a time while a function runs, beyond those at its start.

    On a GPU these are torch's own figures of what was allocated there. On a CPU each allocation
    and release of torch's allocator is recorded and added up: that is exact, other processes and
    fragments do not matter. Scratch memory that oneDNN and BLAS get from the system by themselves
    is not among it.

    Args:
        function: What to run, once.
        device: Where its tensors are.
    """
    import torch

    if device.type == 'cuda':
        synchronise(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        synchronise(device)
        return torch.cuda.max_memory_allocated(device) - before
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        function()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == '[memory]']
    events.sort(key=lambda event: event.start_ns())
    return max(accumulate((event.nbytes() for event in events), initial=0))


def collate_of(dataloader: Mapping) -> Callable[[list], dict]:
    """The function by which a loader of a config makes a batch of samples.

    Args:
        dataloader: Such as ``train_dataloader``.
    """
    from mmengine.registry import FUNCTIONS

    arguments = dict(dataloader.get('collate_fn') or dict(type='pseudo_collate'))
    return partial(FUNCTIONS.get(arguments.pop('type')), **arguments)


def random_items(count: int, size: int, num_classes: int) -> list[dict]:
    """Samples of random bytes, as ``PackLocalizationInputs`` would give them; always the same.

    Args:
        count: How many.
        size: Height and width.
        num_classes: Labels are below.
    """
    import torch
    from mmpretrain.structures import DataSample

    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, num_classes, (count,), generator=generator)
    return [
        dict(inputs=image, data_samples=DataSample().set_gt_label(label))
        for image, label in zip(images, labels.tolist())
    ]


def without_weights(cfg: Config, num_classes: int | None = None) -> Config:
    """Let a config's model start from random weights, in place: no checkpoint is read.

    Args:
        cfg: A config with a ``model`` of ours.
        num_classes: In place of the config's own number of classes. K is then at most this.

    Returns:
        The same config.
    """
    cfg.model.backbone.pop('init_cfg', None)
    cfg.load_from = None
    if num_classes is not None:
        for part in ('head', 'generator'):
            if part in cfg.model:
                cfg.model[part].num_classes = num_classes
        test_cfg = cfg.model.get('test_cfg') or {}
        if test_cfg.get('topk', 1) > num_classes:
            test_cfg.topk = num_classes
    return cfg


def build_model(cfg: Config) -> torch.nn.Module:
    """A config's model with its initial weights.

    Args:
        cfg: Its ``default_scope`` becomes that of this process.
    """
    from mmengine.registry import init_default_scope

    from .config_model import build_model as build
    from .config_model import scope_of

    init_default_scope(scope_of(cfg))
    model = build(cfg)
    model.init_weights()
    return model


def quiet_logs() -> None:
    """Let mmengine's logger speak of warnings only, not of each weight that was initialised."""
    from mmengine.logging import MMLogger

    MMLogger.get_current_instance().setLevel('WARNING')


def held_bytes(model: torch.nn.Module, optimizer: torch.optim.Optimizer | None = None) -> int:
    """Bytes of a model's parameters and buffers, and of its optimizer's state."""
    tensors = [*model.parameters(), *model.buffers()]
    if optimizer is not None:
        states = (value for state in optimizer.state.values() for value in state.values())
        tensors += [value for value in states if hasattr(value, 'untyped_storage')]
    storages = {s.data_ptr(): s.nbytes() for s in (t.untyped_storage() for t in tensors)}
    return sum(storages.values())


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Which networks of BAS a benchmark is about, where they run, and where its figures go."""
    parser.add_argument(
        '--backbones', nargs='+', choices=BACKBONES, default=BACKBONES, help="of the paper's"
    )
    parser.add_argument('--configs', nargs='+', help='BAS configs, in place of --backbones')
    parser.add_argument('--device', help="such as 'cpu' (a GPU where there is one)")
    parser.add_argument('--out', help='JSON file of all figures')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='for all configs'
    )


def resolve_networks(args: argparse.Namespace, folder: Path) -> None:
    """Put the names and config files of the networks into the arguments, as ``names``, ``configs``.

    Args:
        args: Of a parser with :func:`add_network_arguments`.
        folder: Of the BAS configs.

    Raises:
        SystemExit: With status 2, where a config file does not exist.
    """
    args.names = [Path(path).stem for path in args.configs or []] or list(args.backbones)
    args.configs = args.configs or [
        str(folder / f'bas_{backbone}_cub.py') for backbone in args.backbones
    ]
    for path in args.configs:
        require_file(path, 'config')


def write_figures(
    path: str, argv: Sequence[str] | None, device: torch.device | str, **figures: object
) -> None:
    """Write a benchmark's figures, with what they depend on, and say where.

    Args:
        path: A JSON file.
        argv: What the benchmark was called with; None: the command line.
        device: Where it ran.
        **figures: Its settings and figures, plain values.
    """
    from bas_mm.utils.result_files import write_json

    command = [Path(sys.argv[0]).name, *(sys.argv[1:] if argv is None else argv)]
    facts = dict(command=command, machine=machine_facts(), device=str(device))
    write_json(path, {**facts, **figures})
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
