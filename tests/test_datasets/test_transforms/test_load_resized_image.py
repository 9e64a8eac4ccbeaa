"""LoadResizedImage gives what LoadLocImage and LocResize give, from a cache that never is stale."""

from __future__ import annotations

import copy
import errno
import os
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder
from torch.utils.data import DataLoader, Dataset

from bas_mm.datasets import AnnotationError, UnreadableImageError
from bas_mm.datasets.transforms import load_loc_image
from bas_mm.datasets.transforms.load_loc_image import LoadLocImage
from bas_mm.datasets.transforms.loc_resize import LocResize
from bas_mm.registry import TRANSFORMS

SCALE = (40, 32)


def cached(folder: Path, **settings):
    settings = {'scale': SCALE, 'backend': 'pillow', **settings}
    return TRANSFORMS.build(dict(type='LoadResizedImage', cache_dir=str(folder), **settings))


def plain(decoder: str = 'cv2', **settings):
    settings = {'scale': SCALE, 'backend': 'pillow', **settings}
    return Compose(
        [dict(type='LoadLocImage', imdecode_backend=decoder), dict(type='LocResize', **settings)]
    )


def item(path: Path, **extra) -> dict:
    boxes = np.array([[3, 4, 50, 30.5], [0, 0, 59, 39]])
    return dict(img_path=str(path), gt_bboxes=boxes, width=60, height=40, **extra)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob('*') if path.is_file())


def assert_same(left: dict, right: dict) -> None:
    assert left.keys() == right.keys()
    for key, value in left.items():
        if isinstance(value, np.ndarray):
            assert value.dtype == right[key].dtype
            np.testing.assert_array_equal(value, right[key])
        else:
            assert type(value) is type(right[key])
            assert value == right[key]


@pytest.fixture
def source(tmp_path, make_picture) -> Path:
    make_picture(tmp_path / 'a.jpg', 60, 40)
    return tmp_path / 'a.jpg'


@pytest.fixture
def never_decode(monkeypatch):
    """From now on a picture comes from the cache or the test fails."""
    return lambda: monkeypatch.setattr(LoadLocImage, 'read', lambda *_: pytest.fail('decoded'))


@pytest.mark.parametrize('decoder', ['cv2', 'pillow'])
@pytest.mark.parametrize(
    ('backend', 'interpolation'), [('cv2', 'area'), ('pillow', 'bicubic'), ('torchvision', None)]
)
def test_same_as_without(tmp_path, source, never_decode, decoder, backend, interpolation):
    settings = dict(backend=backend, interpolation=interpolation or 'bilinear')
    expected = plain(decoder, **settings)(item(source))
    folder = tmp_path / 'cache'
    first = cached(folder, imdecode_backend=decoder, **settings)(item(source))
    never_decode()
    second = cached(folder, imdecode_backend=decoder, **settings)(item(source))
    for results in (first, second):
        assert_same(results, expected)
        assert results['img'].flags.writeable
        assert results['img'].flags.c_contiguous
    (file,) = files(folder)
    assert 0 < file.stat().st_size - 3 * SCALE[0] * SCALE[1] < 64
    assert file.parent.name == file.name[:2]
    assert file.parent.parent == folder


def test_levels_of_16_bits(tmp_path):
    levels = np.random.default_rng(0).integers(0, 65536, (40, 60), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / 'a.png'), levels)
    expected = plain()(item(tmp_path / 'a.png'))
    for _ in range(2):  # not in the cache, then in it
        transform = cached(tmp_path / 'cache', imdecode_backend='pillow')
        assert_same(transform(item(tmp_path / 'a.png')), expected)


def test_same_sample_at_the_end_of_a_pipeline(tmp_path, source):
    rest = [
        dict(type='LocRandomCrop', crop_size=24),
        dict(type='LocRandomFlip'),
        dict(type='PackLocalizationInputs'),
    ]
    pipelines = [Compose([plain(), *rest])] + [Compose([cached(tmp_path / 'c'), *rest])] * 2
    packed = []
    for pipeline in pipelines:
        np.random.seed(3)  # noqa: NPY002
        packed.append(pipeline(item(source, gt_label=1)))
    for other in packed[1:]:
        assert torch.equal(other['inputs'], packed[0]['inputs'])
        assert other['data_samples'].metainfo == packed[0]['data_samples'].metainfo
        for key in ('gt_bboxes', 'gt_bboxes_view', 'gt_label'):
            assert torch.equal(other['data_samples'].get(key), packed[0]['data_samples'].get(key))


def test_changed_source_is_never_stale(tmp_path, source, make_picture):
    folder = tmp_path / 'cache'
    stale = cached(folder)(item(source))['img']
    state = source.stat()
    # Another size of file at the same time, the same size at another time.
    make_picture(source, 60, 40, seed=7)
    os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert source.stat().st_size != state.st_size
    changed = cached(folder)(item(source))
    assert_same(changed, plain()(item(source)))
    assert not np.array_equal(changed['img'], stale)
    os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    cached(folder)(item(source))
    assert len(files(folder)) == 3


def test_each_setting_has_pictures_of_its_own(tmp_path, source, monkeypatch):
    folder = tmp_path / 'cache'
    changes = [
        dict(),
        dict(scale=(32, 40)),
        dict(interpolation='bicubic'),
        dict(backend='cv2'),
        dict(backend='torchvision'),
        dict(imdecode_backend='pillow'),
        dict(imdecode_backend='pillow', backend='cv2'),
        dict(jpeg_quality=90),
        dict(jpeg_quality=91),
    ]
    for number, settings in enumerate(changes, 1):
        cached(folder, **settings)(item(source))
        assert len(files(folder)) == number
    versions = ('PIL', {}), ('cv2', {}), ('torchvision', changes[4]), ('PIL', changes[6])
    for module, settings in versions:
        with monkeypatch.context() as patch:
            patch.setattr(f'{module}.__version__', '99')
            cached(folder, **settings)(item(source))
        number += 1
        assert len(files(folder)) == number
    for settings in [*changes, dict(check_size=False)]:
        cached(folder, **settings)(item(source))
    assert len(files(folder)) == number


def test_equal_scales_have_the_same_pictures(tmp_path, source):
    for scale in (40, (40, 40), [40, 40]):
        cached(tmp_path / 'cache', scale=scale)(item(source))
    assert len(files(tmp_path / 'cache')) == 1


def test_versions_of_turbojpeg_and_opencv(tmp_path, source, monkeypatch):
    """Some of its releases have no version; what it cannot decode OpenCV does."""
    monkeypatch.setitem(sys.modules, 'turbojpeg', ModuleType('turbojpeg'))
    monkeypatch.setattr(load_loc_image, '_start_turbojpeg', lambda: None)
    keys = []
    for change in ({}, {'turbojpeg.__version__': '2'}, {'cv2.__version__': '99'}):
        for name, value in change.items():
            monkeypatch.setattr(name, value, raising=False)
        keys.append(cached(tmp_path, imdecode_backend='turbojpeg').cache.key(source))
    assert len(set(keys)) == 3


def test_relative_paths(tmp_path, source, make_picture, monkeypatch):
    (tmp_path / 'other').mkdir()
    make_picture(tmp_path / 'other' / 'a.jpg', 60, 40, seed=7)
    time = source.stat().st_mtime_ns
    os.utime(tmp_path / 'other' / 'a.jpg', ns=(time, time))
    transform, found = cached(tmp_path / 'cache'), []
    for folder in (tmp_path, tmp_path / 'other'):
        monkeypatch.chdir(folder)
        found.append(transform(item('a.jpg')))
        assert_same(found[-1], plain()(item('a.jpg')))
    assert not np.array_equal(found[0]['img'], found[1]['img'])


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: b'',
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content + b'\0',
        lambda content: bytes(len(content)),
        lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        lambda content: b'another!' + content[8:],
        lambda content: content[:8] + bytes(16) + content[24:],
    ],
)
@pytest.mark.parametrize('quality', [None, 95])
def test_damaged_file_is_replaced(tmp_path, source, never_decode, damage, quality):
    transform = cached(tmp_path / 'cache', jpeg_quality=quality)
    expected = transform(item(source))
    (file,) = files(tmp_path / 'cache')
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert_same(transform(item(source)), expected)
    assert file.read_bytes() == whole
    never_decode()
    assert_same(transform(item(source)), expected)


def test_jpeg_is_near_and_the_same_each_time(tmp_path, source, never_decode):
    folder = tmp_path / 'cache'
    exact = plain()(item(source))
    first = cached(folder, jpeg_quality=95)(item(source))
    never_decode()
    second = cached(folder, jpeg_quality=95)(item(source))
    assert_same(second, first)
    difference = np.abs(first['img'].astype(int) - exact['img'])
    assert 0 < difference.mean() < 8
    (file,) = files(folder)
    assert file.stat().st_size < exact['img'].size
    np.testing.assert_array_equal(
        first['img'], cv2.imdecode(cv2.imencode('.jpg', exact['img'], [1, 95])[1], 1)
    )


def test_errors_are_those_without(tmp_path, source, bad_image):
    def error(transform, results):
        with pytest.raises((UnreadableImageError, AnnotationError)) as caught:
            transform(results)
        return type(caught.value), str(caught.value)

    transform = cached(tmp_path / 'cache')
    (tmp_path / 'empty.jpg').touch()
    for path in (tmp_path / 'none.jpg', tmp_path / 'empty.jpg', tmp_path, bad_image):
        for _ in range(2):
            assert error(transform, item(path)) == error(plain(), item(path))
    assert files(tmp_path / 'cache') == []
    wrong = dict(item(source), width=61)
    kind, message = error(plain(), dict(wrong))
    for _ in range(2):  # not in the cache, then in it
        found = error(transform, dict(wrong))
        assert found == (kind, message.replace('LoadLocImage', 'LoadResizedImage'))
    relaxed = cached(tmp_path / 'cache', check_size=False)
    assert relaxed(dict(wrong))['ori_shape'] == (40, 60)
    source.unlink()
    assert error(transform, item(source)) == error(plain(), item(source))


@pytest.mark.parametrize(
    'wrong',
    [
        dict(width=40, height=60),
        dict(gt_bboxes=np.array([[3, 4, 20, 45]]), boxes_unchecked=True),
    ],
)
def test_advice_on_turned_pictures_can_be_followed(tmp_path, source, wrong):
    """LoadResizedImage has a check_size, and no color_type."""
    with pytest.raises(AnnotationError) as caught:
        cached(tmp_path / 'cache')({**item(source), **wrong})
    message = str(caught.value)
    assert (
        "put LoadLocImage with color_type='color' and LocResize in place of LoadResizedImage."
        in message
    )
    assert message.endswith('or set check_size=False in LoadResizedImage')


def test_bad_settings(tmp_path):
    for settings in (dict(jpeg_quality=0), dict(jpeg_quality=101), dict(scale=0)):
        with pytest.raises(ValueError, match='quality=|scale='):
            cached(tmp_path, **settings)
    with pytest.raises(ValueError, match='tifffile'):
        cached(tmp_path, imdecode_backend='tifffile')
    with pytest.raises(ValueError, match='s3://a/b.jpg is no local file'):
        cached(tmp_path)(dict(img_path='s3://a/b.jpg'))


def test_defaults_are_those_of_its_parts(tmp_path, source):
    transform = TRANSFORMS.build(dict(type='LoadResizedImage', cache_dir=str(tmp_path / 'cache')))
    parts = LoadLocImage(), LocResize(256)
    assert (repr(transform.load), repr(transform.resize)) == tuple(map(repr, parts))
    assert_same(transform(item(source)), Compose(parts)(item(source)))


def test_repr_names_the_folder_and_the_quality(tmp_path):
    text = repr(cached(tmp_path, jpeg_quality=90))
    assert text.startswith(f'LoadResizedImage(cache_dir={str(tmp_path)!r}, load=LoadLocImage(')
    assert text.endswith(', jpeg_quality=90)')


class Pictures(Dataset):
    """Six sources, each asked for twice."""

    def __init__(self, paths, transform):
        self.paths = paths * 2
        self.transform = transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.transform(item(self.paths[index]))['img']


@pytest.fixture
def sources(tmp_path, make_picture) -> list[Path]:
    paths = [tmp_path / f'{k}.jpg' for k in range(6)]
    for k, path in enumerate(paths):
        make_picture(path, 60, 40, seed=k)
    return paths


def load(paths: list[Path], transform, workers: int, shuffle: bool = False) -> list:
    data = Pictures(paths, transform)
    loader = DataLoader(data, batch_size=None, num_workers=workers, shuffle=shuffle)
    return [picture.numpy() for picture in loader]


def test_several_processes_fill_it(tmp_path, sources, never_decode):
    folder = tmp_path / 'cache'
    expected = [plain()(item(path))['img'] for path in sources] * 2
    for first, second in zip(load(sources, cached(folder), 3), expected):
        np.testing.assert_array_equal(first, second)
    assert len(files(folder)) == 6  # no temporary file is left
    never_decode()
    for workers in (0, 2):
        for first, second in zip(load(sources, cached(folder), workers), expected):
            np.testing.assert_array_equal(first, second)


def full_disk(error, path, content):
    raise error


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('error', [errno.ENOSPC, errno.EDQUOT, errno.EACCES])
def test_full_disk(tmp_path, sources, monkeypatch, log_file, workers, error):
    """One warning, and the pictures go on."""
    failing = partial(full_disk, OSError(error, os.strerror(error)))
    monkeypatch.setattr('bas_mm.datasets.resized_picture_cache.write_bytes', failing)
    expected = [plain()(item(path))['img'] for path in sources] * 2
    found = load(sources, cached(tmp_path / 'cache'), workers)
    np.testing.assert_array_equal(found, expected)
    text = log_file.read_text()
    assert text.count('cannot be written') == 1
    assert str(tmp_path / 'cache') in text
    assert os.strerror(error) in text


def test_whoever_meets_a_full_disk_says_so_once(tmp_path, sources, monkeypatch, log_file):
    """One worker alone meets it, in every epoch; a copy has a say of its own."""

    def fail_in_worker_1(path, content):
        if torch.utils.data.get_worker_info().id == 1:
            raise OSError(errno.ENOSPC, 'full')

    monkeypatch.setattr('bas_mm.datasets.resized_picture_cache.write_bytes', fail_in_worker_1)
    transform = cached(tmp_path / 'cache')
    for other, expected in ((transform, 1), (transform, 1), (copy.deepcopy(transform), 2)):
        load(sources, other, 2)
        assert log_file.read_text().count('cannot be written') == expected


def test_a_folder_that_cannot_be_made(tmp_path, source, log_file):
    (tmp_path / 'cache').write_text('a file')
    assert_same(cached(tmp_path / 'cache')(item(source)), plain()(item(source)))
    assert 'cannot be written' in log_file.read_text()


def test_a_run_is_the_same_to_the_last_bit(tmp_path, never_decode):
    """A real Runner with real workers: without the cache, with an empty one, with a full one."""
    data = write_split_folder(tmp_path / 'data', dict(train=4))
    cache = tmp_path / 'cache'
    begins = dict(
        plain=[dict(type='LoadLocImage'), dict(type='LocResize', scale=40, backend='pillow')],
        empty=[dict(type='LoadResizedImage', cache_dir=str(cache), scale=40, backend='pillow')],
    )
    begins['full'] = begins['empty']
    states = {}
    for name, begin in begins.items():
        if name == 'full':
            never_decode()
        cfg = tiny_run_cfg(data, tmp_path / name, epochs=1)
        for phase in ('val', 'test'):
            cfg.update({f'{phase}_{part}': None for part in ('cfg', 'dataloader', 'evaluator')})
        cfg.experiment_name = f'{tmp_path.name}-{name}'
        pipeline = cfg.train_dataloader.dataset.pipeline
        cfg.train_dataloader.dataset.pipeline = [*begin, *pipeline[1:]]
        cfg.train_dataloader.num_workers = 2
        runner = Runner.from_cfg(cfg)
        before = {key: value.clone() for key, value in runner.model.state_dict().items()}
        runner.train()
        states[name] = runner.model.state_dict()
    assert len(files(cache)) == 4
    assert any(not torch.equal(states['plain'][key], value) for key, value in before.items())
    for name in ('empty', 'full'):
        for key, value in states['plain'].items():
            assert torch.equal(states[name][key], value)
