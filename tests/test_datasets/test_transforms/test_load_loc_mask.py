"""LoadLocMask, and what PackLocalizationInputs makes of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose

from bas_mm.datasets import AnnotationError, UnreadableImageError
from bas_mm.registry import TRANSFORMS


def write(path, mask):
    assert cv2.imwrite(str(path), mask)
    return str(path)


def run(results, **kwargs):
    return TRANSFORMS.build(dict(type='LoadLocMask', **kwargs))(results)


@pytest.fixture
def files(tmp_path):
    first, second = np.zeros((60, 80), np.uint8), np.zeros((30, 40), np.uint8)
    first[:30, :40] = 255
    second[15:, 20:] = 100
    ignore = np.full((60, 80), 255, np.uint8)
    ignore[30:, :40] = 0
    return (
        (write(tmp_path / '0.png', first), write(tmp_path / '1.png', second)),
        write(tmp_path / 'ignore.png', ignore),
    )


def test_union_of_masks_and_ignored_region(files):
    mask_paths, ignore_path = files
    results = dict(mask_paths=mask_paths, ignore_path=ignore_path, img_shape=(12, 16))
    expected = np.zeros((12, 16), np.uint8)
    expected[:6, :8] = expected[6:, 8:] = 1
    expected[:6, 8:] = 255
    np.testing.assert_array_equal(run(results)['gt_mask'], expected)
    expected[expected == 255] = 0
    for nothing in ('', None):
        results['ignore_path'] = nothing
        np.testing.assert_array_equal(run(results)['gt_mask'], expected)
    # The second mask has the value 100.
    expected[6:, 8:] = 0
    np.testing.assert_array_equal(run(results, threshold=127)['gt_mask'], expected)
    # The data set may say so itself; the config has the last word.
    results['mask_threshold'] = 127
    np.testing.assert_array_equal(run(results)['gt_mask'], expected)
    assert run(results, threshold=0)['gt_mask'].sum() > expected.sum()


def test_masks_are_decoded_as_they_are_stored(tmp_path):
    mask = np.zeros((6, 8), np.uint16)
    mask[:3] = 1  # of 65535
    results = dict(mask_paths=(write(tmp_path / '16.png', mask),), img_shape=(6, 8))
    np.testing.assert_array_equal(run(results)['gt_mask'], mask)


def test_packed_mask_follows_the_view(files):
    mask_paths, ignore_path = files
    results = dict(
        img=np.zeros((60, 80, 3), np.uint8),
        img_shape=(60, 80),
        ori_shape=(60, 80),
        mask_paths=mask_paths,
        ignore_path=ignore_path,
    )
    steps = ['LocResize', 'LoadLocMask', 'PackLocalizationInputs']
    pipeline = Compose([TRANSFORMS.build(dict(type=name)) for name in steps])
    mask = pipeline(results)['data_samples'].gt_mask
    assert (mask.dtype, tuple(mask.shape)) == (torch.uint8, (256, 256))
    assert (mask[:128, :128] == 1).all()
    assert (mask[:128, 128:] == 255).all()


def test_no_mask():
    for missing in ({}, {'mask_paths': ()}):
        with pytest.raises(AnnotationError, match=r'a/b.jpg has no mask'):
            run(dict(img_path='a/b.jpg', img_shape=(8, 8), **missing))


def test_unreadable_mask(tmp_path):
    (tmp_path / 'text.png').write_text('no picture')
    (tmp_path / 'empty.png').write_bytes(b'')
    for name in ('text.png', 'empty.png', 'absent.png'):
        with pytest.raises(UnreadableImageError, match=name):
            run(dict(mask_paths=(str(tmp_path / name),), img_shape=(8, 8)))
