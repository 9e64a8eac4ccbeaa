"""Errors that a ``raise`` of bas_mm makes, here and in workers, and those that it does not."""

import sys
from importlib import import_module
from multiprocessing import Pool

import numpy as np
import pytest
from failing_calls import said_of
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.datasets import AnnotationError
from bas_mm.datasets.transforms import LocResize
from bas_mm.evaluation.ordered_workers import OrderedWorkers
from bas_mm.registry import TRANSFORMS
from bas_mm.utils.input_errors import describe_input_error


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
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
        (
            dict(default_hooks__checkpoint=dict(type='WholeCheckpointHook', intervall=4)),
            'default_hooks.checkpoint: WholeCheckpointHook takes no intervall; like it are inter',
        ),
    ],
)
def test_settings_that_bas_mm_refuses(description, settings, expected):
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


def in_our_file(code):
    """A function of bas_mm's own, from its source."""
    space = vars(import_module('bas_mm.models.classifiers.class_map_classifier'))
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


def test_validation_and_test_of_equal_parts(data, tmp_path):
    for phase in ('val', 'test'):
        cfg = tiny_run_cfg(data, tmp_path / phase, epochs=1)
        for name in ('val', 'test'):
            cfg[f'{name}_dataloader'].dataset.data_root = 'nowhere'
        with pytest.raises(AnnotationError) as caught:
            getattr(Runner.from_cfg(cfg), phase)()
        said = describe_input_error(caught.value, dict(cfg.items()))
        assert said.startswith(f'{phase}_dataloader.dataset: nowhere/')
