"""Pictures with IRNet's labels: what is listed, read, resized, and refused."""

import numpy as np
import pytest
from mmengine.dataset import Compose
from PIL import Image
from segmentation_sets import VOC_SPLITS, write_voc
from tiny_irn import pictures_cfg, write_irn_pictures

from bas_mm.datasets import AnnotationError, IRNLabelDataset, UnreadableImageError
from bas_mm.registry import DATASETS, TRANSFORMS
from bas_mm.utils.palette import encode_palette_png


@pytest.fixture
def root(tmp_path):
    return write_irn_pictures(tmp_path / 'set', 3)


def _dataset(root, **kwargs) -> IRNLabelDataset:
    kwargs.setdefault('label_dir', str(root / 'labels'))
    return DATASETS.build(dict(type='IRNLabelDataset', pictures=pictures_cfg(root), **kwargs))


def _load(root, index=0) -> dict:
    results = _dataset(root).get_data_info(index)
    return Compose([dict(type='LoadLocImage'), dict(type='LoadLabelMap')])(results)


def test_pictures_of_the_set_with_their_labels(root):
    # Other files in the folder do not matter.
    (root / 'labels/extra.png').write_bytes(b'')
    (root / 'labels/irn_labels.json').write_text('{}')
    dataset = _dataset(root)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['image_id'] for info in infos] == ['pic_0', 'pic_1', 'pic_2']
    assert infos[1]['img_path'] == str(root / 'JPEGImages/pic_1.jpg')
    assert infos[1]['seg_map_path'] == str(root / 'labels/pic_1.png')
    assert 'gt_label' not in infos[1]


def test_true_masks_of_the_pictures_are_not_looked_at(tmp_path):
    pictures = dict(
        type='VOC12MultiLabel',
        data_root=str(write_voc(tmp_path / 'voc')),
        split='train',
        data_prefix=dict(seg_map_path='SegmentationClass'),
    )
    assert 'seg_map_path' in DATASETS.build(pictures).get_data_info(0)
    (tmp_path / 'labels').mkdir()
    for image_id in VOC_SPLITS['train']:
        (tmp_path / f'labels/{image_id}.png').touch()
    dataset = IRNLabelDataset(pictures, str(tmp_path / 'labels'))
    for index, image_id in enumerate(VOC_SPLITS['train']):
        info = dataset.get_data_info(index)
        assert info['seg_map_path'] == str(tmp_path / f'labels/{image_id}.png')


def test_labels_are_indices(root):
    results = _load(root)
    assert results['gt_seg_map'].shape == results['img'].shape[:2]
    assert results['gt_seg_map'].dtype == np.uint8
    assert np.unique(results['gt_seg_map']).tolist() == [0, 1, 255]
    assert results['seg_fields'] == ['gt_seg_map']


def test_missing_labels_are_named(root):
    message = r'nowhere: 3 of 3 pictures have no IRNet label.*tools/wsss/make_irn_labels\.py'
    with pytest.raises(AnnotationError, match=message):
        _dataset(root, label_dir='nowhere')
    (root / 'labels/pic_1.png').unlink()
    with pytest.raises(AnnotationError, match=r'labels: 1 of 3 .*the first is pic_1\.png'):
        _dataset(root)


def test_damaged_labels_are_named(root):
    path = root / 'labels/pic_0.png'
    content = path.read_bytes()
    # Pillow has an error of its own for a chunk whose kind is no letters.
    for damaged in (content[:60], content.replace(b'IDAT', b'I\0AT', 1), b'nothing'):
        path.write_bytes(damaged)
        with pytest.raises(UnreadableImageError, match=r'pic_0\.png'):
            _load(root)


def test_labels_that_do_not_fit_are_named(root):
    path = root / 'labels/pic_0.png'
    path.write_bytes(encode_palette_png(np.zeros((5, 7), np.uint8)))
    with pytest.raises(AnnotationError, match=r'pic_0.png has 7x5 pixels, but .*jpg has 36x60'):
        _load(root)
    Image.new('RGB', (36, 60)).save(path)
    with pytest.raises(AnnotationError, match='pic_0.png: a mask holds indices'):
        _load(root)
    path.write_bytes(b'no picture')
    with pytest.raises(UnreadableImageError, match='pic_0.png'):
        _load(root)


def test_random_scale_is_of_the_pictures_own_size(root):
    scale = TRANSFORMS.build(dict(type='RandomScale', ratio_range=(0.5, 1.5)))
    np.random.seed(0)  # noqa: NPY002 - the generator that mmengine seeds
    factors = []
    loaded = _load(root)
    labels = loaded['gt_seg_map']
    for _ in range(200):
        results = scale(dict(loaded))
        height, width = results['img'].shape[:2]
        assert results['gt_seg_map'].shape == (height, width) == tuple(results['img_shape'])
        factors.append(height / 60)
        assert width / 36 == pytest.approx(factors[-1], abs=0.02)
        # Nearest neighbour: no labels that were not there.
        assert set(np.unique(results['gt_seg_map'])) <= set(np.unique(labels))
    assert 0.49 < min(factors) < 0.55
    assert 1.45 < max(factors) < 1.51
    assert np.mean(factors) == pytest.approx(1, abs=0.06)
    assert np.std(factors) == pytest.approx(12**-0.5, abs=0.03)  # all between are as likely
    same = TRANSFORMS.build(dict(type='RandomScale', ratio_range=(1, 1)))(_load(root, 1))
    np.testing.assert_array_equal(same['gt_seg_map'], _load(root, 1)['gt_seg_map'])
    for wrong in ((0, 1), (2, 1)):
        with pytest.raises(ValueError, match='ratio_range'):
            TRANSFORMS.build(dict(type='RandomScale', ratio_range=wrong))


def test_random_scale_leaves_a_pixel_and_has_irnets_factors_by_default(root):
    tiny = TRANSFORMS.build(dict(type='RandomScale', ratio_range=(0.001, 0.001)))(_load(root))
    assert tiny['img'].shape[:2] == tiny['gt_seg_map'].shape == (1, 1)
    assert TRANSFORMS.build(dict(type='RandomScale')).ratio_range == (0.5, 1.5)
