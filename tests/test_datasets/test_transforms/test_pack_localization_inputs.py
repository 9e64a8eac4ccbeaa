"""PackLocalizationInputs, and whole pipelines against a computation of their own."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.dataset import default_collate
from mmpretrain.structures import DataSample

from bas_mm.datasets.errors import AnnotationError
from bas_mm.registry import TRANSFORMS


def run(names: list[dict], results: dict) -> dict:
    return Compose([TRANSFORMS.build(cfg) for cfg in names])(results)


def item(height: int = 30, width: int = 40, **kwargs) -> dict:
    rng = np.random.default_rng(0)
    img = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return dict(
        img=img,
        img_shape=(height, width),
        ori_shape=(height, width),
        image_id='a/b.jpg',
        img_path='root/a/b.jpg',
        gt_label=5,
        sample_idx=3,
        **kwargs,
    )


def test_fields():
    source = item(gt_bboxes=np.array([[1.9, -2.0, 39.5, 12.0], [3.0, 4.0, 90.0, 29.0]]))
    img = source['img'].copy()
    packed = run([dict(type='PackLocalizationInputs')], source)
    assert set(packed) == {'inputs', 'data_samples'}
    assert packed['inputs'].dtype == torch.uint8
    assert packed['inputs'].is_contiguous()
    np.testing.assert_array_equal(packed['inputs'].numpy(), img.transpose(2, 0, 1))
    sample = packed['data_samples']
    assert isinstance(sample, DataSample)
    assert sample.gt_label.tolist() == [5]
    assert sample.gt_bboxes.dtype == torch.int64
    assert sample.gt_bboxes.tolist() == [[1, 0, 39, 12], [3, 4, 39, 29]]
    assert sample.metainfo == dict(
        sample_idx=3,
        image_id='a/b.jpg',
        img_path='root/a/b.jpg',
        ori_shape=(30, 40),
        img_shape=(30, 40),
        view_box=(0.0, 0.0, 40.0, 30.0),
    )


def test_without_boxes_and_label():
    results = item()
    results.pop('gt_label')
    sample = run([dict(type='PackLocalizationInputs')], results)['data_samples']
    assert sample.gt_bboxes.shape == (0, 4)
    assert sample.gt_bboxes.dtype == torch.int64
    assert 'gt_label' not in sample


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_boxes_that_are_not_finite_are_refused(value):
    """Those of data sets of other packages, which nobody has looked at; also mirrored and cut."""
    boxes = np.array([[1.0, 2.0, 20.0, 12.0], [1.0, 2.0, value, 12.0]])
    said = re.escape(
        f'root/a/b.jpg: the true box [1.0, 2.0, {value}, 12.0] is not made of finite numbers. '
        'Correct it in the data set'
    )
    flip = dict(type='LocRandomFlip', prob=1.0)
    for steps in ([PACK], [OWN, PACK], [OWN, OWN_CROP, flip, PACK]):
        with pytest.raises(AnnotationError, match=f'^{said}$'):
            run(steps, item(gt_bboxes=boxes))
    # Nor those that a transform has made so.
    whole = item(gt_bboxes=boxes, ori_gt_bboxes=boxes[:1])
    with pytest.raises(AnnotationError, match=r'^root/a/b\.jpg: '):
        run([PACK], whole)


def test_meta_keys():
    cfg = dict(type='PackLocalizationInputs', meta_keys=('image_id', 'absent'))
    assert run([cfg], item())['data_samples'].metainfo == dict(image_id='a/b.jpg')
    masks = dict(mask_paths=('m.png',), ignore_path='')
    sample = run([dict(type='PackLocalizationInputs')], item(**masks))['data_samples']
    assert sample.mask_paths == ('m.png',)
    assert sample.ignore_path == ''


@pytest.mark.parametrize('size', [(30, 40), (30, 1), (1, 40), (1, 1)])
def test_flipped_pictures_are_packed(size):
    """A mirrored view has negative strides, which tensors do not take."""
    source = item(*size)
    expected = source['img'][:, ::-1].transpose(2, 0, 1).copy()
    packed = run(
        [dict(type='LocRandomFlip', prob=1.0), dict(type='PackLocalizationInputs')], source
    )
    np.testing.assert_array_equal(packed['inputs'].numpy(), expected)


@pytest.mark.parametrize(
    ('height', 'width'), [(375, 500), (500, 333), (300, 374), (196, 392), (64, 48)]
)
@pytest.mark.parametrize('crop', ['LocCenterCrop', 'LocTenCrop', None])
def test_protocol_a_ground_truth(height, width, crop):
    """Protocol A, step 1, written down once more, number by number."""
    rng = np.random.default_rng(height)
    corners = [
        (*sorted(rng.integers(0, width + 1, 2)), *sorted(rng.integers(0, height + 1, 2)))
        for _ in range(40)
    ]
    boxes = np.array([[x0, y0, x1, y1] for x0, x1, y0, y1 in corners], dtype=np.float64)
    size = 256 if crop else 224
    steps = [dict(type='LocResize', scale=size), dict(type='PackLocalizationInputs')]
    if crop:
        steps.insert(1, dict(type=crop, crop_size=224))
    packed = run(steps, item(height, width, gt_bboxes=boxes))

    expected = []
    for box in boxes.tolist():
        row = []
        for value, old in zip(box, (width, height, width, height)):
            moved = value * size / old - (16 if crop else 0)
            row.append(int(min(max(moved, 0), 223)))
        expected.append(row)
    sample = packed['data_samples']
    assert sample.gt_bboxes.tolist() == expected
    assert sample.img_shape == (224, 224)
    assert sample.ori_shape == (height, width)
    assert packed['inputs'].shape[-3:] == (3, 224, 224)
    assert packed['inputs'].shape[:-3] == ((10,) if crop == 'LocTenCrop' else ())


def test_batches():
    steps = [
        dict(type='LocResize'),
        dict(type='LocTenCrop'),
        dict(type='PackLocalizationInputs'),
    ]
    batch = default_collate([run(steps, item(gt_bboxes=np.ones((count, 4)))) for count in (1, 3)])
    assert batch['inputs'].shape == (2, 10, 3, 224, 224)
    assert [len(sample.gt_bboxes) for sample in batch['data_samples']] == [1, 3]


@pytest.mark.parametrize(('height', 'width'), [(375, 500), (500, 333), (300, 374), (64, 48)])
@pytest.mark.parametrize('crop', ['LocCenterCrop', 'LocTenCrop', 'LocRandomCrop', None])
def test_protocol_b_ground_truth(height, width, crop):
    """Protocol B, step 1: the original box scaled to the view, no crop, truncated."""
    rng = np.random.default_rng(width)
    boxes = rng.integers(0, 500, (40, 4)).astype(np.float64)
    original = boxes.copy()
    steps = [dict(type='LocResize', scale=256 if crop else 224)]
    if crop:
        steps.append(dict(type=crop, crop_size=224))
    steps += [
        dict(type='LocRandomFlip', prob=1.0 if crop == 'LocRandomCrop' else 0.0),
        dict(type='PackLocalizationInputs'),
    ]
    sample = run(steps, item(height, width, gt_bboxes=boxes))['data_samples']
    expected = [
        [int(value * 224 / old) for value, old in zip(box, (width, height, width, height))]
        for box in original.tolist()
    ]
    assert sample.gt_bboxes_view.dtype == torch.int64
    assert sample.gt_bboxes_view.tolist() == expected
    assert sample.get('whole_view') is (False if crop else None)
    np.testing.assert_array_equal(boxes, original)


def test_protocol_b_ground_truth_of_untouched_and_of_weak_pictures():
    boxes = np.array([[1.9, 2.0, 45.5, 12.0]])
    sample = run([dict(type='PackLocalizationInputs')], item(gt_bboxes=boxes))['data_samples']
    assert sample.gt_bboxes_view.tolist() == [[1, 2, 45, 12]]
    sample = run([dict(type='PackLocalizationInputs')], item())['data_samples']
    assert sample.gt_bboxes_view.shape == (0, 4)


PACK = dict(type='PackLocalizationInputs')
RESIZE, CROP = dict(type='mmcv.Resize', scale=(24, 20)), dict(type='mmcv.CenterCrop', crop_size=16)
OWN, OWN_CROP = dict(type='LocResize', scale=(24, 20)), dict(type='LocCenterCrop', crop_size=12)


@pytest.mark.parametrize(
    'foreign', [[RESIZE], [CROP], [OWN, CROP], [RESIZE, OWN], [CROP, OWN_CROP]]
)
def test_where_another_package_resizes_nothing_is_said_of_places(foreign):
    """It does not take the boxes of all protocols along, nor the place of the view."""
    truth = dict(gt_bboxes=np.array([[1.0, 2, 20, 12]]), gt_mask=np.ones((30, 40), np.uint8))
    sample = run([*foreign, PACK], item(**truth))['data_samples']
    assert sample.view_lost is True
    for name in ('gt_bboxes', 'gt_bboxes_view', 'gt_mask', 'view_box'):
        assert name not in sample
    assert sample.gt_label.tolist() == [5]


def test_what_another_package_does_without_resizing_changes_no_place():
    boxes = np.array([[1.0, 2, 20, 12]])
    steps = [OWN, dict(type='mmpretrain.RandomErasing', erase_prob=1.0), PACK]
    sample = run(steps, item(gt_bboxes=boxes))['data_samples']
    assert sample.gt_bboxes.tolist() == [[0, 1, 12, 8]]
    assert sample.view_box == (0, 0, 40, 30)
    assert 'view_lost' not in sample


def test_mirrored_and_uncropped_views_are_told_apart():
    flipped = [dict(type='LocRandomFlip', prob=1.0), dict(type='PackLocalizationInputs')]
    assert run(flipped, item())['data_samples'].whole_view is False
    # A crop of the size of the picture cuts nothing off.
    whole = [dict(type='LocCenterCrop', crop_size=(30, 40)), dict(type='PackLocalizationInputs')]
    assert 'whole_view' not in run(whole, item())['data_samples']
