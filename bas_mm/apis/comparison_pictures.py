"""Pictures that show several trained methods side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from bas_mm.evaluation.functional import box_iou
from bas_mm.registry import DATASETS
from bas_mm.utils.result_files import write_picture
from bas_mm.visualization.functional import draw_comparison, input_view

from .checkpoints import load_model
from .localization_protocol import LocalizationResult


def spread(labels: Sequence[int], count: int) -> list[int]:
    """Indices of ``count`` pictures that take the classes in turn, early pictures first.

    Args:
        labels (Sequence[int]): class of each picture.
        count (int): how many; at most all.

    Returns:
        list[int]: indices.
    """
    labels = np.asarray(labels)
    # How many of its class come before each picture: 0 for the first of every class.
    order = np.argsort(labels, kind='stable')
    turn = np.empty(len(labels), int)
    starts = np.searchsorted(labels[order], labels[order])
    turn[order] = np.arange(len(labels)) - starts
    return np.lexsort((labels, turn))[:count].tolist()


@torch.no_grad()
def write_comparison_pictures(
    results: Sequence[LocalizationResult], out_dir: str | Path, count: int = 16
) -> list[Path]:
    """Draw image, map, predicted and true box of every method, one file per test picture.

    Args:
        results (Sequence[LocalizationResult]): methods tested on the same data.
        out_dir (str | Path): folder of the pictures, and of ``overview.png`` with eight of them.
        count (int): how many pictures; the classes come in turn.

    Returns:
        list[Path]: the files, the overview first.
    """
    init_default_scope('bas_mm')
    dataset = DATASETS.build(results[0].cfg.test_dataloader.dataset)
    classes = dataset.metainfo['classes']
    models = [load_model(result.cfg, result.checkpoint).eval() for result in results]
    chosen = spread([dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))], count)
    out_dir, rows, files = Path(out_dir), [], []
    for index in chosen:
        item = dataset[index]
        batch = pseudo_collate([item])
        sample = item['data_samples']
        true_boxes = sample.gt_bboxes.numpy()
        methods = {}
        for result, model in zip(results, models):
            (prediction,) = model.test_step(batch)
            boxes = prediction.pred_bboxes.numpy()
            iou = box_iou(boxes, true_boxes).max()
            scored = classes[int(prediction.pred_label)]
            methods[result.name] = dict(
                map=prediction.pred_map.numpy(), boxes=boxes, caption=f'{scored}, IoU {iou:.2f}'
            )
        view = input_view(item['inputs'].numpy())
        row = draw_comparison(view, true_boxes, methods, classes[int(sample.gt_label)])
        rows.append(row)
        files.append(out_dir / f'{index:05d}.png')
        write_picture(files[-1], row)
    overview = out_dir / 'overview.png'
    write_picture(overview, _sheet(rows[:8]))
    return [overview, *files]


def _sheet(rows: Sequence[np.ndarray], gap: int = 12) -> np.ndarray:
    """Two columns of rows on white."""
    height = max(row.shape[0] for row in rows) + gap
    width = max(row.shape[1] for row in rows) + gap
    sheet = np.full((height * ((len(rows) + 1) // 2) + gap, 2 * width + gap, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        y, x = gap + height * (i // 2), gap + width * (i % 2)
        sheet[y : y + row.shape[0], x : x + row.shape[1]] = row
    return sheet
