from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ['SegmentationPrediction']


@dataclass(eq=False)
class SegmentationPrediction:
    """What a segmentor says of a picture.

    Attributes:
        image (str | int): Path or URL of the picture; of an array its position in the input.
        size (tuple[int, int]): Height h and width w of the picture in pixels.
        labels (list[int]): The K classes that some pixel has, ascending, as the segmentor counts
            them: of most, 0 is the background.
        class_names (list[str]): Their names.
        shares (list[float]): Share of the pixels that have each, in (0, 1]; their sum is 1.
        label_map (np.ndarray | None): (h, w) uint8, the class of each pixel.
        files (dict[str, str]): What was written about it, relative to the output folder: ``vis``,
            ``mask``.
    """

    image: str | int
    size: tuple[int, int]
    labels: list[int]
    class_names: list[str]
    shares: list[float]
    label_map: np.ndarray | None = None
    files: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All but the label map, as plain values for JSON."""
        return {
            'image': self.image,
            'height': self.size[0],
            'width': self.size[1],
            'classes': [
                {'label': label, 'class': name, 'share': share}
                for label, name, share in zip(self.labels, self.class_names, self.shares)
            ],
            **({'files': self.files} if self.files else {}),
        }

    def __str__(self) -> str:
        found = (f'{name} {share:.1%}' for name, share in zip(self.class_names, self.shares))
        return f'{self.image}: {", ".join(found)}'
