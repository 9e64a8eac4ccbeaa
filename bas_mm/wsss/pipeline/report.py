"""The figures of a pipeline in one table."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

__all__ = ['FIGURES', 'read_figures']

#: Figures of the table: what is evaluated -> file below ``figures/``.
FIGURES = {
    'CAM seeds': 'cam_seeds.json',
    'BAS seeds': 'bas_seeds.json',
    'fused seeds': 'fused_seeds.json',
    'pseudo masks': 'masks.json',
    'segmentor': 'segmentor.json',
}


def read_figures(work_dir: str | Path, outdated: Collection[Path] = ()) -> dict[str, float]:
    """mIoU, in percent, of what has been evaluated.

    Args:
        work_dir (str | Path): The pipeline's work folder.
        outdated (Collection[Path]): Files that are not read.

    Returns:
        dict[str, float]: By the names of :data:`FIGURES`; the segmentor's is that of its test
        split, the others' that of the training pictures.

    Raises:
        ValueError: A file cannot be read.
    """
    found = {}
    for name, file in FIGURES.items():
        path = Path(work_dir) / 'figures' / file
        if not path.is_file() or path in outdated:
            continue
        try:
            figures = json.loads(path.read_text(encoding='utf-8'))
            found[name] = float(_miou(figures))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f'{path} holds no mIoU: {error}') from None
    return found


def _miou(figures: Mapping) -> float:
    if 'best' in figures:
        return figures['best']['miou']
    return figures['mIoU'] if 'mIoU' in figures else figures['miou']
