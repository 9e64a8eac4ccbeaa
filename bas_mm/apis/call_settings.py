"""What the calls of all inferencers take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bas_mm.utils.arguments import whole_number

__all__ = ['CallSettings']

# matplotlib's backends that draw into files and nowhere else.
_WITHOUT_WINDOWS = frozenset(('agg', 'cairo', 'pdf', 'pgf', 'ps', 'svg', 'template'))


@dataclass(frozen=True, kw_only=True)
class CallSettings:
    """Arguments of a call that do not depend on the kind of inferencer.

    Each is described where users give it: :class:`~bas_mm.apis.LocalizationInferencer`.

    Raises:
        ValueError: The batch size is no whole number, or below 1; or drawings shall be shown where
            no window can be opened.
    """

    batch_size: int
    out_dir: str | Path | None
    no_save_vis: bool
    no_save_pred: bool
    show: bool
    wait_time: float
    return_vis: bool
    skip_unreadable: bool
    on_prediction: Callable[[Any], None] | None

    def __post_init__(self) -> None:
        whole_number('batch_size', self.batch_size, 1)
        if self.show:
            _require_windows()

    @property
    def save_vis(self) -> bool:
        """Whether drawings are written."""
        return self.out_dir is not None and not self.no_save_vis

    @property
    def save_pred(self) -> bool:
        """Whether predictions are written."""
        return self.out_dir is not None and not self.no_save_pred

    @property
    def draws(self) -> bool:
        """Whether drawings are made."""
        return self.save_vis or self.show or self.return_vis


def _require_windows() -> None:
    """Refuse to show what nobody would see: to wait for a key there has no end."""
    import matplotlib as mpl

    # Without a display it is 'agg', unless a setting says something else.
    backend = mpl.get_backend().lower()
    if backend in _WITHOUT_WINDOWS:
        raise ValueError(
            f"show: matplotlib's backend {backend} opens no window here; leave show out and have "
            'the drawings written, by out_dir'
        )
