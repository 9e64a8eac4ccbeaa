"""Errors of a real Runner on configs with one mistake each."""

import errno
import gzip
import json
import os
import shutil
import sys
from importlib.util import find_spec
from multiprocessing import Lock, Pool
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from compiling import needs_compile
from gloo_pair import run_pair
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder
from torch import nn
from torch.optim import SGD

from bas_mm.datasets import AnnotationError
from bas_mm.datasets.transforms import LocResize
from bas_mm.evaluation.ordered_workers import OrderedWorkers
from bas_mm.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from bas_mm.utils.input_errors import describe_input_error
from bas_mm.utils.result_files import write_text


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
    ('kind', 'policies', 'name'),
    [('RandAugment', 'timm_increasing', 'AutoContrast'), ('AutoAugment', 'imagenet', 'Posterize')],
)
def test_transforms_that_name_others_of_their_package(description, data, kind, policies, name):
    """mmpretrain's named policies are lists of transforms of mmpretrain, without a scope."""
    augment = dict(type=f'mmpretrain.{kind}', policies=policies)
    if kind == 'RandAugment':
        augment.update(num_policies=2, magnitude_level=9)
    pipeline = [dict(type='LoadLocImage'), augment, dict(type='PackLocalizationInputs')]
    assert description(train_dataloader__dataset__pipeline=pipeline) == (
        f'train_dataloader.dataset.pipeline.1: mmpretrain.{kind} asks for {name}, a name of the '
        "scope mmpretrain: add _scope_='mmpretrain' to it"
    )
    augment['_scope_'] = 'mmpretrain'
    with DefaultScope.overwrite_default_scope('bas_mm'):
        assert TRANSFORMS.build(augment).transforms


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
            dict(model__backbone=dict(_delete_=True, type='mmpretrain.ConvNext')),
            "model.backbone.type='mmpretrain.ConvNext': there is no model of this name; like "
            f'it are mmpretrain.ConvNeXt, Conv, mmpretrain.SparseConvNeXt. {CUSTOM}',
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
        # Arguments that only a base of the data set has.
        *(
            (
                dict(train_dataloader__dataset=dict(_delete_=True, **dataset, pipelin=[])),
                f'train_dataloader.dataset.pipelin: {dataset["type"]} takes no pipelin; like it '
                'are pipeline',
            )
            for dataset in (
                dict(type='CUB200', split='train'),
                dict(type='VOC12MultiLabel'),
                dict(type='COCO14MultiLabel'),
                dict(type='MultiLabelList', ann_file='list.txt', classes=2),
            )
        ),
        (dict(train_dataloader__batchsize=2), 'train_dataloader.batchsize: DataLoader takes no'),
        (dict(train_cfg__max_epoch=3), 'train_cfg.max_epoch: EpochBasedTrainLoop takes no'),
        # Of a part that is right elsewhere, and where the loop has a type.
        (dict(val_cfg__topk=1), 'val_cfg.topk: ValLoop takes no topk'),
        (
            dict(val_cfg__type='ValLoop', val_dataloader__batchsize=2),
            'val_dataloader.batchsize: DataLoader takes no batchsize',
        ),
        (
            dict(param_scheduler=dict(_delete_=True, type='MultiStepLR', milestones=[1], gama=0.1)),
            'param_scheduler.gama: MultiStepLR takes no gama; like it are gamma',
        ),
        (
            dict(param_scheduler=dict(_delete_=True, type='MultiStepLR')),
            "param_scheduler: MultiStepLR needs 'milestones'",
        ),
        # Handed on by the set's own type.
        (
            dict(train_dataloader__dataset__metainf={}),
            'train_dataloader.dataset.metainf: SplitFolder takes no metainf; like it are metainfo',
        ),
        (
            dict(
                param_scheduler=dict(
                    **dict(_delete_=True, type='PolyLR', powr=1),
                    **dict(begin=0, end=1, by_epoch=True, convert_to_iter_based=True),
                )
            ),
            'param_scheduler.powr: PolyLR takes no powr; like it are power',
        ),
        # mmcv's parent of the transform has it.
        (
            dict(train_dataloader__dataset__pipeline__0__ignore_empty=True),
            'train_dataloader.dataset.pipeline.0.ignore_empty: LoadLocImage takes no ignore_empty',
        ),
        (
            dict(model__generator=dict(type='ForegroundGenerator', _delete_=True)),
            "model.generator: ForegroundGenerator needs 'num_classes' and 'in_channels'",
        ),
        (
            dict(train_dataloader__dataset__split_dir='metadata/trian'),
            'train_dataloader.dataset: ',
        ),
        # Of the part itself, not of the one that it is in.
        (
            dict(train_dataloader__dataset__pipeline__0=dict(type='LocResize', scale=0)),
            'train_dataloader.dataset.pipeline.0: scale=0: a width and a height in pixels',
        ),
        (dict(model__test_cfg__topk=0), 'model.test_cfg.topk=0: give 1 to 4'),
        # What the types of other packages say of their settings.
        (
            dict(optim_wrapper__optimizer__weight_decay=-1),
            'optim_wrapper.optimizer: Invalid weight_decay value: -1',
        ),
        (dict(default_hooks__logger__interval=0), 'default_hooks.logger: interval must be greater'),
        (
            dict(default_hooks__checkpoint=dict(type='CheckpointHook', save_best='qqqq')),
            'default_hooks.checkpoint: Cannot infer the rule for key qqqq',
        ),
        (dict(model__backbone__depth=19), 'model.backbone: invalid depth 19 for resnet'),
        (
            dict(val_dataloader__persistent_workers=True, val_dataloader__num_workers=0),
            'val_dataloader: persistent_workers option needs num_workers > 0',
        ),
        # What is no number, though nothing says so.
        (
            dict(model__head__hidden_channels='1O24'),
            "model.head.hidden_channels='1O24': a whole number is needed",
        ),
        (
            dict(model__head__hidden_channels=[1, 24]),
            'model.head.hidden_channels=[1, 24]: a whole number is needed, and a comma makes a',
        ),
        (
            dict(model__backbone__stem_channels='x'),
            "model.backbone.stem_channels='x': a whole number is needed",
        ),
        (
            dict(
                default_hooks__visualization=dict(
                    type='LocalizationVisualizationHook', interval='x'
                )
            ),
            "default_hooks.visualization.interval='x': a whole number is needed",
        ),
        # After the first validation.
        (
            dict(
                default_hooks__checkpoint=dict(
                    type='CheckpointHook', save_best='gt_known', rule='greater'
                )
            ),
            'default_hooks.checkpoint.save_best: the validation gives no gt_known; it gives '
            'localization/top1_loc',
        ),
        (dict(randomness=dict(sed=4)), 'randomness.sed: it takes no sed; like it are seed'),
        (
            dict(default_hooks__checkpoint=dict(type='WholeCheckpointHook', intervall=4)),
            'default_hooks.checkpoint: WholeCheckpointHook takes no intervall; like it are inter',
        ),
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


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize('phase', ['train', 'val'])
def test_pictures_of_several_sizes(tmp_path, workers, phase):
    data = write_split_folder(tmp_path / 'data', dict(train=8, test=4))
    for path in sorted((data / 'images' / dict(train='train', val='test')[phase]).iterdir())[1:]:
        cv2.imwrite(str(path), np.zeros((24, 20, 3), np.uint8))
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    loader = cfg[f'{phase}_dataloader']
    loader.num_workers = workers
    loader.batch_size = 4
    loader.sampler.shuffle = False
    loader.collate_fn = dict(type='default_collate')
    loader.dataset.check_files = False  # of which no list knows
    loader.dataset.pipeline = [
        dict(type='LoadLocImage', check_size=False),
        dict(type='PackLocalizationInputs'),
    ]
    with pytest.raises(Exception) as caught:
        Runner.from_cfg(cfg).train()
    said = describe_input_error(caught.value, dict(cfg.items()))
    where = f'{phase}_dataloader.dataset.pipeline'
    assert said.startswith(f'{where}: the pictures of a batch have several sizes')
    assert ('and [3, 24, 20] (channels, height, width): let it resize' in said) == (not workers)
    assert '\n' not in said


SHM = 'unable to allocate shared memory(shm) for file </torch_7_8_0>: No space left on device (28)'
LESS_SHARED = (
    'the memory that processes share, /dev/shm, is full. Less is taken by {}; '
    'a container gets more by docker run --shm-size=8g'
)


class FailsWith:
    """A transform that raises what torch does where a worker makes room for its batch."""

    def __init__(self, text):
        self.text = text

    def __call__(self, results):
        raise RuntimeError(self.text)


@pytest.mark.parametrize('phase', ['train', 'val'])
@pytest.mark.parametrize('text', [SHM, SHM.replace('28', '24')])
def test_shared_memory_that_a_loaders_worker_does_not_get(data, tmp_path, monkeypatch, phase, text):
    """As much as a container has of it; 24 is another error, too many open files."""
    monkeypatch.setitem(TRANSFORMS.module_dict, 'FailsWith', FailsWith)
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    loader = cfg[f'{phase}_dataloader']
    loader.num_workers = 1
    loader.dataset.pipeline.insert(1, dict(type='FailsWith', text=text))
    with pytest.raises(RuntimeError, match='unable to allocate') as caught:
        Runner.from_cfg(cfg).train()
    said = describe_input_error(caught.value, dict(cfg.items()))
    expected = LESS_SHARED.format(f'a smaller {phase}_dataloader.num_workers')
    assert said == (expected if text == SHM else None)


def test_shared_memory_where_a_worker_is_killed_or_cannot_begin(description, monkeypatch):
    """Both are told apart from a worker that ends otherwise, and from a disk."""
    expected = LESS_SHARED.format('a smaller train_dataloader.num_workers')
    loader = 'torch.utils.data.dataloader._MultiProcessingDataLoaderIter._try_get_data'
    for signal, said in (('Bus error', expected), ('Killed', None)):

        def end(self, signal=signal, **kwargs):
            try:
                raise RuntimeError(f'DataLoader worker (pid 7) is killed by signal: {signal}. ')
            except RuntimeError as error:
                raise RuntimeError('DataLoader worker (pid(s) 7) exited unexpectedly') from error

        with monkeypatch.context() as patch:
            patch.setattr(loader, end)
            assert description(train_dataloader__num_workers=1) == said

    def no_room(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr('multiprocessing.synchronize._multiprocessing.SemLock', no_room)
        assert description(train_dataloader__num_workers=1) == expected
        with pytest.raises(OSError, match='No space') as caught:
            Lock()
        said = describe_input_error(caught.value, {})
        assert said == LESS_SHARED.format('fewer processes')
    with pytest.raises(OSError, match='No space') as caught:
        no_room()
    assert describe_input_error(caught.value, {}) is None


TORCHS = (
    'CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 10.00 GiB of '
    'which 1.00 GiB is free.'
)
LESS = f'{TORCHS} Less is taken by '


@pytest.mark.parametrize(
    ('phase', 'settings', 'expected'),
    [
        (
            'train',
            {},
            f'{LESS}a smaller train_dataloader.batch_size with optim_wrapper.accumulative_counts '
            'or optim_wrapper.type=AmpOptimWrapper or model.checkpoint_segments=4',
        ),
        (
            'train',
            dict(optim_wrapper__type='CPUAmpOptimWrapper', model__checkpoint_segments=2),
            f'{LESS}a smaller train_dataloader.batch_size with optim_wrapper.accumulative_counts',
        ),
        pytest.param(
            'train',
            dict(train_dataloader__batch_size=1, model__compile=True),
            f'{LESS}optim_wrapper.type=AmpOptimWrapper',
            marks=needs_compile,
        ),
        ('val', {}, f'{LESS}a smaller val_dataloader.batch_size'),
        ('val', dict(val_dataloader__batch_size=1), TORCHS),
        ('', {}, TORCHS),
    ],
)
def test_memory_of_a_device_that_does_not_do(description, monkeypatch, phase, settings, expected):
    """The same wherever it is raised; there is no device here with too little of it."""

    def full(*args, **kwargs):
        raise torch.cuda.OutOfMemoryError(
            f'{TORCHS} Of the allocated memory 8.00 GiB is allocated by PyTorch, and 0 bytes is '
            'reserved by PyTorch but unallocated.'
        )

    place = dict(train='loss', val='predict').get(phase, 'init_weights')
    monkeypatch.setattr(MODELS.get('BASClassifier'), place, full)
    monkeypatch.setattr(MODELS.get('BASClassifier'), 'compile', lambda *_: None, raising=False)
    assert description(**settings) == expected


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        (
            {'model.backbone.norm_cfg': dict(type='SyncBN')},
            "model: torch's SyncBN works on accelerators only. On CPUs set type='BN' in the",
        ),
        (
            {'model_wrapper_cfg.static_graph': True, 'optim_wrapper.accumulative_counts': 2},
            "model_wrapper_cfg.static_graph=True: torch's DDP cannot accumulate gradients in a "
            'static graph. Leave it out, or optim_wrapper.accumulative_counts=2',
        ),
        ({'model_wrapper_cfg.static_graph': True}, None),
    ],
)
def test_what_torchs_ddp_cannot_do(data, tmp_path, settings, expected):
    def train(rank: int) -> None:
        cfg = tiny_run_cfg(data, tmp_path, epochs=1)
        cfg.launcher = 'pytorch'  # of a group that is there
        cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
        cfg.train_dataloader.batch_size = 2  # two iterations: the last one shares its gradients
        cfg.merge_from_dict(settings)
        raised = None
        try:
            Runner.from_cfg(cfg).train()
        except (ValueError, RuntimeError) as error:
            raised = error
        if expected is None:
            assert raised is None
            return
        said = describe_input_error(raised, cfg)
        assert said is not None, raised
        assert said.startswith(expected), said
        # Not where the config does not ask for it.
        assert 'static' not in said or describe_input_error(raised, {}) is None

    run_pair(train, tmp_path, seconds=60)


def parts():
    """Registered parts with errors of their own, which are not the input's."""

    class LacksAnArgument(nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.conv = nn.Conv2d(3, 8)

    class GivesAnUnknownArgument(nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, key=key)

    class GivesAKeyOfTheConfig(nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1, batch_size=4)

    class GivesAnotherWrongSettings(nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1, groups=2)

    class NeedsMore(nn.Module):
        def __init__(self, more):
            super().__init__()

    class LacksAnArgumentOfItsParent(NeedsMore):
        def __init__(self, key=None):
            super().__init__()

    class LacksItThoughItTakesAnything(NeedsMore):
        def __init__(self, key=None, **kwargs):
            super().__init__()

    class HandsItOnToItsParent(NeedsMore):
        def __init__(self, key=None, **kwargs):
            super().__init__(key=key)

    class HandsItOnToAnother(nn.Module):
        def __init__(self, **kwargs):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1, **kwargs)

    class RaisesWhatMMEngineRaises(nn.Module):
        def __init__(self, key=None):
            raise KeyError('RaisesWhatMMEngineRaises is not in the bas_mm::model registry')

    class IsNotDone(nn.Module):
        def __init__(self, key=None):
            raise NotImplementedError

    return [
        *(LacksAnArgument, GivesAnUnknownArgument, GivesAKeyOfTheConfig),
        *(LacksAnArgumentOfItsParent, LacksItThoughItTakesAnything, HandsItOnToAnother),
        *(HandsItOnToItsParent, RaisesWhatMMEngineRaises, IsNotDone, GivesAnotherWrongSettings),
    ]


def needing():
    """Registered parts that cannot be built without something, and what is said of each."""

    class AsksInWords(nn.Module):
        def __init__(self):
            raise ImportError('AsksInWords needs a package: pip install it')

    class LacksAPackage(nn.Module):
        def __init__(self):
            import a_package_that_is_not_there  # noqa: F401

    class LacksAModuleOfAPackage(nn.Module):
        def __init__(self):
            import torch.a_module_that_is_not_there  # noqa: F401

    class LacksAName(nn.Module):
        def __init__(self):
            from torch import a_name_that_is_not_there  # noqa: F401

    return [
        (AsksInWords, 'model.backbone: AsksInWords needs a package: pip install it'),
        (
            LacksAPackage,
            'model.backbone: LacksAPackage needs the package a_package_that_is_not_there, which is '
            'not installed',
        ),
        (LacksAModuleOfAPackage, None),
        (LacksAName, None),
    ]


@pytest.mark.parametrize(('part', 'expected'), needing(), ids=lambda part: str(part)[-30:])
def test_packages_that_a_part_needs(description, part, expected, monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, part.__name__, part)
    assert description(model__backbone=dict(_delete_=True, type=part.__name__)) == expected


@pytest.mark.skipif(find_spec('timm') is not None, reason='timm is installed')
def test_a_backbone_of_timm_without_timm(description):
    said = description(
        model__backbone=dict(_delete_=True, type='mmpretrain.TIMMBackbone', model_name='resnet18')
    )
    assert said.startswith('model.backbone: TIMMBackbone requires timm, please install it')
    assert '\n' not in said


def test_a_package_that_is_missing_where_nothing_is_built(description, monkeypatch):
    def lacks(*args, **kwargs):
        raise ModuleNotFoundError("No module named 'absent'", name='absent')

    monkeypatch.setattr(nn.Module, 'train', lacks)
    assert description() is None


@pytest.mark.parametrize('part', parts(), ids=lambda part: part.__name__)
def test_errors_of_the_program_are_left_alone(description, part, monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, part.__name__, part)
    assert description(model__backbone=dict(_delete_=True, type=part.__name__, key=1)) is None


def test_calls_of_the_loop_are_none_of_the_config(description, monkeypatch):
    """The loop calls it with ``optim_wrapper``, which is a key of the config as well."""

    def train_step(self, data, wrapper):
        raise AssertionError

    monkeypatch.setattr('bas_mm.models.BASClassifier.train_step', train_step)
    assert description() is None


def in_our_file(code):
    """A function of bas_mm's own, from its source."""
    space = vars(sys.modules['bas_mm.models.classifiers.class_map_classifier'])
    space = dict(space, __name__=space['__name__'])
    exec(compile(code, 'bas_mm', 'exec'), space)
    return space['forward']


@pytest.mark.parametrize(
    ('body', 'expected'),
    [
        ('torch.zeros(2) + torch.zeros(3)', None),
        ('[].remove(1)', None),
        ('raise NotImplementedError', None),
        ('raise ValueError', None),
        ("raise ValueError('a message of ours')", 'a message of ours'),
        ("raise KeyError('a message of ours')", 'a message of ours'),
        # Handed on: with the message of another, and with one of our own.
        (
            "try:\n  [].remove(1)\n except ValueError as error:\n  raise ValueError(f'a: {error}')",
            None,
        ),
        (
            "try:\n  [].remove(1)\n except ValueError as error:\n  raise ValueError('no 1 in it')",
            'no 1 in it',
        ),
        (
            "try:\n  raise ValueError('b')\n except ValueError as error:\n"
            "  raise ValueError(f'a: {error}') from error",
            'a: b',
        ),
    ],
)
def test_only_what_our_own_statements_raise(description, monkeypatch, body, expected):
    """Not what a call in bas_mm raises out of torch or Python."""
    forward = in_our_file(f'def forward(self, *args, **kwargs):\n {body}\n')
    monkeypatch.setattr('bas_mm.models.BASClassifier.forward', forward)
    assert description() == expected


def said_of(function, *args, cfg=None, **kwargs):
    """What is said of the error of a call, without a run around it."""
    with pytest.raises(Exception) as caught:
        function(*args, **kwargs)
    return describe_input_error(caught.value, cfg or {})


@pytest.mark.parametrize(
    ('body', 'expected'),
    [
        ("raise NotImplementedError('a message')", None),
        ('raise KeyError', None),
        ("from bas_mm.datasets import AnnotationError as Error\n raise Error('')", None),
        ("raise ValueError(' a message of ours\\n')", 'a message of ours'),
        # With the message of an error of another type, and of none.
        (
            "try:\n  [].remove(1)\n except ValueError as error:\n  raise KeyError(f'a: {error}')",
            'a: list.remove(x): x not in list',
        ),
        ("try:\n  raise ValueError\n except ValueError:\n  raise ValueError('b')", 'b'),
        # Of an error that nobody raised, and that was not the last one.
        ("raise ValueError('a: b') from ValueError('b')", None),
        (
            'try:\n  [].remove(1)\n except ValueError as error:\n  first = error\n'
            " try:\n  raise KeyError('x')\n except KeyError:\n"
            "  raise ValueError(f'a: {first}') from first",
            None,
        ),
    ],
)
def test_messages_and_what_they_come_of(body, expected):
    assert said_of(in_our_file(f'def forward():\n {body}\n')) == expected


def test_an_error_of_ours_that_another_package_raises():
    def fail(error):
        raise error

    assert said_of(fail, AnnotationError('a: broken')) == 'a: broken'
    theirs = type('TheirError', (Exception,), dict(__module__='bas_mm_custom.errors'))
    assert said_of(fail, theirs('a')) is None


@pytest.mark.parametrize('space', [dict(__name__='bas_mm_custom.part'), {}])
def test_a_package_whose_name_begins_like_ours_and_code_of_none(space):
    exec("def fail():\n raise ValueError('a')", space)
    assert said_of(space['fail']) is None


@pytest.mark.parametrize('workers', [0, 1])
def test_plain_errors_of_a_loader(data, tmp_path, workers):
    """A ValueError of a transform, and one that NumPy raises within another."""
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    cfg.train_dataloader.num_workers = workers
    crop = dict(type='LocRandomCrop', crop_size=200)
    cfg.train_dataloader.dataset.pipeline.insert(1, crop)
    with pytest.raises(ValueError) as caught:
        Runner.from_cfg(cfg).train()
    said = describe_input_error(caught.value, dict(cfg.items()))
    assert 'images/train/' in said
    assert '200' in said
    assert '\n' not in said


class FailsInNumPy:
    """A transform with a mistake of its own."""

    def __call__(self, results):
        raise np.zeros(3) + np.zeros(2)


def test_an_error_of_a_program_in_a_loaders_worker(data, tmp_path, monkeypatch):
    monkeypatch.setitem(TRANSFORMS.module_dict, 'FailsInNumPy', FailsInNumPy)
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    cfg.train_dataloader.num_workers = 1
    cfg.train_dataloader.dataset.pipeline.insert(1, dict(type='FailsInNumPy'))
    with pytest.raises(ValueError, match='broadcast') as caught:
        Runner.from_cfg(cfg).train()
    assert describe_input_error(caught.value, dict(cfg.items())) is None


def work(kind):
    """What a metric's workers do with one picture."""
    if kind == 'ours':
        return LocResize(scale=0)
    return np.zeros(3) + np.zeros(2)


@pytest.mark.parametrize('kind', ['ours', 'NumPy'])
def test_errors_of_a_metrics_workers(kind):
    """By way of the metric's own: it hands them on with the name of the picture."""
    workers = OrderedWorkers(1)
    workers.submit(work, [('a.png', (kind,))])
    with pytest.raises(ValueError, match=r'a\.png: ') as caught:
        list(workers.finished(everything=True))
    said = describe_input_error(caught.value, {})
    assert said == (str(caught.value) if kind == 'ours' else None)


class RemoteTraceback(Exception):
    """What multiprocessing puts behind an error of another process: its traceback, printed."""


OURS, THEIRS = sys.modules[describe_input_error.__module__].__file__, '/lib/numpy/a.py'
HANDED_ON = '\n\nThe above exception was the direct cause of the following exception:\n\n'


def block(file, last, code='raise'):
    return (
        f'Traceback (most recent call last):\n  File "{file}", line 1, in f\n    {code} x\n{last}'
    )


@pytest.mark.parametrize(
    ('error', 'blocks', 'expected'),
    [
        (ValueError('a'), [block(OURS, 'ValueError: a')], 'a'),
        (KeyError('a'), [block(OURS, "KeyError: 'a'")], 'a'),
        (ValueError('a'), [block(OURS, 'ValueError: a', code='y +')], None),
        (ValueError('a'), [block(THEIRS, 'ValueError: a')], None),
        (ValueError('a'), ['ValueError: a'], None),
        (NotImplementedError('a'), [block(OURS, 'NotImplementedError: a')], None),
        (AnnotationError('a'), [block(THEIRS, 'AnnotationError: a')], 'a'),
        # Handed on: the same kind, and its message within the other.
        *(
            (ValueError('p: a'), [block(THEIRS, inner), block(OURS, 'ValueError: p: a')], expected)
            for inner, expected in (
                ('ValueError: a', None),
                ('ValueError: b', 'p: a'),
                ('ValueError', 'p: a'),
                ('TypeError: a', 'p: a'),
            )
        ),
    ],
)
def test_printed_tracebacks(error, blocks, expected):
    def fail():
        raise error from RemoteTraceback(HANDED_ON.join(blocks))

    assert said_of(fail) == expected


def test_errors_of_the_processes_of_a_pool():
    with Pool(1) as pool:
        said = [said_of(pool.apply, work, (kind,)) for kind in ('ours', 'NumPy')]
    assert said == ['scale=0: a width and a height in pixels are needed', None]


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (b'no checkpoint', 'FILE cannot be read as a checkpoint: UnpicklingError: '),
        (b'PK\3\4', 'FILE cannot be read as a checkpoint: RuntimeError: '),
        (None, 'load_from: there is no checkpoint FILE: train or convert '),
    ],
)
def test_checkpoints(data, tmp_path, content, expected):
    file = tmp_path / 'c.pth'
    if content is not None:
        file.write_bytes(content)
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    cfg.load_from = str(file)
    with pytest.raises(Exception) as caught:
        Runner.from_cfg(cfg).test()
    said = describe_input_error(caught.value, dict(cfg.items()))
    assert said.startswith(expected.replace('FILE', str(file)))
    assert '\n' not in said


def test_checkpoints_that_a_training_cannot_go_on_from(data, tmp_path):
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    Runner.from_cfg(cfg).train()
    file = tmp_path / 'work/epoch_1.pth'
    weights = tmp_path / 'weights.pth'
    torch.save(torch.load(file, weights_only=False)['state_dict'], weights)

    def said(checkpoint, **settings):
        other = tiny_run_cfg(data, tmp_path / 'more', epochs=2)
        other.update(load_from=str(checkpoint), resume=True)
        other.merge_from_dict(settings)
        return said_of(Runner.from_cfg(other).train, cfg=dict(other.items()))

    def expected(checkpoint, reason):
        return (
            f'{checkpoint} is none that this training can go on from: {reason}. To begin with its '
            f'weights give --cfg-options load_from={checkpoint}, without --resume'
        )

    assert said(weights) == expected(weights, 'it has no meta')
    one_group = {'optim_wrapper.constructor': 'DefaultOptimWrapperConstructor'}
    reason = (
        'its optimizer is another one: loaded state dict has a different number of parameter groups'
    )
    assert said(file, **one_group) == expected(file, reason)


def test_errors_of_a_resume_that_are_none_of_the_checkpoints(data, tmp_path, monkeypatch):
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    Runner.from_cfg(cfg).train()
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=2)
    cfg.resume = True
    for function, kind in (
        ('mmengine.optim.OptimWrapper.load_state_dict', ValueError),
        ('torch.optim.Optimizer.load_state_dict', RuntimeError),
        ('mmengine.logging.MessageHub.load_state_dict', KeyError),
    ):
        with monkeypatch.context() as patch:

            def load_state_dict(*_, kind=kind):
                raise kind('a')

            patch.setattr(function, load_state_dict)
            assert said_of(Runner.from_cfg(cfg).train, cfg=dict(cfg.items())) is None


@pytest.mark.parametrize(
    ('error', 'reason'),
    [
        ("ValueError('a\\nb')", 'ValueError: a'),
        # Of a file as any other, but of this one it is known what it is for.
        ("PermissionError(13, 'no', 'c')", "PermissionError: [Errno 13] no: 'c'"),
    ],
)
def test_what_is_said_of_a_checkpoint(error, reason):
    space = dict(__name__='mmengine.runner.checkpoint')
    exec(f'def _load_checkpoint(filename):\n raise {error}', space)
    said = said_of(space['_load_checkpoint'], 'c.pth')
    assert said == f'c.pth cannot be read as a checkpoint: {reason}'


@pytest.mark.parametrize(
    ('speaker', 'error'),
    [
        ('mmengine.logging.logger', 'OSError(28, "no room")'),
        ('logging', 'BrokenPipeError(32, "broken")'),
        ('tqdm', 'BrokenPipeError(32, "broken")'),
    ],
)
def test_what_is_none_of_the_checkpoints(speaker, error):
    """mmengine says what it reads: to somebody who has gone, or to a disk that is full."""
    other = dict(__name__=speaker)
    exec(f'def say():\n raise {error}', other)
    space = dict(__name__='mmengine.runner.checkpoint', say=other['say'])
    exec('def _load_checkpoint(filename):\n say()', space)
    assert said_of(space['_load_checkpoint'], 'c.pth') is None


def test_another_function_of_the_name_of_mmengines_reader():
    def _load_checkpoint(filename):
        raise ValueError('a')

    assert said_of(_load_checkpoint, 'c.pth') is None


def test_validation_and_test_of_equal_parts(data, tmp_path):
    for phase in ('val', 'test'):
        cfg = tiny_run_cfg(data, tmp_path / phase, epochs=1)
        for name in ('val', 'test'):
            cfg[f'{name}_dataloader'].dataset.data_root = 'nowhere'
        with pytest.raises(AnnotationError) as caught:
            getattr(Runner.from_cfg(cfg), phase)()
        said = describe_input_error(caught.value, dict(cfg.items()))
        assert said.startswith(f'{phase}_dataloader.dataset: nowhere/')


def test_validation_and_test_of_equal_settings(data, tmp_path):
    for phase, loop in (('val', 'ValLoop'), ('test', 'TestLoop')):
        cfg = tiny_run_cfg(data, tmp_path / phase, epochs=1)
        cfg.val_cfg = cfg.test_cfg = dict(topk=1)
        said = said_of(getattr(Runner.from_cfg(cfg), phase), cfg=dict(cfg.items()))
        assert said == f'{phase}_cfg.topk: {loop} takes no topk'


def test_a_loader_that_is_built_by_itself():
    part = dict(dataset=[1, 2], sampler=dict(type='DefaultSampler', shuffle=False), batchsize=2)
    cfg = dict(train_dataloader=dict(batch_size=2), test_dataloader=part)
    said = said_of(Runner.build_dataloader, part, cfg=cfg)
    assert said == 'test_dataloader.batchsize: DataLoader takes no batchsize'
    assert said_of(Runner.build_dataloader, part, cfg=dict(train_dataloader=None)) is None


@pytest.mark.parametrize(
    ('number', 'file', 'expected'),
    [
        (errno.ENOSPC, 'out/a.npy', 'out/a.npy: No space left on device'),
        (errno.EDQUOT, 'out', 'out: Disk quota exceeded'),
        (errno.EROFS, 'out', 'out: Read-only file system'),
        (errno.EACCES, 'out', 'out: Permission denied'),
        (errno.EPERM, 'out', 'out: Operation not permitted'),
        (errno.EFBIG, 'out', 'out: File too large'),
        (errno.EIO, 'out', 'out: Input/output error'),
        (errno.ENAMETOOLONG, 'out', 'out: File name too long'),
        (errno.ENOENT, 'out', None),  # of what, and why, is not known here
        (errno.ENOSPC, None, None),  # of shared memory, say
    ],
)
def test_files_that_cannot_be_written(description, monkeypatch, number, file, expected):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number), *([file] if file else []))

    monkeypatch.setattr('mmengine.runner.runner.save_checkpoint', fail)
    assert description() == expected


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='of Linux')
def test_a_disk_that_fills_up_while_a_file_is_written(tmp_path):
    """Python's errors of writing and closing name no file."""
    expected = '/dev/full: No space left on device'

    def write(text: str, beside: Path, mode: str) -> None:
        with open(beside, mode) as other, open('/dev/full', 'w') as file:
            json.dump(text, file)
        assert other

    beside = tmp_path / 'beside'
    beside.touch()
    assert said_of(write, 'some', beside, 'r') == expected
    assert said_of(write, 'more than a buffer' * 1000, beside, 'r') == expected
    assert said_of(write, 'some', beside, 'w') is None  # which of the two?
    # As mmengine writes a run's config.
    config = tmp_path / 'config.py'
    config.symlink_to('/dev/full')
    assert said_of(Config(dict(a=1)).dump, config) == f'{config}: No space left on device'


def test_a_file_that_is_written_beside_another_kind_of_error(tmp_path):
    def read(number: int, mode: str) -> None:
        with gzip.open(tmp_path / 'in.gz', 'wb') as source, open(tmp_path / 'out', mode) as file:
            raise OSError(number, os.strerror(number))
        assert source, file

    # It may be another file that cannot be read.
    assert said_of(read, errno.EIO, 'w') is None
    # The mode of a gzip file is a number.
    said = f'{tmp_path}/out: No space left on device'
    assert said_of(read, errno.ENOSPC, 'w') == said
    assert said_of(read, errno.ENOSPC, 'r') is None


def test_folders_and_files_in_each_others_place(tmp_path):
    file, folder = tmp_path / 'file', tmp_path / 'folder'
    file.touch()
    folder.mkdir()
    no_folder = f'{file} is no folder'
    assert said_of(os.makedirs, file, exist_ok=True) == no_folder
    assert said_of(file.mkdir, parents=True, exist_ok=True) == no_folder
    assert said_of(os.makedirs, file / 'a/b', exist_ok=True) == f'{file / "a"}: {no_folder}'
    assert said_of(write_text, file / 'a/b', '') == f'{file / "a"}: {no_folder}'
    assert said_of(write_text, file / 'b', '') == no_folder
    assert said_of(list, map(os.listdir, [file])) == no_folder
    said = said_of(write_text, folder, '')
    assert said == f'{folder} is a folder, where a file is to be'
    said = said_of((folder / 'a' / 'b').mkdir)
    assert said == f'{folder}/a/b: the folder cannot be made: No such file or directory'
    # What a program makes twice, or calls wrongly.
    assert said_of(folder.mkdir) is None
    assert said_of(file.open, 'x') is None
    assert said_of(os.open, str(folder), os.O_CREAT | os.O_EXCL) is None

    def fail(number, name):
        raise OSError(number, os.strerror(number), name)

    for number in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        for name in ('nowhere/a', '', None, 3):
            assert said_of(fail, number, name) is None


@pytest.mark.parametrize(
    ('of_what', 'gone'),
    [('epoch_1.pth', '.'), ('epoch_1.pth', '*'), ('*/vis_data/a', '*/vis_data')],
)
def test_a_folder_that_is_deleted_while_the_run_writes_there(
    description, monkeypatch, tmp_path, of_what, gone
):
    work, places = tmp_path / 'work', []

    def fail(*_, **__):
        (log,) = filter(Path.is_dir, work.iterdir())
        places.append(Path(work, gone.replace('*', log.name)))
        shutil.rmtree(places[0])
        raise FileNotFoundError(errno.ENOENT, '', str(work / of_what.replace('*', log.name)))

    monkeypatch.setattr('mmengine.runner.runner.save_checkpoint', fail)
    # mmengine's visualizer of an equal name and second would be that of another test's folder.
    said = description(experiment_name=tmp_path.name)
    assert said.startswith(f'the folder {places[0]} was deleted while the run wrote into it: ')


@pytest.mark.parametrize('name', ['work/boxes/a.json', 'nowhere/a.json'])
def test_a_file_that_a_run_with_all_its_folders_lacks(description, monkeypatch, tmp_path, name):
    def fail(*_, **__):
        raise FileNotFoundError(errno.ENOENT, '', str(tmp_path / name))

    monkeypatch.setattr('mmengine.runner.runner.save_checkpoint', fail)
    assert description() is None


def test_an_error_without_traceback_is_none_of_a_run():
    assert describe_input_error(ValueError('x'), {}) is None


class Strict:
    """A part with two arguments."""

    def __init__(self, given, added):
        raise TypeError('never reached')


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setitem(HOOKS.module_dict, 'Strict', Strict)


def hook(**settings):
    return dict(type='Strict', **settings)


@pytest.mark.parametrize(
    ('parts', 'built', 'expected'),
    [
        # mmengine adds defaults, and takes settings out, before it builds.
        ([hook(given=1), hook(given=2)], hook(given=1, unknown=3), 'hooks.0'),
        ([hook(given=1), hook(given=2)], hook(given=2, unknown=3), 'hooks.1'),
        ([dict(type='Other'), hook(given=1)], hook(unknown=3), 'hooks.1'),
        # Nearer than one of which it has all.
        ([hook(), hook(given=1, unknown=3)], hook(given=1, unknown=3), 'hooks.1'),
        # The first of two.
        ((hook(unknown=3), hook(unknown=3)), hook(unknown=3), 'hooks.0'),
    ],
)
@pytest.mark.usefixtures('strict')
def test_part_built_from_a_changed_copy_is_found(parts, built, expected):
    said = said_of(HOOKS.build, built, cfg=dict(hooks=parts))
    assert said == f'{expected}.unknown: Strict takes no unknown'


@pytest.mark.usefixtures('strict')
def test_the_first_part_of_the_phase():
    def build_val_loop():
        HOOKS.build(hook(unknown=3))

    cfg = {name: hook(unknown=3) for name in ('train_x', 'val_x', 'val_y')}
    assert said_of(build_val_loop, cfg=cfg) == 'val_x.unknown: Strict takes no unknown'


@pytest.mark.parametrize('part', [hook(unknown=3), hook(), dict(type='Qqqq')])
@pytest.mark.usefixtures('strict')
def test_part_that_is_none_of_the_config(part):
    assert said_of(HOOKS.build, part) is None


@pytest.mark.usefixtures('strict')
def test_arguments_that_nobody_gives_by_name_are_not_proposed():
    part = hook(selve=3)
    said = said_of(HOOKS.build, part, cfg=dict(part=part))
    assert said == 'part.selve: Strict takes no selve'


def test_functions_are_types_as_well(monkeypatch):
    def make(given):
        raise TypeError('never reached')

    monkeypatch.setitem(HOOKS.module_dict, 'make', make)
    for settings, expected in (
        (dict(givn=1), 'part.givn: make takes no givn; like it are given'),
        (dict(), "part: make needs 'given'"),
    ):
        part = dict(type='make', **settings)
        assert said_of(HOOKS.build, part, cfg=dict(part=part)) == expected


@pytest.mark.parametrize('proposal', ['', ". Did you mean 'given'?"])
def test_what_python_proposes_itself(monkeypatch, proposal):
    """Python 3.13 does, of its own accord: it is put into the messages of others."""

    def make(given):
        raise AssertionError('never reached')

    monkeypatch.setitem(HOOKS.module_dict, 'make', make)
    part = dict(type='make', givn=1)
    with pytest.raises(TypeError) as caught:
        HOOKS.build(part)
    caught.value.args = (str(caught.value).partition('. Did')[0] + proposal,)
    said = describe_input_error(caught.value, dict(part=part))
    assert said == 'part.givn: make takes no givn; like it are given'


def test_a_call_that_lacks_an_argument_where_nothing_is_built():
    assert said_of(lambda given: None) is None


@pytest.mark.parametrize(
    ('message', 'cfg'),
    [
        ('None is not a callable object', {}),
        ('None is not a callable object', dict(optim_wrapper=None)),
        ('None is not a callable object', dict(optim_wrapper=dict(optimizer=None))),
        ('None is not a callable object', dict(optim_wrapper=dict(optimizer=dict(type='SGD')))),
        ('None is not a callable object', dict(optim_wrapper=dict(optimizer=dict(type=SGD)))),
        ('another', dict(optim_wrapper=dict(optimizer=dict(type='SDG')))),
    ],
)
def test_what_is_no_unknown_optimizer(message, cfg):
    def fail():
        raise TypeError(message)

    assert said_of(fail, cfg=cfg) is None


def test_names_of_other_registries_are_not_proposed(data):
    cfg = dict(dataset=dict(type='BASHed'))
    with pytest.raises(KeyError) as caught:
        DATASETS.build(cfg['dataset'])
    assert 'like it' not in describe_input_error(caught.value, cfg)
