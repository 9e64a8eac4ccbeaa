"""Pictures of a list with a folder of masks, through mmsegmentation's transforms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from releases import write_lines, write_picture

from bas_mm.datasets import AnnotationError
from bas_mm.registry import DATASETS, METRICS, MODELS
from bas_mm.utils.palette import colour_map, encode_palette_png

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NAMES = ('a/1.png', 'a/2.JPG', 'b/3.jpeg', 'b/4.jpg')


@pytest.fixture
def pets(tmp_path):
    """Pictures of all endings in two folders, and their masks in one without folders."""
    root = tmp_path / 'pets'
    (root / 'masks').mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        write_picture(root / 'pictures' / name, 64, 48, seed)
        mask = np.full((48, 64), seed % 3, np.uint8)
        mask[:, 50:] = 255
        (root / 'masks' / f'{seed + 1}.png').write_bytes(encode_palette_png(mask))
    write_lines(root / 'train.txt', ['a/1.png cat', 'a/2 red_dog cat', 'b/3 red_dog', 'b/4 cat'])
    return root


def _cfg(root, **kwargs) -> dict:
    pictures = dict(
        type='MultiLabelList',
        ann_file='train.txt',
        classes=('cat', 'red dog'),
        data_root=str(root),
        data_prefix=dict(img_path='pictures'),
    )
    masks = dict(type='PseudoMaskDataset', pictures=pictures, mask_dir=str(root / 'masks'))
    return {**masks, **kwargs}


def test_pictures_of_all_endings_and_folders(pets):
    dataset = DATASETS.build(_cfg(pets))
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['img_path'] for info in infos] == [str(pets / 'pictures' / n) for n in NAMES]
    masks = [str(pets / f'masks/{number}.png') for number in (1, 2, 3, 4)]
    assert [info['seg_map_path'] for info in infos] == masks
    assert dataset.metainfo['classes'] == ('background', 'cat', 'red dog')
    assert [list(c) for c in dataset.metainfo['palette']] == colour_map(3).tolist()
    # Known before the list is read, as mmengine's other data sets know it.
    lazy = DATASETS.build(_cfg(pets, lazy_init=True))
    assert not lazy._fully_initialized
    assert lazy.metainfo == dataset.metainfo


def test_a_missing_mask_is_named(pets):
    (pets / 'masks/3.png').unlink()
    with pytest.raises(AnnotationError, match=r'1 of 4 pictures have no mask, the first is 3\.png'):
        DATASETS.build(_cfg(pets))
    with pytest.raises(AnnotationError, match=r'make_masks\.py, or set mask_dir to where they are'):
        DATASETS.build(_cfg(pets, mask_dir='nowhere'))


def test_masks_of_classes_in_another_order_are_refused(pets):
    noted = pets / 'masks' / 'masks.json'
    for content in ('{"classes": ["cat", "red dog"]}', '{"classes": 2}', '[1]', '{'):
        noted.write_text(content)
        assert len(DATASETS.build(_cfg(pets))) == 4
    noted.write_text('{"classes": ["red dog", "cat"]}')
    says = (
        r'^its `pictures` has the classes in another order than .*masks\.json: class 0.*cat.*anew$'
    )
    with pytest.raises(AnnotationError, match=says):
        DATASETS.build(_cfg(pets))


def test_a_segmentor_learns_from_it_and_is_tested_by_it(pets):
    """Through the pipelines of DeepLabv2 and mmsegmentation's metric."""
    cfg = Config.fromfile(CONFIGS / 'deeplabv2/deeplabv2_small_embedded.py')
    cfg.model.decode_head.num_classes = 3
    dataset = DATASETS.build(_cfg(pets, pipeline=cfg.train_pipeline))
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    batch = model.data_preprocessor(pseudo_collate([dataset[i] for i in range(4)]), True)
    labels = torch.cat([sample.gt_sem_seg.data for sample in batch['data_samples']])
    assert labels.unique().tolist() == [0, 1, 2, 255]
    losses = model(**batch, mode='loss')
    assert all(value.isfinite().all() for value in losses.values())

    dataset = DATASETS.build(_cfg(pets, pipeline=cfg.test_pipeline, test_mode=True))
    metric = METRICS.build(dict(type='mmseg.IoUMetric', iou_metrics=['mIoU']))
    metric.dataset_meta = dataset.metainfo
    with torch.no_grad():
        for index in range(4):
            data = pseudo_collate([dataset[index]])
            metric.process(data, [s.to_dict() for s in model.eval().test_step(data)])
    assert 0 <= metric.evaluate(4)['mIoU'] <= 100


def test_a_value_that_is_no_class_is_named(pets):
    path = pets / 'masks/2.png'
    path.write_bytes(encode_palette_png(np.full((48, 64), 3, np.uint8)))
    pipeline = [dict(type='LoadLocImage'), dict(type='LoadLabelMap')]
    with pytest.raises(AnnotationError, match=r'2\.png has the value 3, but there are 3 classes'):
        DATASETS.build(_cfg(pets, pipeline=pipeline))[1]
