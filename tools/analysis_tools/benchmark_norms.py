"""What it costs that batch norms share their statistics over processes.

    python tools/analysis_tools/benchmark_norms.py
    python tools/analysis_tools/benchmark_norms.py --processes 4 --batch 32 --device cuda

Each process runs a chain of convolutions (1×1), norms and ReLUs, forward and backward, with
``BatchNorm2d``, which shares nothing, with our ``WaitFreeSyncBatchNorm``, and on GPUs with torch's
``SyncBatchNorm``, in turn: medians over the rounds, of the first process. *host* is the time after
which the host has given all work to the device: where that is nearly the whole, it has waited for
it. On a CPU the host does the work itself.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import require_writable, run_command

if TYPE_CHECKING:
    import torch

ALONE, OURS, TORCHS = 'BatchNorm2d', 'WaitFreeSyncBatchNorm', 'SyncBatchNorm'


def chain_with(name: str, args: argparse.Namespace) -> torch.nn.Module:
    """The chain of layers with one kind of norms; the same weights whatever the kind."""
    import torch
    from torch import nn

    from bas_mm.models.layers import synchronise_batch_norms

    torch.manual_seed(0)
    layers = [
        layer
        for _ in range(args.depth)
        for layer in (
            nn.Conv2d(args.channels, args.channels, 1, bias=False),
            nn.BatchNorm2d(args.channels),
            nn.ReLU(inplace=True),
        )
    ]
    chain = nn.Sequential(*layers)
    if name == OURS:
        synchronise_batch_norms(chain)
    elif name == TORCHS:
        chain = nn.SyncBatchNorm.convert_sync_batchnorm(chain)
    return chain


def pass_through(
    chain: torch.nn.Module, x: torch.Tensor, device: torch.device
) -> Callable[[], tuple[float, float]]:
    """A function that goes forward and back: seconds of the host, and until the device is done."""
    import torch.distributed as dist

    from bas_mm.benchmarking.device import synchronise

    def run() -> tuple[float, float]:
        chain.zero_grad()
        x.grad = None
        synchronise(device)
        dist.barrier()
        begin = time.perf_counter()
        chain(x).sum().backward()
        host = time.perf_counter() - begin
        synchronise(device)
        return host, time.perf_counter() - begin

    return run


def work(rank: int, args: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """One of the processes: seconds of the host and in all, per round, by kind of norm."""
    import torch
    import torch.distributed as dist

    device = torch.device('cpu')
    if args.device == 'cuda':
        device = torch.device('cuda', rank)
        torch.cuda.set_device(device)
    torch.set_num_threads(args.threads)
    x = torch.randn(args.batch, args.channels, args.size, args.size, device=device)
    names = [ALONE, OURS] + [TORCHS] * (device.type == 'cuda')
    runs = {
        name: pass_through(chain_with(name, args).to(device), x.requires_grad_(), device)
        for name in names
    }
    seconds = {name: [] for name in names}
    for round_ in range(-1, args.rounds):
        for name, run in runs.items():
            pair = run()
            if round_ >= 0:  # the first only warms up
                seconds[name].append(pair)
    dist.barrier()
    return seconds


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--processes', type=int, default=2, help='that share; default: %(default)s')
    parser.add_argument(
        '--batch', type=int, default=8, help='pictures of each process; default: %(default)s'
    )
    parser.add_argument(
        '--channels', type=int, default=256, help='of the maps; default: %(default)s'
    )
    parser.add_argument(
        '--size', type=int, default=28, help='height and width of the maps; default: %(default)s'
    )
    parser.add_argument('--depth', type=int, default=10, help='layers; default: %(default)s')
    parser.add_argument(
        '--rounds', type=int, default=9, help='how often each is timed; default: %(default)s'
    )
    parser.add_argument(
        '--threads', type=int, default=1, help='of each process on a CPU; default: %(default)s'
    )
    parser.add_argument('--device', choices=['cpu', 'cuda'], help='default: cuda where it is there')
    parser.add_argument('--out', help='JSON file of all figures')
    args = parser.parse_args(argv)
    numbers = args.batch, args.channels, args.size, args.depth, args.rounds, args.threads
    if min(numbers) < 1:
        parser.error('numbers must be positive')
    if args.processes < 2:
        parser.error('--processes: statistics are shared by two processes or more')

    import torch

    gpus = torch.cuda.device_count()
    if args.device is None:
        args.device = 'cuda' if gpus else 'cpu'
    if args.device == 'cuda' and gpus < args.processes:
        parser.error(f'--processes {args.processes} on {gpus} GPU(s): give fewer, or --device cpu')
    if args.out:
        require_writable(args.out, '--out')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the table, write the figures."""
    args = parse_args(argv)

    from bas_mm.benchmarking.figures import write_figures
    from bas_mm.benchmarking.process_group import run_in_group
    from bas_mm.benchmarking.timing import ratio_cells, ratio_of_rounds
    from bas_mm.utils.markdown_table import markdown_table

    seconds = run_in_group(args.processes, args.device, work, args)
    rows = [['norm', 'ms of a layer', 'host, ms', 'over BatchNorm2d', 'min – max']]
    figures = {}
    for name, pairs in seconds.items():
        host, whole = (list(column) for column in zip(*pairs))
        ratio = ratio_of_rounds(whole, [pair[1] for pair in seconds[ALONE]])
        figures[name] = dict(seconds=whole, host_seconds=host, ratio=ratio)
        medians = (1e3 * statistics.median(v) / args.depth for v in (whole, host))
        rows.append([name, *(f'{ms:.3f}' for ms in medians), *ratio_cells(ratio)])
    print(markdown_table(rows))
    if args.out:
        settings = {key: value for key, value in vars(args).items() if key != 'out'}
        write_figures(args.out, argv, args.device, settings=settings, figures=figures)


if __name__ == '__main__':
    run_command(main)
