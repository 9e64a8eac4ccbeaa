"""Charts as inline SVG: numbers in, text out. Colours and fonts come from the page's style."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import cv2
import numpy as np

__all__ = ['Axis', 'Series', 'bar_chart', 'line_chart', 'outline']

_WIDTH, _HEIGHT = 360, 236
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 350, 12, 200


class Axis(NamedTuple):
    """One axis of a chart.

    Attributes:
        label (str): What it measures.
        low (float): Value at its start.
        high (float): Value at its end.
        ticks (Sequence[float]): Values that are named.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[float]


class Series(NamedTuple):
    """One line of a chart.

    Attributes:
        slot (int): Number of its colour.
        x (np.ndarray): Shape (k,).
        y (np.ndarray): Shape (k,).
        mark (tuple[float, float] | None): A point that is marked with a dot.
        dashed (bool): Whether the line is dashed.
    """

    slot: int
    x: np.ndarray
    y: np.ndarray
    mark: tuple[float, float] | None = None
    dashed: bool = False


def _number(value: float) -> str:
    """At most one decimal: a tenth of a pixel is not seen."""
    return f'{value:.1f}'.removesuffix('.0')


def _at(values: np.ndarray, axis: Axis, start: float, end: float) -> np.ndarray:
    share = (np.asarray(values, dtype=np.float64) - axis.low) / (axis.high - axis.low)
    return start + share * (end - start)


def _frame(x_axis: Axis, y_axis: Axis) -> list[str]:
    parts = []
    for value, y in zip(y_axis.ticks, _at(y_axis.ticks, y_axis, _BOTTOM, _TOP)):
        parts.append(f'<path class="grid" d="M{_LEFT} {_number(y)}H{_RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{_number(y + 4)}" class="end">{value:g}</text>')
    for value, x in zip(x_axis.ticks, _at(x_axis.ticks, x_axis, _LEFT, _RIGHT)):
        parts.append(f'<path class="grid" d="M{_number(x)} {_TOP}V{_BOTTOM}"/>')
        parts.append(f'<text x="{_number(x)}" y="{_BOTTOM + 15}" class="mid">{value:g}</text>')
    middle = (_LEFT + _RIGHT) // 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 5}" class="mid">{escape(x_axis.label)}</text>')
    return parts


def _chart(parts: Sequence[str], label: str, attributes: str = '') -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}"{attributes}>{"".join(parts)}</svg>'
    )


def line_chart(series: Sequence[Series], x_axis: Axis, y_axis: Axis, label: str) -> str:
    """Lines over a grid.

    Args:
        series (Sequence[Series]): The lines, the last one on top; what is NaN is left out.
        x_axis (Axis): Where values lie from left to right.
        y_axis (Axis): Likewise from the bottom up; its label is the page's affair.
        label (str): What the chart shows, for those who do not see it.

    Returns:
        str: An ``<svg>`` element. Lines have the class ``line`` and ``m0``, ``m1`` and so on.
    """
    parts = _frame(x_axis, y_axis)
    for line in series:
        x = _at(line.x, x_axis, _LEFT, _RIGHT).round(1)
        y = _at(line.y, y_axis, _BOTTOM, _TOP).round(1)
        kept = np.isfinite(x) & np.isfinite(y)
        x, y = x[kept], y[kept]
        # A point between two of its own height shows nothing.
        inner = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
        shown = np.concatenate([[True], ~inner, [True]]) if len(y) > 2 else np.ones(len(y), bool)
        points = ' '.join(f'{_number(a)},{_number(b)}' for a, b in zip(x[shown], y[shown]))
        dashed = ' dashed' if line.dashed else ''
        parts.append(f'<polyline class="line m{line.slot}{dashed}" points="{points}"/>')
        if line.mark is not None:
            cx = _number(float(_at(line.mark[0], x_axis, _LEFT, _RIGHT)))
            cy = _number(float(_at(line.mark[1], y_axis, _BOTTOM, _TOP)))
            parts.append(f'<circle class="mark m{line.slot}" cx="{cx}" cy="{cy}" r="4"/>')
    return _chart(parts, label)


def bar_chart(counts: np.ndarray, x_axis: Axis, label: str) -> str:
    """Histograms side by side, each as shares of its own sum; the tallest bar fills the height.

    The page's script can put other counts in: each bar knows its series (``data-m``) and bin
    (``data-b``), and the three texts of the y axis have the class ``share``.

    Args:
        counts (np.ndarray): Shape (M, B), of M series in B bins over the whole x axis.
        x_axis (Axis): The axis of the bins.
        label (str): What the chart shows.

    Returns:
        str: An ``<svg>`` element.
    """
    counts = np.asarray(counts, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    top = shares.max() or 1.0
    y_axis = Axis('', 0, 100 * top, ())
    parts = _frame(x_axis, y_axis)
    for share in (0.0, 0.5, 1.0):
        y = _BOTTOM + share * (_TOP - _BOTTOM)
        parts.append(f'<path class="grid" d="M{_LEFT} {_number(y)}H{_RIGHT}"/>')
        value = f'{100 * top * share:.{0 if top >= 0.1 else 1}f}'
        parts.append(f'<text x="{_LEFT - 6}" y="{_number(y + 4)}" class="end share">{value}</text>')
    methods, bins = counts.shape
    slot = (_RIGHT - _LEFT) / bins
    width = slot * 0.84 / methods
    for m in range(methods):
        for b in range(bins):
            height = shares[m, b] / top * (_BOTTOM - _TOP)
            x = _LEFT + b * slot + slot * 0.08 + m * width
            parts.append(
                f'<rect class="bar m{m}" data-m="{m}" data-b="{b}" x="{x:.2f}" '
                f'y="{_BOTTOM - height:.2f}" width="{width:.2f}" height="{height:.2f}"/>'
            )
    return _chart(parts, label, f' data-top="{_TOP}" data-bottom="{_BOTTOM}"')


def outline(mask: np.ndarray) -> str:
    """The border of a mask as the ``d`` of a ``<path>``, through the middle of its border pixels.

    Args:
        mask (np.ndarray): Shape (H, W), bool.

    Returns:
        str: Closed paths, holes too; empty for an empty mask.
    """
    contours, _ = cv2.findContours(
        np.ascontiguousarray(mask, dtype=np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
    )
    return ''.join(
        'M' + 'L'.join(f'{x + 0.5:g} {y + 0.5:g}' for x, y in contour[:, 0].tolist()) + 'Z'
        for contour in contours
    )
