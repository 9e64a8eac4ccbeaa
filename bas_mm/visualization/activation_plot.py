"""Cross-entropy and activation against the area of the foreground mask, as a plot."""

import io
from collections.abc import Sequence

import numpy as np

__all__ = ['draw_activation_plot', 'settled_at']


def settled_at(ratios: Sequence[float], values: Sequence[float], share: float = 0.95) -> float:
    """Where a falling curve has made most of its way.

    Args:
        ratios (Sequence[float]): Shape (R,), ascending.
        values (Sequence[float]): Shape (R,).
        share (float): Of the fall from the first value to the minimum, in (0, 1].

    Returns:
        float: The first ratio whose value is at least so far down.

    Examples:
        >>> settled_at([0.5, 1.0, 1.5, 2.0], [1.0, 0.2, 0.02, 0.0])
        1.5
    """
    values = np.asarray(values, dtype=np.float64)
    limit = values[0] - share * (values[0] - values.min())
    return float(np.asarray(ratios)[np.flatnonzero(values <= limit)[0]])


def draw_activation_plot(
    ratios: Sequence[float],
    cross_entropy: np.ndarray,
    foreground: np.ndarray,
    background: np.ndarray,
    title: str,
    kind: str = 'png',
) -> bytes:
    """Draw the curves over the area of the mask; 1 is the object's own.

    Args:
        ratios (Sequence[float]): Shape (R,), area of the mask by the object's.
        cross_entropy (np.ndarray): Shape (R,), scale on the left.
        foreground (np.ndarray): Shape (R,), activation of F·M by that of F, scale on the right.
        background (np.ndarray): Shape (R,), likewise of F·(1 − M).
        title (str): Above the plot.
        kind (str): 'png', 'svg' or 'pdf'.

    Returns:
        bytes: The file.
    """
    # Not pyplot: it keeps figures, and looks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout='constrained')
    left = figure.add_subplot()
    right = left.twinx()
    lines = [
        *left.plot(ratios, cross_entropy, color='#c2410c', label='cross-entropy of F·M'),
        *right.plot(ratios, foreground, color='#15803d', label='foreground activation of F·M'),
        *right.plot(
            ratios, background, color='#1d4ed8', label='background activation of F·(1 − M)'
        ),
    ]
    left.axvline(1, color='#5b6470', linewidth=1, linestyle=':')
    left.set_title(title, fontsize=10)
    left.set(
        xlabel="area of the mask M / the object's area", ylabel='cross-entropy',
        xlim=(min(ratios), max(ratios)),
    )  # fmt: skip
    left.set_ylim(bottom=0)
    right.set_ylim(bottom=0)
    right.set_ylabel("activation / the whole picture's")
    figure.legend(handles=lines, loc='outside lower center', ncols=3, fontsize=8, frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=150)
    return content.getvalue()
