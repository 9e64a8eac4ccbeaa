"""The truth of a detector's test pipeline is that of the pipeline of localization maps."""

import numpy as np
import pytest
from mmengine.registry import DefaultScope

from bas_mm.registry import TRANSFORMS

VIEW = (dict(type='LocResize', scale=(256, 256)), dict(type='LocCenterCrop', crop_size=224))


def item() -> dict:
    rng = np.random.default_rng(0)
    return dict(
        img=rng.integers(0, 256, (300, 417, 3), dtype=np.uint8),
        img_path='root/a.jpg',
        image_id='a.jpg',
        img_shape=(300, 417),
        ori_shape=(300, 417),
        gt_label=4,
        gt_bboxes=np.array([[33.5, 20.0, 300.0, 299.0], [0.0, 0.0, 50.0, 60.0]]),
        width=417,
        height=300,
    )


@pytest.mark.parametrize('view', [VIEW, ()])
@pytest.mark.parametrize('scope', ['bas_mm', 'mmseg'])
def test_truth_of_the_other_pipeline(view, scope):
    source = item()
    img, boxes = source['img'].copy(), source['gt_bboxes'].copy()
    # Whatever the scope of the detector's config.
    with DefaultScope.overwrite_default_scope(scope):
        keep = TRANSFORMS.build(dict(type='bas_mm.KeepLocalizationTruth', view=view))
        found = keep(source)
    np.testing.assert_array_equal(found['img'], img)
    assert found['img_shape'] == found['ori_shape'] == (300, 417)
    assert 'gt_bboxes' not in found
    truth = found['localization']

    other = item()
    for step in [*view, dict(type='PackLocalizationInputs')]:
        other = TRANSFORMS.build(step)(other)
    sample = other['data_samples']
    np.testing.assert_array_equal(truth['gt_bboxes'], sample.gt_bboxes.numpy())
    assert truth['gt_bboxes'].dtype == np.int64
    assert not np.array_equal(truth['gt_bboxes'], boxes)
    assert truth['gt_label'] == 4
    assert truth['img_shape'] == sample.img_shape
    assert truth['view_box'] == sample.view_box


def test_a_view_of_which_nobody_knows_the_place():
    keep = TRANSFORMS.build(
        dict(type='KeepLocalizationTruth', view=[dict(type='mmcv.Resize', scale=(30, 20))])
    )
    with pytest.raises(ValueError, match=r'KeepLocalizationTruth\.view has a transform that'):
        keep(item())
