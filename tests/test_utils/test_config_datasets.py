"""What configs say of their data sets."""

from pathlib import Path

import pytest
from mmengine.config import Config

from bas_mm.datasets import COCO14MultiLabel, VOC12MultiLabel
from bas_mm.utils.config_datasets import (
    classes_of_config,
    classes_of_dataset,
    classes_of_labels,
    leaf_datasets,
)

VOC, COCO = (kind.METAINFO['classes'] for kind in (VOC12MultiLabel, COCO14MultiLabel))
SWAPPED = ('background', 'dog', 'cat')


def test_the_sets_within_others():
    own, other = dict(type='A'), dict(type='B')
    masks = dict(type='PseudoMaskDataset', pictures=own)
    joined = dict(type='ConcatDataset', datasets=[dict(type='R', dataset=masks), other])
    assert list(leaf_datasets(joined)) == [masks, other]
    assert list(leaf_datasets(joined, below_masks=True)) == [own, other]
    assert list(leaf_datasets(own)) == [own]
    assert list(leaf_datasets(None)) == []


@pytest.mark.parametrize(
    ('dataset', 'classes', 'given'),
    [
        (dict(type='MultiLabelList', classes=('a', 'b')), ('a', 'b'), True),
        (dict(type='MultiLabelList', metainfo=dict(classes=['a', 'b'])), ['a', 'b'], True),
        (dict(type='MultiLabelList', classes='names.txt', data_root='pets'), ('x', 'y'), True),
        (dict(type='MultiLabelList', metainfo=dict(classes='pets/names.txt')), ('x', 'y'), True),
        (
            dict(type='MultiLabelList', classes=Path('names.txt'), data_root='pets'),
            ('x', 'y'),
            True,
        ),
        (dict(type='MultiLabelList', classes='nowhere.txt'), None, True),
        (dict(type='MultiLabelList', classes=2), None, True),
        (dict(type='MultiLabelList'), None, False),
        (dict(type='VOC12MultiLabel'), VOC, False),
        (dict(type='VOC12MultiLabel', classes=20), None, True),
        (dict(type='Nobody', classes=['a']), ['a'], True),
        (dict(type='Nobody', classes='names.txt'), None, True),
    ],
)
def test_classes_of_a_set(tmp_path, monkeypatch, dataset, classes, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'pets').mkdir()
    (tmp_path / 'pets/names.txt').write_text('x\ny\n')
    assert classes_of_dataset(dataset) == (classes, given)
    known = dataset['type'] != 'Nobody'
    assert classes_of_labels(dataset) == (classes if known else None)
    # Those of a kind are the set's where they are as many as the model has.
    cfg = Config(dict(train_dataloader=dict(dataset=dict(dataset))))
    assert classes_of_config(cfg, 20) == classes
    assert classes_of_config(cfg, 3) == (classes if given else None)


def test_the_order_in_files():
    told = dict(metainfo=dict(classes=SWAPPED))
    assert classes_of_labels(dict(type='VOC12Segmentation', **told)) == ('background', *VOC)
    assert classes_of_labels(dict(type='COCO14Segmentation', **told)) == SWAPPED
    assert classes_of_labels(dict(type='COCO14MultiLabel')) == COCO
