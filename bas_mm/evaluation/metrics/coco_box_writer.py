"""A 'metric' that writes predicted boxes as a COCO file for detectors."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bas_mm.registry import METRICS
from bas_mm.utils.result_files import write_json, write_text

from ..coco_boxes import coco_boxes
from ..picture_work import predict_box
from ..score_files import write_scores
from .base_map_metric import BaseMapMetric

__all__ = ['CocoBoxWriter']


@METRICS.register_module()
class CocoBoxWriter(BaseMapMetric):
    """Writes the boxes that a network predicts as one COCO file, to train a detector on.

    Each box is Protocol A's of the localization map at θ, brought back from the view to the
    original picture. It has the classifier's score of its class. A picture whose map has no pixel
    above θ (it is constant, or nearly) gets no box, as nothing in it was found: it stays among the
    file's images, without an annotation, and is counted in one warning. Reports ``boxes_written``
    and ``pictures``.

    Beside ``out_file`` the classes' names are written, one per line: ``boxes.json`` goes with
    ``boxes_classes.txt``. All files are written atomically, by the main process.

    Each data sample must hold ``pred_map`` (h, w), ``pred_score`` (C,), ``img_path``,
    ``ori_shape``, ``view_box`` and, with ``classes='gt'``, ``gt_label``.

    Args:
        out_file (str): The COCO file; it must end in ``.json``.
        threshold (float): θ, in [0, 1).
        classes (str): A box's class: ``'gt'``, the picture's label; ``'pred'``, the class with
            the highest score; ``'agnostic'``, one category ``object`` for all, with the score
            of the picture's label where there is one, else the highest. Of scores that are equal,
            as a softmax may round them, the first is the highest. Defaults to 'gt'.
        scores_file (str, optional): Where all class scores of the pictures are written, too:
            lines of ``id,score0,score1,…``. Defaults to None: nowhere.
        **kwargs (Any): Further arguments of :class:`BaseMapMetric`.

    Raises:
        ValueError: A map or scores that are not finite, a map that is not (h, w), a sample
            that lacks something, two pictures of one id; the message names the picture. Or no
            picture has a box.
    """

    batch_fields = ('pred_map', 'pred_score')
    work = staticmethod(predict_box)
    constant_what = 'localization maps have no pixel above θ'
    constant_outcome = 'no box is written'

    def __init__(
        self,
        out_file: str,
        threshold: float,
        classes: str = 'gt',
        scores_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        if Path(out_file).suffix != '.json':
            raise ValueError(f'out_file must end in .json, got {out_file}')
        if not 0 <= threshold < 1:
            raise ValueError(f'threshold must lie in [0, 1), got {threshold}')
        if classes not in ('gt', 'pred', 'agnostic'):
            raise ValueError(f"classes must be 'gt', 'pred' or 'agnostic', got {classes!r}")
        super().__init__(result_file=str(out_file), **kwargs)
        self.threshold = float(threshold)
        self.classes = classes
        self.scores_file = scores_file

    def prepare(
        self, sample: Mapping[str, Any], name: str, pred_map: np.ndarray, pred_score: np.ndarray
    ) -> tuple:
        """Arguments of the work on one picture."""
        scores = pred_score.reshape(-1)
        if not np.isfinite(scores).all():
            raise ValueError('the scores hold NaN or infinite values')
        labelled = self.classes == 'gt' or (
            self.classes == 'agnostic' and sample.get('gt_label') is not None
        )
        label = self.label_of(sample) if labelled else int(scores.argmax())
        if not 0 <= label < len(scores):
            raise ValueError(f'the label {label} is none of the {len(scores)} classes')
        height, width = (int(side) for side in self.get(sample, 'ori_shape')[:2])
        height += sample.get('rows_cut') or 0  # the file is of pictures as they are on disk
        about = (str(self.get(sample, 'img_path')), width, height, float(scores[label]))
        return (
            pred_map,
            self.threshold,
            self.view_of(sample),
            tuple(self.get(sample, 'view_box', '; PackLocalizationInputs puts it there')),
            label,
            (*about, scores if self.scores_file is not None else None),
        )

    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], None]:
        """Numbers of boxes and pictures."""
        if not counts[0]:
            raise ValueError(f'none of {pictures} pictures has a box: no map has a pixel above θ')
        return {'boxes_written': int(counts[0]), 'pictures': pictures}, None

    def row(self, values: tuple) -> dict[str, Any]:
        """What :func:`coco_boxes` needs of one picture, and its scores."""
        return dict(zip(('box', 'file_name', 'width', 'height', 'score', 'scores'), values))

    def write_results(self, metrics: dict[str, float], tables: dict[str, Iterable[dict]]) -> None:
        """Write the COCO file, the classes' names and the scores."""
        rows = list(tables['images'])
        agnostic = self.classes == 'agnostic'
        if agnostic:
            names = ['object']
        else:
            names = [str(name) for name in (self.dataset_meta or {}).get('classes') or ()]
            if not names:
                raise ValueError('the data set does not name its classes')
        path = Path(self.result_file)
        pictures = [{**row, 'category': 0 if agnostic else row['label']} for row in rows]
        write_text(
            path.with_name(f'{path.stem}_classes.txt'), ''.join(f'{name}\n' for name in names)
        )
        if self.scores_file is not None:
            write_scores(self.scores_file, ((row['image_id'], row['scores']) for row in rows))
        # Last of all: where it is, the others are.
        write_json(path, coco_boxes(pictures, names), indent=None)
