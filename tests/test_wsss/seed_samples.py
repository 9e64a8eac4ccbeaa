"""Seeds and masks for the tests of the seed steps."""

import numpy as np
from PIL import Image

from bas_mm.wsss.functional.seed_sizes import strided_size
from bas_mm.wsss.seed_file import SeedFile


def some_maps(rng: np.random.Generator, classes: int, size: tuple[int, int]) -> np.ndarray:
    """(K, h, w) float32 in [0, 1): coarse steps, so that ties and exact scores happen."""
    return (rng.integers(0, 100, (classes, *size)) / np.float32(100)).astype(np.float32)


def some_seeds(seed: int = 0, classes=(0, 2), size: tuple[int, int] = (21, 30)) -> SeedFile:
    """Seeds of a picture of this height and width."""
    rng = np.random.default_rng(seed)
    return SeedFile(
        np.array(classes, dtype=np.int64),
        some_maps(rng, len(classes), strided_size(*size)),
        some_maps(rng, len(classes), size),
    )


def write_mask(path, values: np.ndarray) -> None:
    """Write a palette PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(values, dtype=np.uint8))
    picture.putpalette([v for k in range(256) for v in (k, 255 - k, 7 * k % 256)])
    assert picture.mode == 'P'
    picture.save(path)
