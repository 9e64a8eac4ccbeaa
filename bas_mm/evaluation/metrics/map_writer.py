"""A 'metric' that writes localization maps for other programs to evaluate."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bas_mm.registry import METRICS

from ..result_files import write_bytes
from .base_map_metric import BaseMapMetric

__all__ = ['MapWriter', 'map_file']


class _Record(NamedTuple):
    """All that is kept of a picture."""

    image_id: str
    label: int
    constant: bool  # the map has one value only


def map_file(folder: str | Path, image_id: str) -> Path:
    """Where the map of a picture lies: ``<folder>/<image id>.npy``, the id with its extension."""
    return Path(folder, f'{image_id}.npy')


@METRICS.register_module()
class MapWriter(BaseMapMetric):
    """Writes each localization map to ``out_dir/<image id>.npy``, as the network gives it.

    float32, (h, w), neither resized nor normalised: what ``tools/analysis_tools/eval_maps.py``
    reads. Every file is written atomically; processes write their own pictures. Reports
    ``maps_written``.

    Args:
        out_dir (str): folder of the maps.
        **kwargs: arguments of :class:`BaseMapMetric`.
    """

    record_type = _Record
    constant_outcome = 'they are written as they are'

    def __init__(self, out_dir: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_dir = Path(out_dir)

    def measure(self, sample: Mapping[str, Any], name: str, pred_map: np.ndarray) -> _Record:
        """Write the map of one picture."""
        if pred_map.ndim != 2:
            raise ValueError(f'pred_map must have the shape (h, w), got {pred_map.shape}')
        content = io.BytesIO()
        np.save(content, pred_map.astype(np.float32), allow_pickle=False)
        write_bytes(map_file(self.out_dir, name), content.getvalue())
        return _Record(name, -1, bool(pred_map.min() == pred_map.max()))

    def summarize(self, records: list[_Record]) -> tuple[dict[str, float], dict[str, list[dict]]]:
        """The number of pictures."""
        return {'maps_written': len(records)}, {}
