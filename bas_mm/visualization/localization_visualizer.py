"""Pictures with their localization maps and boxes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.structures import BaseDataElement
from mmengine.visualization import LocalVisBackend, Visualizer

from bas_mm.evaluation.functional import box_iou, protocol_a_boxes
from bas_mm.registry import VISUALIZERS
from bas_mm.utils.result_files import write_picture

from .functional import (
    PREDICTED_COLOR,
    TRUE_COLOR,
    add_caption,
    draw_boxes,
    enlarge,
    last_inside,
    overlay_map,
    side_by_side,
)


@VISUALIZERS.register_module()
class LocalizationVisualizer(Visualizer):
    """Draws a row of panels: the picture, its localization map, the predicted and true boxes.

    Args:
        name (str): Name of the instance. Defaults to 'visualizer'.
        alpha (float): Weight of the map over the picture, in [0, 1]. Defaults to 0.5.
        min_height (int): Pictures lower than this are enlarged by a whole factor.
            Defaults to 224.
        **kwargs: Those of mmengine's ``Visualizer``, such as ``vis_backends`` and ``save_dir``.

    Examples:
        >>> import numpy as np, torch
        >>> from mmpretrain.structures import DataSample
        >>> visualizer = LocalizationVisualizer()
        >>> sample = DataSample().set_gt_label(1).set_pred_score(torch.tensor([0.2, 0.8]))
        >>> sample.set_field(torch.rand(28, 28), 'pred_map')
        >>> sample.set_field(torch.tensor([[8, 8, 60, 60]]), 'gt_bboxes')
        >>> row = visualizer.add_datasample(
        ...     'a', np.zeros((96, 96, 3), np.uint8), sample, threshold=0.5)
        >>> row.shape[1] == 3 * 288 + 2 * 6
        True
    """

    def __init__(
        self, name: str = 'visualizer', alpha: float = 0.5, min_height: int = 224, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.alpha = alpha
        self.min_height = min_height

    @property
    def dataset_meta(self) -> dict | None:
        """Meta information of the data set; ``classes`` are its names.

        mmengine sets it on the main process only; here every process draws its share.
        """
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta

    @property
    def has_backends(self) -> bool:
        """Whether there is a backend that takes drawings."""
        return bool(self._vis_backends)

    @master_only
    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Hand a picture to the backends, of the main process only.

        Args:
            name (str): Its name. One with slashes is a group in TensorBoard and Weights & Biases;
                for ``LocalVisBackend``, which writes into folders but makes none, they are made.
            image (np.ndarray): Shape (H, W, 3), uint8, RGB.
            step (int): Step of a series of that name.
        """
        for backend in self._vis_backends.values():
            if isinstance(backend, LocalVisBackend):
                # `experiment` is the backend itself, once it knows its folders.
                folder = Path(backend.experiment._img_save_dir, name).parent
                folder.mkdir(parents=True, exist_ok=True)
            backend.add_image(name, image, step)

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: BaseDataElement | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        step: int = 0,
        threshold: float | None = None,
    ) -> np.ndarray:
        """Draw one picture and hand the drawing to a file or to the backends.

        Args:
            name (str): Name of the picture, title of the window.
            image (np.ndarray): The view, shape (H, W, 3), uint8, RGB.
            data_sample (BaseDataElement, optional): What of ``pred_map``, ``pred_bboxes``,
                ``pred_score``, ``gt_label`` and ``gt_bboxes`` it holds is drawn. Scores stand
                below the map, or below the picture where there is no map.
            draw_gt (bool): Whether to draw what is true.
            draw_pred (bool): Whether to draw what is predicted.
            show (bool): Whether to open a window.
            wait_time (float): Seconds that the window stays; 0 waits for a key.
            out_file (str, optional): Write a picture file here, atomically, and nothing to the
                backends. Defaults to None: to the backends.
            step (int): Step for the backends.
            threshold (float, optional): θ of the predicted box where the data sample has a map
                and no ``pred_bboxes``. If these are none, (0, 4), the caption says that nothing
                was found, or nothing above θ.

        Returns:
            np.ndarray: The drawing, RGB, uint8.

        Raises:
            ValueError: If the picture is not (H, W, 3) uint8, or the map is not finite.
        """
        image = np.asarray(image)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f'{name}: the picture must be uint8 (H, W, 3), got {image.dtype} {image.shape}'
            )
        drawing = self._draw(name, image, data_sample, draw_gt, draw_pred, threshold)
        if show:
            self.show(drawing, win_name=name, wait_time=wait_time)
        if out_file is not None:
            # Two processes may draw one padded picture: each renames a whole file into place.
            write_picture(out_file, drawing)
        else:
            self.add_image(name, drawing, step=step)
        return drawing

    def _draw(
        self,
        name: str,
        image: np.ndarray,
        sample: BaseDataElement | None,
        draw_gt: bool,
        draw_pred: bool,
        threshold: float | None,
    ) -> np.ndarray:
        def get(key: str) -> np.ndarray | None:
            value = None if sample is None else sample.get(key)
            if isinstance(value, torch.Tensor):
                value = value.detach().float().cpu().numpy()
            return value

        large, scale = enlarge(image, self.min_height)
        gt_boxes = get('gt_bboxes') if draw_gt else None
        gt_boxes = np.zeros((0, 4)) if gt_boxes is None else np.asarray(gt_boxes).reshape(-1, 4)
        labels = get('gt_label') if draw_gt else None
        labels = [] if labels is None else [int(label) for label in np.ravel(labels)]
        first = [f'true: {self._class(label)}' for label in labels]
        pred_map, boxes, scores = (
            (get('pred_map'), get('pred_bboxes'), get('pred_score'))
            if draw_pred
            else (None, None, None)
        )
        ranked = []
        if scores is not None:
            # The true class has a line of its own where it is not the first one.
            wanted = [int(scores.argmax()), *labels]
            ranked = [f'score {scores[c]:.2f}: {self._class(c)}' for c in dict.fromkeys(wanted)]
        first = (first or [name]) + (ranked if pred_map is None else [])
        panels = [add_caption(large, first, 3)]
        if pred_map is not None:
            try:
                overlay = overlay_map(large, pred_map, self.alpha)
                if boxes is None and threshold is not None:
                    boxes = protocol_a_boxes(pred_map, [threshold], image.shape[:2])
            except ValueError as error:
                raise ValueError(f'{name}: {error}') from error
            panels.append(add_caption(overlay, ranked or ['localization map'], 3))
        if len(gt_boxes) or boxes is not None:
            panel, caption = draw_boxes(large, gt_boxes, TRUE_COLOR, scale=scale), []
            if len(gt_boxes):
                caption.append(('true box', TRUE_COLOR))
            if boxes is not None:
                boxes = np.asarray(boxes).reshape(-1, 4)
                panel = draw_boxes(panel, last_inside(boxes), PREDICTED_COLOR, scale=scale)
                if len(boxes):
                    caption.append(('predicted box', PREDICTED_COLOR))
                elif threshold is None:
                    caption.append('nothing found')
                else:
                    caption.append(f'nothing is above {threshold:g}: the whole view')
                if len(gt_boxes) and len(boxes):
                    caption.append(f'IoU {box_iou(boxes, gt_boxes).max():.3f}')
            panels.append(add_caption(panel, caption, 3))
        return side_by_side(panels)

    def _class(self, index: int) -> str:
        classes = (self.dataset_meta or {}).get('classes')
        return str(classes[index]) if classes is not None else f'class {index}'
