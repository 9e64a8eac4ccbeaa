"""What a file says about its pictures and classes comes from config and checkpoint."""

import json

import pytest
from mmengine.config import Config
from tiny import tiny_model_cfg

from bas_mm.export.errors import ExportError
from bas_mm.export.exported_classifier import ExportedClassifier
from bas_mm.export.metadata import (
    class_names,
    describe,
    pipeline_of,
    view_size_of,
    with_defaults,
)
from bas_mm.registry import MODELS


@pytest.mark.parametrize(
    ('name', 'size'),
    [
        ('bas/bas_resnet50_cub', (224, 224)),
        ('bas/bas_resnet50_openimages30k', (224, 224)),
        ('wsss/bas_seg_resnet50_voc12', (512, 512)),
        ('wsss/bas_seg_small_embedded', (128, 128)),
        ('bas/bas_small_embedded', None),
    ],
)
def test_view_of_the_configs(name, size, repo_dir):
    cfg = Config.fromfile(repo_dir / f'configs/{name}.py')
    assert view_size_of(pipeline_of(cfg)) == size


def test_view_is_height_and_width_of_the_last_transform():
    load, pack = dict(type='LoadLocImage'), dict(type='PackLocalizationInputs')
    resize = dict(type='LocResize', scale=(60, 50))
    assert view_size_of([load, resize, pack]) == (50, 60)
    crop = dict(type='LocTenCrop', crop_size=(30, 40))
    assert view_size_of([load, resize, crop, pack]) == (30, 40)
    crop = dict(type='bas_mm.LocCenterCrop')
    assert view_size_of([load, crop, pack]) == (224, 224)
    assert view_size_of([load, pack]) is None
    assert view_size_of([]) is None


def test_view_of_transforms_of_other_packages():
    """A resize that keeps the shape alone makes no size; a crop behind it does."""
    load, pack = dict(type='LoadLocImage'), dict(type='PackLocalizationInputs')
    edge = dict(type='mmpretrain.ResizeEdge', scale=64, edge='short')
    assert view_size_of([load, edge, pack]) is None
    crop = dict(type='mmpretrain.CenterCrop', crop_size=48)
    assert view_size_of([load, edge, crop, dict(type='mmpretrain.PackInputs')]) == (48, 48)
    assert view_size_of([load, dict(type='LocResize', scale=256), crop, pack]) == (48, 48)
    # Nothing packs, nothing reads, one is not there.
    for wrong in ([load, dict(type='LocResize', scale=9)], [pack], [load, dict(type='NoSuch')]):
        with pytest.raises(ExportError, match=r'pipeline cannot be run on a blank .*\(--size\)'):
            view_size_of(wrong)


def test_view_of_a_cache_of_resized_pictures(tmp_path):
    cached = dict(type='LoadResizedImage', cache_dir=str(tmp_path), scale=(60, 50))
    pack = dict(type='PackLocalizationInputs')
    assert view_size_of([cached, pack]) == (50, 60)
    assert view_size_of([cached, dict(type='LocCenterCrop', crop_size=40), pack]) == (40, 40)
    assert list(tmp_path.iterdir()) == []


def test_pipeline_of_a_wrapped_set():
    inner = dict(type='SplitFolder', pipeline=[dict(type='LoadLocImage')])
    wrapped = dict(type='RepeatDataset', times=2, dataset=inner)
    cfg = Config(dict(test_dataloader=dict(dataset=wrapped)))
    assert pipeline_of(cfg) == [dict(type='LoadLocImage')]
    for none in (Config(), Config(dict(test_dataloader=None))):
        assert pipeline_of(none) == []
        assert class_names(none, {}, 2) is None


def test_a_pipeline_says_what_is_done_where_it_says_nothing():
    foreign = dict(type='mmcv.Resize', scale=(40, 40))
    resize, crop, other = with_defaults(
        [
            dict(type='LocResize', scale=(60, 50)),
            dict(type='bas_mm.LocCenterCrop'),
            foreign,
        ]
    )
    assert resize == dict(type='LocResize', scale=(60, 50), interpolation='bilinear', backend='cv2')
    assert crop == dict(type='bas_mm.LocCenterCrop', crop_size=224)
    assert other == foreign
    # Plain values: files hold them as JSON.
    names = ['LoadLocImage', 'LoadResizedImage', 'LocTenCrop', 'PackLocalizationInputs']
    for filled in with_defaults([dict(type=name) for name in names]):
        json.dumps(filled)


def test_the_threshold_is_that_of_the_inferencer():
    """The model's, else the only one that the test is about."""
    for own, of_test, wanted in (
        (None, [0.25], 0.25),
        (None, 0.15, 0.15),
        (None, [0.1, 0.2], None),
        (0.5, [0.25], 0.5),
    ):
        cfg = Config(
            dict(
                model=tiny_model_cfg(threshold=own),
                test_evaluator=dict(type='LocalizationMetric', thresholds=of_test),
            )
        )
        exported = ExportedClassifier(MODELS.build(cfg.model))
        assert describe(cfg, {}, exported, (32, 32)).get('threshold') == wanted


def test_class_names_come_from_the_checkpoint_then_the_config():
    cfg = Config(
        dict(test_dataloader=dict(dataset=dict(type='SplitFolder', classes=['ant', 'bee'])))
    )
    trained = dict(meta=dict(dataset_meta=dict(classes=('cat', 'dog'))))
    assert class_names(cfg, trained, 2) == ['cat', 'dog']
    for count in (1, 3):
        with pytest.raises(ExportError, match='trained on 2 classes'):
            class_names(cfg, trained, count)
    assert class_names(cfg, dict(state_dict={}), 2) == ['ant', 'bee']
    assert class_names(cfg, {}, 3) is None
    # A set without names of classes notes none.
    assert class_names(cfg, dict(meta=dict(dataset_meta=dict(classes=[]))), 2) == ['ant', 'bee']
    voc = Config(dict(test_dataloader=dict(dataset=dict(type='VOC12MultiLabel'))))
    assert class_names(voc, {}, 20)[0] == 'aeroplane'
