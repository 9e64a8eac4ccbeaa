"""Pictures that show several trained methods side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpretrain.structures import DataSample

from bas_mm.evaluation.functional import box_iou
from bas_mm.registry import DATASETS
from bas_mm.utils.arguments import whole_number
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

    A method without a θ has no predicted box, and a data set without boxes no true one.

    Args:
        results (Sequence[LocalizationResult]): methods tested on the same data, at least one.
        out_dir (str | Path): folder of the pictures, and of ``overview.png`` with eight of them.
        count (int): how many pictures; the classes come in turn.

    Returns:
        list[Path]: the files, the overview first.

    Raises:
        ValueError: there is no result, ``count`` is no positive whole number, or a checkpoint does
            not fit.
    """
    count = whole_number('count', count, 1)
    if not results:
        raise ValueError('results is empty: give at least one method that was tested')
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
        true_boxes = _boxes(sample, 'gt_bboxes')
        methods = {}
        for result, model in zip(results, models):
            (prediction,) = model.test_step(batch)
            boxes = _boxes(prediction, 'pred_bboxes')
            caption = classes[int(prediction.pred_label)]
            if boxes.size and true_boxes.size:
                caption += f', IoU {box_iou(boxes, true_boxes).max():.2f}'
            methods[result.name] = dict(
                map=prediction.pred_map.numpy(), boxes=boxes, caption=caption
            )
        view = input_view(item['inputs'].numpy())
        row = draw_comparison(view, true_boxes, methods, classes[int(sample.gt_label)])
        rows.append(row)
        files.append(out_dir / f'{index:05d}.png')
        write_picture(files[-1], row)
    overview = out_dir / 'overview.png'
    write_picture(overview, _sheet(rows[:8]))
    return [overview, *files]


def _boxes(sample: DataSample, key: str) -> np.ndarray:
    """Boxes of a sample, (n, 4); n is 0 where it has none."""
    return sample.get(key, torch.zeros(0, 4)).numpy()


def _sheet(rows: Sequence[np.ndarray], gap: int = 12) -> np.ndarray:
    """Two columns of rows on white."""
    height = max(row.shape[0] for row in rows) + gap
    width = max(row.shape[1] for row in rows) + gap
    sheet = np.full((height * ((len(rows) + 1) // 2) + gap, 2 * width + gap, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        y, x = gap + height * (i // 2), gap + width * (i % 2)
        sheet[y : y + row.shape[0], x : x + row.shape[1]] = row
    return sheet
