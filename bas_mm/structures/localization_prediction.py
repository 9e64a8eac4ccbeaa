from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ['LocalizationPrediction']


@dataclass(eq=False)
class LocalizationPrediction:
    """What a network says is in a picture, and where.

    Boxes are x0, y0, x1, y1 with x1, y1 **one past** the last column and row, as Protocol A has
    predicted ones: a box is x1 - x0 wide.

    Attributes:
        image (str | int): Path or URL of the picture; of an array its position in the input.
        size (tuple[int, int]): Height and width of the picture in pixels.
        label (int): The class that is localized: the one asked for, else the highest scored.
        class_name (str): Its name.
        score (float): Its score in [0, 1]; the scores of all classes add up to 1.
        top5 (list[tuple[int, str, float]]): Index, name and score of the five highest scored
            classes (or of all, where there are fewer), the highest first.
        threshold (float | None): θ, which decides box and mask; None: there is neither.
        box (tuple[float, float, float, float] | None): In pixels of the picture, not rounded.
        box_in_view (tuple[int, int, int, int] | None): The same box in pixels of the view.
        found (bool | None): Whether anything of the map is above θ; where nothing is, the box is
            the whole view, as Protocol A has it. None where there is no θ.
        view_box (tuple[float, float, float, float]): Where the view, the part of the picture that
            the network saw, lies in the picture.
        view_size (tuple[int, int]): Height and width of the view in its own pixels.
        raw_map (np.ndarray | None): (h, w) float32: the localization map as the network gives it.
        map (np.ndarray | None): (H, W) float32 in [0, 1]: the map normalised as Protocol A does, at
            the size of the picture; 0 where the picture is outside the view.
        mask (np.ndarray | None): (H, W) bool, ``map`` > θ.
        files (dict[str, str]): What was written about it, relative to the output folder: ``vis``,
            ``map``, ``mask``.
    """

    image: str | int
    size: tuple[int, int]
    label: int
    class_name: str
    score: float
    top5: list[tuple[int, str, float]]
    threshold: float | None
    box: tuple[float, float, float, float] | None
    box_in_view: tuple[int, int, int, int] | None
    view_box: tuple[float, float, float, float]
    view_size: tuple[int, int]
    found: bool | None = None
    raw_map: np.ndarray | None = None
    map: np.ndarray | None = None
    mask: np.ndarray | None = None
    files: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All but the arrays, as plain values for JSON."""
        return {
            'image': self.image,
            'height': self.size[0],
            'width': self.size[1],
            'label': self.label,
            'class': self.class_name,
            'score': self.score,
            'top5': [
                {'label': label, 'class': name, 'score': score} for label, name, score in self.top5
            ],
            'threshold': self.threshold,
            'box': None if self.box is None else list(self.box),
            'box_in_view': None if self.box_in_view is None else list(self.box_in_view),
            'found': self.found,
            'view_box': list(self.view_box),
            'view_height': self.view_size[0],
            'view_width': self.view_size[1],
            **({'files': self.files} if self.files else {}),
        }

    def __str__(self) -> str:
        box = 'no threshold, no box'
        if self.box is not None:
            box = 'box ' + ' '.join(f'{corner:.1f}' for corner in self.box)
        if self.found is False:
            box += f' (nothing is above {self.threshold:g}: the whole view)'
        return f'{self.image}: {self.class_name} {self.score:.3f}, {box}'
