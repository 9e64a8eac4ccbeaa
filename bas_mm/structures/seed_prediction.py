from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ['SeedPrediction']


@dataclass(eq=False)
class SeedPrediction:
    """The classes of a picture and the seeds of each.

    Attributes:
        image (str | int): Path or URL of the picture; of an array its position in the input.
        size (tuple[int, int]): Height h and width w of the picture in pixels.
        labels (list[int]): Its K classes, ascending; those asked for, else those that the network
            finds, which may be none.
        class_names (list[str]): Their names.
        scores (list[float] | None): Their scores in [0, 1]; None where the classes were asked for.
        background (float): Background score of ``label_map``.
        label_map (np.ndarray | None): (h, w) uint8: k + 1 where the map of class k is the greatest
            and greater than the background score, else 0.
        strided (np.ndarray | None): (K, ceil(h / 4), ceil(w / 4)) float32 in [0, 1].
        high_res (np.ndarray | None): (K, h, w) float32 in [0, 1]: each map divided by its maximum.
        files (dict[str, str]): What was written about it, relative to the output folder: ``vis``,
            ``mask``, ``seeds``.
    """

    image: str | int
    size: tuple[int, int]
    labels: list[int]
    class_names: list[str]
    scores: list[float] | None
    background: float
    label_map: np.ndarray | None = None
    strided: np.ndarray | None = None
    high_res: np.ndarray | None = None
    files: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All but the arrays, as plain values for JSON."""
        scores = self.scores or [None] * len(self.labels)
        return {
            'image': self.image,
            'height': self.size[0],
            'width': self.size[1],
            'classes': [
                {'label': label, 'class': name, 'score': score}
                for label, name, score in zip(self.labels, self.class_names, scores)
            ],
            'background': self.background,
            **({'files': self.files} if self.files else {}),
        }

    def __str__(self) -> str:
        scores = [''] * len(self.labels)
        if self.scores is not None:
            scores = [f' {score:.3f}' for score in self.scores]
        names = [name + score for name, score in zip(self.class_names, scores)]
        return f'{self.image}: {", ".join(names) or "no class"}'
