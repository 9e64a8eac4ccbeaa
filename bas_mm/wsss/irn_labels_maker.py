"""IRNet's labels of one picture from its file of seeds; for worker processes, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .functional.irn_labels import IRNLabelParams, irn_labels
from .seed_file import SeedFile

__all__ = ['make_irn_labels']


def make_irn_labels(
    image: np.ndarray, seed_path: str | Path, classes: Sequence[int], params: IRNLabelParams
) -> np.ndarray:
    """Read the seeds of a picture and make its labels.

    Args:
        image (np.ndarray): (h, w, 3) uint8, RGB.
        seed_path (str | Path): Its seed file.
        classes (Sequence[int]): Its classes, ascending.
        params (IRNLabelParams): Scores and CRF.

    Returns:
        np.ndarray: (h, w) uint8: 0 background, k + 1 class k, 255 unsure.

    Raises:
        ImportError: pydensecrf2 is not installed.
        ValueError: The seed file is missing, damaged or of another picture; the message names it.
    """
    maps = SeedFile.load_of_picture(seed_path, 'high_res', classes, image.shape[:2])
    try:
        return irn_labels(image, maps, np.asarray(classes), params)
    except ValueError as error:
        raise ValueError(f'{seed_path}: {error}') from None
