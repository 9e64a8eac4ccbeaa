"""Errors of a real Runner on configs with one mistake each."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.registry import DATASETS, HOOKS, MODELS
from bas_mm.utils.input_errors import describe_input_error


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return write_split_folder(tmp_path_factory.mktemp('data'), dict(train=8, test=4))


@pytest.fixture
def description(data, tmp_path):
    """What is said of a run with some settings changed."""

    def describe(**settings):
        cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in settings.items()})
        with pytest.raises(Exception) as caught, DefaultScope.overwrite_default_scope('bas_mm'):
            Runner.from_cfg(cfg).train()
        return describe_input_error(caught.value, dict(cfg.items()))

    return describe


CUSTOM = 'Modules of your own are made known by custom_imports'


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        (
            dict(train_dataloader__dataset__type='SplitFoldr'),
            "train_dataloader.dataset.type='SplitFoldr': there is no dataset of this name; like "
            f'it are SplitFolder. {CUSTOM}',
        ),
        (
            dict(train_dataloader__dataset__pipeline__0__type='Qqqq'),
            f"train_dataloader.dataset.pipeline.0.type='Qqqq': there is no transform of this "
            f'name. {CUSTOM}',
        ),
        (
            dict(model__backbone=dict(_delete_=True, type='EfficentNet')),
            "model.backbone.type='EfficentNet': there is no model of this name; like it are "
            'mmpretrain.EfficientNet, mmpretrain.EfficientNetV2, '
            f'mmpretrain.EfficientFormer. {CUSTOM}',
        ),
        (
            dict(optim_wrapper__optimizer__type='SDG'),
            f"optim_wrapper.optimizer.type='SDG': there is no optimizer of this name; like it are "
            f'SGD. {CUSTOM}',
        ),
        (
            dict(model__head__num_clases=3),
            'model.head.num_clases: BASHead takes no num_clases; like it are num_classes',
        ),
        (
            dict(optim_wrapper__optimizer__momentun=0.9),
            'optim_wrapper.optimizer.momentun: SGD takes no momentun; like it are momentum',
        ),
        (dict(train_dataloader__batchsize=2), 'train_dataloader.batchsize: DataLoader takes no'),
        (dict(train_cfg__max_epoch=3), 'train_cfg.max_epoch: EpochBasedTrainLoop takes no'),
        (
            dict(model__generator=dict(type='ForegroundGenerator', _delete_=True)),
            "model.generator: ForegroundGenerator needs 'num_classes' and 'in_channels'",
        ),
        (
            dict(train_dataloader__dataset__split_dir='metadata/trian'),
            'train_dataloader.dataset: ',
        ),
        (dict(model__test_cfg__topk=0), 'model.test_cfg.topk=0: give 1 to 4'),
    ],
)
def test_mistakes_of_a_config(description, settings, expected):
    said = description(**settings)
    assert said.startswith(expected)
    assert '\n' not in said


@pytest.mark.parametrize('workers', [0, 1])
def test_broken_picture_in_a_loader(tmp_path, workers):
    """The message alone, without the worker's traceback."""
    data = write_split_folder(tmp_path / 'data', dict(train=8, test=4))
    broken = data / 'images' / 'train' / '0003.png'
    broken.write_bytes(broken.read_bytes()[:100])
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    cfg.train_dataloader.num_workers = workers
    with pytest.raises(Exception) as caught:
        Runner.from_cfg(cfg).train()
    said = describe_input_error(caught.value, dict(cfg.items()))
    assert said.startswith(f'unreadable picture {broken}: ')
    assert '\n' not in said
    assert 'UnreadableImageError' not in said


def parts():
    """Registered parts with errors of their own, which are no input's; their names."""

    class FailsItself(torch.nn.Module):
        def __init__(self):
            super().__init__()
            dict().update(1, 2, 3)

    class CallsWrongly(torch.nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.call()

        def call(self):
            FailsItself(key=1)

    class LooksUpWrongly(torch.nn.Module):
        def __init__(self):
            super().__init__()
            raise KeyError('Nothing is not in the bas_mm::model registry')

    return [FailsItself, CallsWrongly, LooksUpWrongly]


@pytest.mark.parametrize('part', parts(), ids=lambda part: part.__name__)
def test_errors_of_the_program_are_left_alone(description, part, monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, part.__name__, part)
    backbone = dict(_delete_=True, type=part.__name__)
    if part.__name__ == 'CallsWrongly':
        backbone['key'] = 1
    assert description(model__backbone=backbone) is None


def test_only_what_our_own_statements_raise(description, monkeypatch):
    """Not what a call in bas_mm raises out of torch."""
    from bas_mm.models.classifiers.class_map_classifier import ClassMapClassifier

    def forward(self, *args, **kwargs):
        torch.zeros(2) + torch.zeros(3)

    forward = type(forward)(forward.__code__, vars(__import__(ClassMapClassifier.__module__)))
    monkeypatch.setattr(ClassMapClassifier, 'forward', forward)
    assert description() is None


def test_an_error_without_traceback_is_none_of_a_run():
    assert describe_input_error(ValueError('x'), {}) is None


def test_part_built_from_a_changed_copy_is_found(monkeypatch):
    """mmengine adds defaults, and takes settings out, before it builds."""

    class Strict:
        def __init__(self, given, added):
            raise TypeError('never reached')

    monkeypatch.setitem(HOOKS.module_dict, 'Strict', Strict)
    cfg = dict(hooks=[dict(type='Strict', given=1), dict(type='Strict', given=2)])
    for index in (0, 1):
        with pytest.raises(TypeError) as caught:
            HOOKS.build(dict(cfg['hooks'][index], unknown=3))
        said = describe_input_error(caught.value, cfg)
        assert said == f'hooks.{index}.unknown: Strict takes no unknown'


def test_names_of_other_registries_are_not_proposed(data):
    cfg = dict(dataset=dict(type='BASHed'))
    with pytest.raises(KeyError) as caught:
        DATASETS.build(cfg['dataset'])
    assert 'like it' not in describe_input_error(caught.value, cfg)
