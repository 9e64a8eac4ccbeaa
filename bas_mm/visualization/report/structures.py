"""What a report is made of: results of a test run, and drawn pictures."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ['MAX_RUNS', 'PicturePanel', 'ReportPicture', 'ReportRun']

#: So many runs have a colour of their own.
MAX_RUNS = 6


@dataclass
class ReportRun:
    """Results of one method on n pictures.

    Attributes:
        name (str): Name of the method.
        config (str): Its config file.
        checkpoint (str): Its weights.
        classes (list[str]): Names of the classes.
        image_ids (list[str]): The pictures.
        labels (np.ndarray): Shape (n,), int64: their classes.
        ious (np.ndarray): Shape (n,), float64, in [0, 1]: of the predicted box at θ; with
            ``pixels`` that of the picture's pixels at the picture's best threshold, NaN where there
            is no object pixel.
        figures (dict[str, float]): In percent, by the names of the metrics without prefix; among
            them ``threshold``, the θ of the boxes.
        per_class (dict[int, dict[str, float | None]]): Figures of the classes that have pictures.
        boxes (np.ndarray | None): Shape (n, 4), int64: predicted boxes at θ in the view, x1, y1
            one past the last. None with ``pixels``.
        box_curve (dict[str, np.ndarray] | None): ``tau``, (1000,), and BoxAcc in percent at
            ``box_acc_v2_30``, ``_50``, ``_70``, over the boxes of all contours, and at
            ``box_acc``, of the largest one at δ = 0.5. None without true boxes.
        pixel_curve (dict[str, np.ndarray] | None): ``threshold``, descending, and ``precision``,
            ``recall``, ``iou`` in percent. None without true masks.
        pixels (bool): Whether there are masks and no boxes.
        cropped (bool): Whether the view is a crop: the curve is then that of the boxes in it.
        candidates (int): From how many θ the one of ``figures`` was chosen, on these pictures.
    """

    name: str
    config: str
    checkpoint: str
    classes: list[str]
    image_ids: list[str]
    labels: np.ndarray
    ious: np.ndarray
    figures: dict[str, float]
    per_class: dict[int, dict[str, float | None]] = field(default_factory=dict)
    boxes: np.ndarray | None = None
    box_curve: dict[str, np.ndarray] | None = None
    pixel_curve: dict[str, np.ndarray] | None = None
    pixels: bool = False
    cropped: bool = False
    candidates: int = 1


@dataclass
class PicturePanel:
    """What one method makes of a picture.

    Attributes:
        view (np.ndarray): Shape (H, W, 3), uint8, RGB: what its network saw.
        localization_map (np.ndarray): Shape (h, w), as the network gives it.
        iou (float): As in :attr:`ReportRun.ious`.
        boxes (np.ndarray): Shape (k, 4): predicted, both corners inside; empty where there is a
            mask.
        true_boxes (np.ndarray): Shape (m, 4), in this view, both corners inside.
        mask (np.ndarray | None): Shape (H, W), bool: predicted pixels.
        true_mask (np.ndarray | None): Shape (H, W), bool.
        predicted_class (int): The class with the highest score.
        score (float): That score.
    """

    view: np.ndarray
    localization_map: np.ndarray
    iou: float
    boxes: np.ndarray
    true_boxes: np.ndarray
    mask: np.ndarray | None
    true_mask: np.ndarray | None
    predicted_class: int
    score: float


@dataclass
class ReportPicture:
    """A picture that is drawn.

    Attributes:
        image_id (str): Its name.
        label (int): Its class.
        kinds (tuple[str, ...]): Why it was chosen; see :func:`choose_pictures`.
        panels (list[PicturePanel]): One for each run, in their order.
    """

    image_id: str
    label: int
    kinds: tuple[str, ...]
    panels: list[PicturePanel]
