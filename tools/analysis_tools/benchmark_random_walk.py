"""Seconds and memory of the random walk, against the plain loop of sparse products.

    python tools/analysis_tools/benchmark_random_walk.py
    python tools/analysis_tools/benchmark_random_walk.py --size 160 214 --classes 6 --device cuda

Both walk over the same maps, in turn, on one thread, and their results are compared. The plain loop
builds T as a sparse matrix and multiplies by it once per step. Times are medians over the rounds,
with the quickest round beside it: on a busy machine look at that one. Memory is what a process of
its own needed more at its peak than before the walk; on a GPU, what torch allocated there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

# Before NumPy and torch start their threads.
os.environ.setdefault('OMP_NUM_THREADS', '1')

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.benchmarking.device import synchronise
from bas_mm.benchmarking.figures import write_figures
from bas_mm.benchmarking.timing import in_turn
from bas_mm.command_line import require_writable, run_command

if TYPE_CHECKING:
    import torch

    Walk = Callable[[torch.Tensor, torch.Tensor, int, float, int], torch.Tensor]


def inputs(size: tuple[int, int], classes: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps (K, h, w), and a boundary (h, w) with regions and edges between them."""
    import torch
    import torch.nn.functional as F

    generator = torch.Generator().manual_seed(0)
    coarse = 4 * torch.randn(1, 1, max(2, size[0] // 8), max(2, size[1] // 8), generator=generator)
    boundary = F.interpolate(coarse, size, mode='bilinear').sigmoid()[0, 0]
    maps = torch.rand(classes, *size, generator=generator)
    return maps.to(device), boundary.to(device)


def plain_walk(
    maps: torch.Tensor, boundary: torch.Tensor, radius: int, beta: float, steps: int
) -> torch.Tensor:
    """x·(1 − e)·T^steps by one sparse product per step."""
    import torch

    from bas_mm.models.functional import neighbour_affinities, pair_offsets

    height, width = boundary.shape
    weights = neighbour_affinities(boundary, radius).pow(beta).flatten(1)
    first = torch.arange(height * width, device=boundary.device)
    rows, columns, values = [first], [first], [torch.ones_like(weights[0])]
    for weight, (y, x) in zip(weights, pair_offsets(radius)):
        there = weight > 0
        i, j = first[there], first[there] + y * width + x
        rows += [i, j]
        columns += [j, i]
        values += [weight[there]] * 2
    index = torch.stack([torch.cat(rows), torch.cat(columns)])
    matrix = torch.sparse_coo_tensor(
        index, torch.cat(values), (len(first),) * 2, check_invariants=False
    ).to_sparse_csr()
    sums = matrix @ matrix.values().new_ones(len(first), 1)
    walked = (maps * (1 - boundary)).flatten(1).T.contiguous()
    for _ in range(steps):
        walked = (matrix @ walked) / sums  # T is symmetric but for the sums
    return walked.T.reshape(maps.shape)


def seconds_of_walks(
    walks: Mapping[str, Walk], arguments: tuple, rounds: int
) -> dict[str, dict[str, float]]:
    """Median and quickest round of each walk; a first one is not counted."""

    def run(walk: Walk) -> None:
        walk(*arguments)
        synchronise(arguments[0].device)

    runs = {name: partial(run, walk) for name, walk in walks.items()}
    in_turn(1, **runs)
    return in_turn(rounds, **runs)


def _peak_megabytes(walk: Walk, args: argparse.Namespace, result: multiprocessing.Queue) -> None:
    import torch

    torch.set_num_threads(1)
    arguments = (*inputs(tuple(args.size), args.classes, args.device), *_numbers(args))
    if args.device.startswith('cuda'):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        walk(*arguments)
        result.put((torch.cuda.max_memory_allocated() - before) / 2**20)
    else:
        before = _resident_kilobytes('VmRSS')
        walk(*arguments)
        result.put((_resident_kilobytes('VmHWM') - before) / 2**10)


def _resident_kilobytes(entry: str) -> int:
    """Of this process: VmRSS now, VmHWM at its peak. (A parent's peak is in ru_maxrss too.)"""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{entry}:'):
            return int(line.split()[1])
    raise SystemExit(f'error: no {entry} in /proc/self/status; memory is measured on Linux only')


def megabytes_more(walk: Walk, args: argparse.Namespace) -> float:
    """What one walk needs beyond what the process had before, in MB.

    The process is a fork of this one, which has imported all that a walk needs and has not walked:
    neither imports nor what another walk has freed are counted. A GPU is not to be used in a fork,
    and its memory has neither.
    """
    context = multiprocessing.get_context('spawn' if args.device.startswith('cuda') else 'fork')
    result = context.Queue()
    process = context.Process(target=_peak_megabytes, args=(walk, args, result))
    process.start()
    value = result.get(timeout=300)
    process.join()
    return value


def _numbers(args: argparse.Namespace) -> tuple:
    return args.radius, args.beta, args.steps


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(94, 125),
        help='grid, h and w; default: 94 125, that of 500×375 pixels',
    )
    parser.add_argument(
        '--classes', type=int, default=3, help='maps that walk; default: %(default)s'
    )
    parser.add_argument(
        '--radius',
        type=int,
        default=5,
        help='of the pairs, in cells of the grid; default: %(default)s',
    )
    parser.add_argument(
        '--beta', type=float, default=10, help='power of the affinities; default: %(default)s'
    )
    parser.add_argument('--steps', type=int, default=256, help='of the walk; default: %(default)s')
    parser.add_argument(
        '--rounds', type=int, default=5, help='how often each is timed; default: %(default)s'
    )
    parser.add_argument('--device', default='cpu', help='such as cuda; default: %(default)s')
    parser.add_argument('--out', help='JSON file of all figures')
    args = parser.parse_args(argv)
    if args.out:
        require_writable(args.out, '--out')
    return args


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Run the command and return what it printed."""
    args = parse_args(argv)
    import torch

    from bas_mm.models.functional import random_walk

    torch.set_num_threads(1)
    walks: dict[str, Walk] = {'random_walk': random_walk, 'plain_loop': plain_walk}
    megabytes = {name: megabytes_more(walk, args) for name, walk in walks.items()}
    arguments = (*inputs(tuple(args.size), args.classes, args.device), *_numbers(args))
    ours, plain = (
        walk(*(a.double() for a in arguments[:2]), *arguments[2:]) for walk in walks.values()
    )
    difference = (ours - plain).abs().max().item()
    if difference > 1e-6:
        raise SystemExit(f'error: the two walks differ by {difference:.1e}')
    single = (random_walk(*arguments).double() - plain).abs().max().item()
    figures = dict(difference_float64=difference, difference_float32=single)
    print(f'largest difference: {difference:.1e} in float64, {single:.1e} in float32')
    for name, times in seconds_of_walks(walks, arguments, args.rounds).items():
        figures[f'{name}_seconds'] = times['median']
        figures[f'{name}_seconds_quickest'] = times['best']
        figures[f'{name}_megabytes'] = megabytes[name]
        print(
            f'{name:12} {times["median"]:.3f} s (quickest {times["best"]:.3f} s), '
            f'{megabytes[name]:.0f} MB more'
        )
    if args.out:
        write_figures(args.out, argv, args.device, **figures)
    return figures


if __name__ == '__main__':
    run_command(lambda: main() and None)
