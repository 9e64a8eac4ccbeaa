"""Seconds of functions, in turn, and their ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    'in_turn',
    'parts_and_shares',
    'ratio_cells',
    'ratio_of_rounds',
    'seconds_in_turn',
]


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


def parts_and_shares(
    rounds: Sequence[Mapping[str, float]], parts: Iterable[str], inner: Iterable[str] = ()
) -> dict:
    """Medians of the seconds of a whole's parts, and their shares of the sum.

    Args:
        rounds: Seconds by part; a part that a round does not have took none.
        parts: Those that make the whole.
        inner: Parts of one of these, which are not added to the sum.

    Returns:
        ``seconds`` and ``shares`` by part, and ``sum``.
    """
    parts = list(parts)
    seconds = {
        part: statistics.median(row.get(part, 0.0) for row in rounds) for part in (*parts, *inner)
    }
    whole = sum(seconds[part] for part in parts)
    shares = {part: value / whole for part, value in seconds.items()}
    return dict(seconds=seconds, sum=whole, shares=shares)


def ratio_cells(ratio: Mapping[str, float]) -> list[str]:
    """Two cells of a table: the median, and the smallest and largest ratio.

    Args:
        ratio: Of :func:`ratio_of_rounds`.
    """
    return [f'{ratio["median"]:.3f}', f'{ratio["min"]:.3f} – {ratio["max"]:.3f}']
