"""A sheet of pictures with what the pipeline of segmentation made of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from bas_mm.datasets.transforms import LoadLocImage
from bas_mm.models.functional import seeds_to_labels
from bas_mm.registry import DATASETS
from bas_mm.utils.config_model import scope_of
from bas_mm.utils.config_params import params_of
from bas_mm.utils.result_files import write_picture
from bas_mm.visualization.functional import add_caption, enlarge, side_by_side
from bas_mm.visualization.seed_drawing import lay_labels
from bas_mm.wsss.functional.irn_labels import IRNLabelParams
from bas_mm.wsss.index_masks import read_index_mask
from bas_mm.wsss.seed_file import SeedFile

from .comparison_pictures import spread
from .segmentation_inferencer import SegmentationInferencer

__all__ = ['HEADS', 'draw_sheet', 'sheet_row', 'stack_rows']

#: The columns.
HEADS = ('picture', 'seed', 'pseudo mask', 'prediction', 'truth')

# White pixels below each row.
_GAP = 8


def sheet_row(picture: np.ndarray, labels: Sequence[np.ndarray | None]) -> np.ndarray:
    """One picture and its label maps side by side, the colours of labels laid over the picture.

    Args:
        picture (np.ndarray): (h, w, 3) uint8 RGB.
        labels (Sequence[np.ndarray | None]): (h, w) uint8 label maps, 0 background, 255 ignored;
            None where there is none. In the order of the columns.

    Returns:
        np.ndarray: (H, W, 3) uint8 RGB.
    """
    panels = []
    for head, label in zip(HEADS, [np.zeros(picture.shape[:2], np.uint8), *labels]):
        if label is None:
            shown = np.full_like(picture, 255)
        else:
            shown = lay_labels(picture, label)
        panels.append(add_caption(enlarge(np.ascontiguousarray(shown), 160)[0], [head]))
    return side_by_side(panels)


def stack_rows(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows below each other on white."""
    width = max(row.shape[1] for row in rows)
    sheet = np.full((sum(row.shape[0] + _GAP for row in rows), width, 3), 255, np.uint8)
    top = 0
    for row in rows:
        sheet[top : top + row.shape[0], : row.shape[1]] = row
        top += row.shape[0] + _GAP
    return sheet


def draw_sheet(
    bas_config: str | Path,
    segmentor_config: str | Path,
    checkpoint: str | Path,
    work_dir: str | Path,
    count: int,
) -> Path:
    """Draw some pictures, their first classes in turn, and write the sheet.

    They are pictures of several classes where there are such, which show most.

    Args:
        bas_config (str | Path): Config of BAS-Seg; its ``seed_dataloader`` has the pictures.
        segmentor_config (str | Path): Config of the segmentor.
        checkpoint (str | Path): Its weights.
        work_dir (str | Path): The pipeline's work folder, with ``fused_seeds`` and ``masks``.
        count (int): How many pictures.

    Returns:
        Path: ``sheet.png`` in the work folder.

    Raises:
        UnreadableImageError: A picture cannot be read.
        ValueError: Seeds, masks, figures or the checkpoint cannot be read.
    """
    work_dir = Path(work_dir)
    cfg = Config.fromfile(bas_config)
    with DefaultScope.overwrite_default_scope(scope_of(cfg)):
        dataset = DATASETS.build(cfg.seed_dataloader.dataset)
    segmentor = SegmentationInferencer(
        Config.fromfile(segmentor_config), checkpoint, show_progress=False
    )
    params = params_of(IRNLabelParams(), cfg.get('irn_label_cfg'), 'irn_label_cfg')
    score = _background_score(work_dir, params.foreground)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    several = [i for i in infos if len(i['gt_label']) > 1] or infos
    reader = LoadLocImage()
    rows = []
    for number in spread([info['gt_label'][0] for info in several], count):
        info = several[number]
        bgr = reader.read(info['img_path'])
        mask = work_dir / 'masks' / f'{info["image_id"]}.png'
        seeds = SeedFile.load(SeedFile.path(work_dir / 'fused_seeds', info['image_id']))
        true = info.get('seg_map_path')
        # torch.tensor copies: what was read from a file may be read-only.
        maps, classes = torch.tensor(seeds.high_res), torch.tensor(seeds.classes)
        # As an array, which is not turned as its file may say: masks lie on pixels as stored.
        (predicted,) = segmentor(bgr)['predictions']
        labels = [
            seeds_to_labels(maps, classes, score).numpy(),
            read_index_mask(mask),
            predicted.label_map,
            None if true is None else read_index_mask(true),
        ]
        rows.append(sheet_row(np.ascontiguousarray(bgr[..., ::-1]), labels))
    path = work_dir / 'sheet.png'
    write_picture(path, stack_rows(rows))
    return path


def _background_score(work_dir: Path, otherwise: float) -> float:
    """The background score with the best mIoU of the fused seeds, if they were evaluated."""
    path = work_dir / 'figures' / 'fused_seeds.json'
    try:
        return float(json.loads(path.read_text(encoding='utf-8'))['best']['threshold'])
    except FileNotFoundError:  # there are no true masks, say
        return otherwise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} has no best background score: {error}') from None
