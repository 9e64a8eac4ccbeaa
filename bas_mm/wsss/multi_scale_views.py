"""The views of pictures from which seeds are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from bas_mm.models.functional import scaled_size

__all__ = ['MultiScaleViews', 'PictureViews', 'scale_views']


class PictureViews(NamedTuple):
    """What is needed to make the seeds of one picture.

    Attributes:
        image_id (str): Name of the picture.
        views (list[Tensor]): (3, h_s, w_s) uint8 BGR for each scale.
        classes (Tensor): (K,) int64, ascending: its positive classes.
        size (tuple[int, int]): Height and width of the picture.
    """

    image_id: str
    views: list[torch.Tensor]
    classes: torch.Tensor
    size: tuple[int, int]


class MultiScaleViews(Dataset):
    """Pictures of a data set at several scales; made in the data loader's worker processes.

    Wraps the data set instead of taking part in its pipeline, so that any set whose pipeline ends
    with ``PackInputs`` will do, and which pictures are worth reading can be said by number.

    Args:
        dataset (Dataset): Items are dicts with ``inputs``, a uint8 tensor (3, h, w), and
            ``data_samples`` with ``gt_label``. ``get_data_info(i)`` gives ``image_id``.
        scales (Sequence[float]): As :func:`scale_views` takes them.
        indices (Sequence[int]): The items that are wanted, in this order.
    """

    def __init__(self, dataset: Dataset, scales: Sequence[float], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.scales = tuple(scales)
        self.indices = list(indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> PictureViews:
        """Read and scale one picture.

        Raises:
            ValueError: The pipeline gives no uint8 tensor, or the picture has no label.
        """
        index = self.indices[position]
        image_id = self.dataset.get_data_info(index)['image_id']
        item = self.dataset[index]
        picture, classes = item['inputs'], item['data_samples'].gt_label
        if picture.dtype != torch.uint8 or picture.ndim != 3:
            raise ValueError(
                f'{image_id}: the pipeline of seed_dataloader gives {picture.dtype} '
                f'{tuple(picture.shape)}, but uint8 (3, h, w) is needed: LoadLocImage and '
                'PackInputs are enough'
            )
        if not classes.numel():
            raise ValueError(
                f'{image_id} has no label, and seeds are those of labelled classes: give '
                'seed_dataloader a list without it'
            )
        return PictureViews(
            image_id,
            scale_views(picture, self.scales),
            classes.sort().values,
            tuple(picture.shape[1:]),
        )


def scale_views(picture: torch.Tensor, scales: Sequence[float]) -> list[torch.Tensor]:
    """Resize a picture by Pillow (bicubic) to each scale.

    Args:
        picture (Tensor): (3, h, w) uint8; the order of its channels does not matter.
        scales (Sequence[float]): Factors; 1 gives the picture itself.

    Returns:
        list[Tensor]: (3, round(h * s), round(w * s)) uint8 each; halves to even, at least 1 pixel.
    """
    size, pixels, views = tuple(picture.shape[1:]), None, []
    for scale in scales:
        height, width = scaled_size(size, scale, align_corners=False)
        if (height, width) == size:
            views.append(picture)
            continue
        if pixels is None:
            pixels = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
        # A copy: Pillow's memory is read-only to NumPy.
        view = np.array(pixels.resize((width, height), Image.Resampling.BICUBIC))
        views.append(torch.from_numpy(view).permute(2, 0, 1).contiguous())
    return views
