"""Data samples with random maps, deterministic in their index; for tests in several processes."""

import numpy as np
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement

from bas_mm.evaluation import MaxBoxAcc, MaxBoxAccV2, PxAP

VIEW = (40, 48)


def make_sample(index, **changes):
    """One of some pictures of five classes; keys with None are left out."""
    rng = np.random.RandomState(index)
    mask = np.zeros(VIEW, np.uint8)
    x0, y0, x1, y1 = box = [5 + index % 7, 4, 30 + index % 9, 30]
    mask[y0 : y1 + 1, x0 : x1 + 1] = 1
    mask[:4] = 255
    pred_map = rng.rand(7, 7).astype(np.float32)
    pred_map[1:5, 1:5] += rng.rand() * 2
    values = {
        'pred_map': torch.from_numpy(pred_map),
        'gt_label': torch.tensor([index % 5]),
        'gt_bboxes_view': torch.tensor([box, [0, 0, 20, 20]][: 1 + index % 2]),
        'gt_mask': torch.from_numpy(mask),
    }
    metainfo = {'image_id': f'val/{index:05d}.jpg', 'img_shape': VIEW}
    for key, value in changes.items():
        (values if key in values else metainfo)[key] = value
    sample = BaseDataElement(metainfo={k: v for k, v in metainfo.items() if v is not None})
    sample.set_data({k: v for k, v in values.items() if v is not None})
    return sample


def make_metrics(prefix='', **kwargs):
    """One of each, their result files named after them."""
    metrics = []
    for kind, options in (
        (MaxBoxAcc, {'curve': True}),
        (MaxBoxAccV2, {'curve': True}),
        (PxAP, {'curve': True}),
    ):
        file = f'{prefix}{kind.__name__}.csv'
        metrics.append(kind(per_class=True, result_file=file, **options, **kwargs))
    return metrics


def evaluate(metrics, samples, size=None, batch=3):
    """Figures of samples that come in batches."""
    evaluator = Evaluator(metrics)
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples) if size is None else size)
