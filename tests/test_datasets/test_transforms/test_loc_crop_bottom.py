import numpy as np
import pytest

from bas_mm.registry import TRANSFORMS


def test_rows_and_boxes():
    crop = TRANSFORMS.build(dict(type='LocCropBottom'))
    img = np.arange(60 * 30 * 3, dtype=np.uint8).reshape(60, 30, 3)
    boxes = np.array([[1.0, 2, 20, 30], [1, 10, 20, 55]])
    results = crop(dict(img=img, gt_bboxes=boxes, width=30, height=60))
    np.testing.assert_array_equal(results['img'], img[:40])
    assert results['img_shape'] == results['ori_shape'] == (40, 30)
    assert (results['width'], results['height']) == (30, 40)
    np.testing.assert_array_equal(results['gt_bboxes'], [[1, 2, 20, 30], [1, 10, 20, 39]])
    assert boxes[1, 3] == 55  # the data set's own boxes are left alone
    assert repr(crop) == 'LocCropBottom(pixels=20)'


def test_picture_too_low():
    crop = TRANSFORMS.build(dict(type='LocCropBottom', pixels=20))
    with pytest.raises(ValueError, match='30x20 pixels has nothing above its lowest 20 rows'):
        crop(dict(img=np.zeros((20, 30, 3), np.uint8)))
    with pytest.raises(ValueError, match='pixels=-1'):
        TRANSFORMS.build(dict(type='LocCropBottom', pixels=-1))


@pytest.mark.parametrize('earlier', ['mask_paths', 'boxes', 'training', 'foreign'])
def test_place_in_the_pipeline(earlier):
    """Rows are the original's: none of masks, and none of a picture that was resized."""
    crop = TRANSFORMS.build(dict(type='LocCropBottom', pixels=20))
    results = dict(img=np.zeros((60, 30, 3), np.uint8))
    if earlier == 'mask_paths':
        results['mask_paths'] = ('a.png',)
    elif earlier == 'foreign':
        results['ori_shape'] = (50, 30)
    else:
        if earlier == 'boxes':
            results['gt_bboxes'] = np.array([[3.0, 10, 15, 55]])
        results = TRANSFORMS.build(dict(type='LocResize', scale=(80, 80)))(results)
    with pytest.raises(ValueError, match='right behind LoadLocImage'):
        crop(results)


def test_protocol_b_sees_the_cut_picture():
    steps = [dict(type='LocCropBottom', pixels=20), dict(type='LocResize', scale=(80, 80))]
    results = dict(img=np.zeros((60, 30, 3), np.uint8), gt_bboxes=np.array([[3.0, 10, 15, 55]]))
    results['ori_shape'] = results['img_shape'] = (60, 30)
    for step in [*steps, dict(type='PackLocalizationInputs')]:
        results = TRANSFORMS.build(step)(results)
    assert results['data_samples'].gt_bboxes_view.tolist() == [[8, 20, 40, 78]]


@pytest.mark.parametrize('pixels', [0, 20])
def test_the_packed_sample_tells_that_rows_were_cut(pixels):
    """The view shows all of what is left: nothing else tells who knows the whole picture."""
    results = dict(img=np.zeros((60, 30, 3), np.uint8), ori_shape=(60, 30), img_shape=(60, 30))
    for step in (
        dict(type='LocCropBottom', pixels=pixels),
        dict(type='LocResize', scale=(80, 80)),
        dict(type='PackLocalizationInputs'),
    ):
        results = TRANSFORMS.build(step)(results)
    assert results['data_samples'].get('rows_cut') == (pixels or None)
