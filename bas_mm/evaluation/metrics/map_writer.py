"""A 'metric' that writes localization maps for other programs to evaluate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bas_mm.registry import METRICS

from ..picture_work import write_map
from .base_map_metric import BaseMapMetric, picture_name

__all__ = ['MapWriter', 'map_file']


def map_file(folder: str | Path, image_id: str) -> Path:
    """Where the map of a picture lies: ``<folder>/<image id>.npy``, the id with its extension.

    Raises:
        ValueError: That is outside of the folder.
    """
    inner = Path(f'{image_id}.npy')
    if inner.is_absolute() or '..' in inner.parts:
        raise ValueError(
            f'a map is named by the image_id of its picture, a path below its folder; got '
            f'{image_id}'
        )
    return Path(folder, inner)


@METRICS.register_module()
class MapWriter(BaseMapMetric):
    """Writes each localization map to ``out_dir/<image id>.npy``, as the network gives it.

    float32, (h, w), neither resized nor normalised: what ``tools/analysis_tools/eval_maps.py``
    reads. Every file is written atomically; processes write their own pictures. Reports
    ``maps_written``.

    Who reads the maps takes them for those of whole pictures, as their files are: where the test
    pipeline crops, cuts rows off or mirrors, nothing is written.

    Args:
        out_dir (str): folder of the maps.
        check_view (bool): whether a view that is a crop or mirrored, or of a picture that rows
            were cut off, is an error. Defaults to True.
        **kwargs: arguments of :class:`BaseMapMetric`.
    """

    work = staticmethod(write_map)
    constant_outcome = 'they are written as they are'

    def __init__(self, out_dir: str, check_view: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_dir = Path(out_dir)
        self.check_view = bool(check_view)

    def prepare(self, sample: Mapping[str, Any], name: str, pred_map: np.ndarray) -> tuple:
        """Arguments of the work on one picture."""
        if pred_map.ndim != 2:
            raise ValueError(f'pred_map must have the shape (h, w), got {pred_map.shape}')
        if picture_name(sample) is None:
            # The maps of all batches would be written to the same files.
            raise ValueError(
                'the data sample has neither image_id nor img_path that its map could be named by: '
                'put one of them among the meta_keys of PackLocalizationInputs'
            )
        partial = sample.get('whole_view') is False or sample.get('view_lost')
        if self.check_view and partial:
            raise ValueError(
                'the view is a crop or mirrored, or it is not known what it shows, and its map '
                'would be taken for that of the whole picture: resize to the view by LocResize, '
                'without LocCenterCrop or LocTenCrop, in the test pipeline, or set '
                'check_view=False (write_maps.py: --crops)'
            )
        if self.check_view and sample.get('rows_cut'):
            raise ValueError(
                f'LocCropBottom cut {sample.get("rows_cut")} rows off, and the map would be taken '
                'for that of the whole picture: leave it out of the test pipeline, or set '
                'check_view=False (write_maps.py: --crops)'
            )
        return map_file(self.out_dir, name), pred_map

    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], None]:
        """The number of pictures."""
        return {'maps_written': pictures}, None
