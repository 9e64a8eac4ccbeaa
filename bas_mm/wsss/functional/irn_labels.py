"""Labels for IRNet from seeds and the dense CRF (spec wsss.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bas_mm.utils.byte_labels import IGNORED, require_byte_label
from bas_mm.utils.dense_crf import LABEL_CRF, CRFParams, crf_labels

from .seed_scores import greatest_maps, require_normalised

__all__ = ['IRNLabelParams', 'irn_labels']


@dataclass(frozen=True)
class IRNLabelParams:
    """How labels are made of seeds.

    Args:
        foreground: Background score above which a map is surely its class.
        background: Background score that no map exceeds where surely nothing is.
        crf: The CRF that refines both.
    """

    foreground: float = 0.30
    background: float = 0.17
    crf: CRFParams = field(default=LABEL_CRF)

    def __post_init__(self) -> None:
        if not 0 <= self.background <= self.foreground <= 1:
            raise ValueError(
                f'irn_label_cfg.background={self.background}, foreground={self.foreground}: '
                'numbers in [0, 1] are needed, the first not greater than the second'
            )


def irn_labels(
    image: np.ndarray,
    maps: np.ndarray,
    classes: np.ndarray,
    params: IRNLabelParams = IRNLabelParams(),
) -> np.ndarray:
    """Labels of one picture.

    At either background score each pixel takes the greatest of score and maps, and the CRF refines
    the result. A pixel has the class that it has at the high score; without one there it is
    unsure, or background where it has none at the low score either.

    Args:
        image: (h, w, 3) uint8, RGB.
        maps: (K, h, w) float32 in [0, 1]: high-resolution maps of the seeds.
        classes: (K,) class of each map, ascending, in [0, 254).
        params: Scores and CRF. Defaults to the spec's.

    Returns:
        (h, w) uint8: 0 background, k + 1 class k, 255 unsure.

    Raises:
        ImportError: pydensecrf2 is not installed.
        ValueError: Picture and maps differ in size, the maps leave [0, 1], or a class is above 253.
    """
    require_byte_label(int(np.max(classes)))
    require_normalised(maps)
    highest, index = greatest_maps(maps)
    # Of a score and a map that are equal the score is the first.
    scores = np.array([params.foreground, params.background], dtype=np.float32)[:, None, None]
    found = np.where(highest > scores, index + 1, 0)
    sure, possible = crf_labels(image, found, len(maps) + 1, params=params.crf)
    labels = np.append(0, np.asarray(classes) + 1)[sure]
    labels[(sure == 0) & (possible > 0)] = IGNORED
    return labels.astype(np.uint8)
