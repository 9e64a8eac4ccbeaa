"""The fully connected CRF on the pixels of one picture, by pydensecrf2.

P. Krähenbühl, V. Koltun, *Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials*, NIPS 2011. The library is the extra ``crf``; nothing but this file imports it, and
this file only when a CRF is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np

__all__ = [
    'LABEL_CRF',
    'PROBABILITY_CRF',
    'CRFParams',
    'crf_labels',
    'crf_library',
    'crf_probabilities',
]


@dataclass(frozen=True)
class CRFParams:
    """The potentials between pixels, and how often messages are passed.

    Args:
        iterations: Steps of mean-field inference.
        gaussian_sxy: Standard deviation of the smoothness kernel, pixels.
        gaussian_weight: Its weight.
        bilateral_sxy: Standard deviation of the appearance kernel in the plane, pixels.
        bilateral_srgb: Its standard deviation in each colour, of 0 … 255.
        bilateral_weight: Its weight.
    """

    iterations: int = 10
    gaussian_sxy: float = 1.0
    gaussian_weight: float = 3.0
    bilateral_sxy: float = 67.0
    bilateral_srgb: float = 3.0
    bilateral_weight: float = 4.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            # A weight of 0 turns its kernel off; a width of 0 would divide by zero.
            lowest_is_allowed = name == 'iterations' or name.endswith('weight')
            if value < 0 or (value == 0 and not lowest_is_allowed):
                raise ValueError(f'crf.{name}={value}: give a positive number')


#: The last step's CRF, on DeepLabv2's probabilities.
PROBABILITY_CRF = CRFParams()
#: The CRF that refines label maps before IRNet is trained on them.
LABEL_CRF = CRFParams(
    gaussian_sxy=3.0, bilateral_sxy=50.0, bilateral_srgb=5.0, bilateral_weight=10.0
)


def crf_probabilities(
    image: np.ndarray, probabilities: np.ndarray, params: CRFParams = PROBABILITY_CRF
) -> np.ndarray:
    """Refine class probabilities with the picture.

    Args:
        image: (H, W, 3) uint8. The order of the colours does not matter: all have one width.
        probabilities: (K, H, W), K ≥ 1, a distribution over K at each pixel. Less than 1e-5 counts
            as 1e-5.
        params: The potentials. Defaults to :data:`PROBABILITY_CRF`.

    Returns:
        (K, H, W) float32, a distribution at each pixel.

    Raises:
        ImportError: pydensecrf2 is not installed.
        ValueError: The shapes do not belong together.
    """
    if probabilities.ndim != 3:
        raise ValueError(f'probabilities are (K, H, W), got {probabilities.shape}')
    _check_image(image, probabilities.shape[1:])
    energy = -np.log(np.clip(probabilities, 1e-5, 1.0), dtype=np.float32)
    return _infer(image, energy[None], params)[0]


def crf_labels(
    image: np.ndarray,
    labels: np.ndarray,
    num_labels: int,
    certainty: float = 0.7,
    params: CRFParams = LABEL_CRF,
) -> np.ndarray:
    """Refine a label map with the picture.

    A pixel has its label with the probability ``certainty``, and each other label with an equal
    share of the rest; label 0 is a label like any other.

    Args:
        image: (H, W, 3) uint8. The order of the colours does not matter: all have one width.
        labels: (H, W) of integers in [0, num_labels); or (M, H, W), several maps of one picture,
            of which only the first pays for the kernels.
        num_labels: K. With one label there is nothing to refine.
        certainty: In (0, 1). Defaults to 0.7.
        params: The potentials. Defaults to :data:`LABEL_CRF`.

    Returns:
        The most probable labels, of the shape and the type of ``labels``.

    Raises:
        ImportError: pydensecrf2 is not installed.
        ValueError: The shapes do not belong together, a label or ``certainty`` is out of range.
    """
    if labels.ndim not in (2, 3):
        raise ValueError(f'labels are (H, W) or (M, H, W), got {labels.shape}')
    size = labels.shape[-2:]
    _check_image(image, size)
    if not 0 < certainty < 1:
        raise ValueError(f'certainty={certainty}: give a number between 0 and 1')
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= num_labels:
        raise ValueError(f'labels are {lowest} … {highest}, but num_labels={num_labels}')
    if num_labels == 1:
        return labels.copy()
    rest = (1 - certainty) / (num_labels - 1)
    maps = labels.reshape(-1, 1, *size)
    energies = np.full((len(maps), num_labels, *size), -np.log(rest), dtype=np.float32)
    np.put_along_axis(energies, maps.astype(np.int64), np.float32(-np.log(certainty)), 1)
    return _infer(image, energies, params).argmax(1).astype(labels.dtype).reshape(labels.shape)


def _check_image(image: np.ndarray, size: tuple[int, ...]) -> None:
    if image.dtype != np.uint8 or image.shape != (*size, 3):
        raise ValueError(
            f'a picture of these maps is uint8 {(*size, 3)}, got {image.dtype} {image.shape}'
        )


def _infer(image: np.ndarray, energies: np.ndarray, params: CRFParams) -> np.ndarray:
    """Mean-field inference: M unary energies (M, K, H, W) float32 -> M distributions over K."""
    _, count, height, width = energies.shape
    crf = crf_library().DenseCRF2D(width, height, count)
    crf.addPairwiseGaussian(sxy=params.gaussian_sxy, compat=params.gaussian_weight)
    crf.addPairwiseBilateral(
        sxy=params.bilateral_sxy,
        srgb=params.bilateral_srgb,
        # The library takes no array that it may not write to.
        rgbim=np.require(image, requirements=['C', 'W']),
        compat=params.bilateral_weight,
    )
    found = np.empty_like(energies)
    for energy, distribution in zip(energies, found):
        crf.setUnaryEnergy(np.ascontiguousarray(energy.reshape(count, -1)))
        distribution[...] = np.reshape(crf.inference(params.iterations), energy.shape)
    return found


def crf_library() -> ModuleType:
    """The library, for those who want to know before long work whether it is there.

    Raises:
        ImportError: pydensecrf2 is not installed.
    """
    try:
        from pydensecrf import densecrf
    except ImportError as error:
        raise ImportError(
            'the dense CRF needs the package pydensecrf2, an extra of bas_mm: '
            f'pip install pydensecrf2 ({error})'
        ) from error
    return densecrf
