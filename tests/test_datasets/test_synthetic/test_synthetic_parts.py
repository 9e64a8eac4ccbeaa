"""The generated set on disk: its bytes, its lists, its cache."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from bas_mm.datasets import SplitFolder, SyntheticParts
from bas_mm.datasets.synthetic import (
    RenderParams,
    SetParams,
    generated_folder,
    make_picture,
    require_set,
    set_name,
    tight_box,
    writer,
)
from bas_mm.registry import DATASETS

REPO = Path(__file__).resolve().parents[3]
SMALL = dict(num_train=16, num_val=8, num_test=8, image_size=48)
PARAMS = SetParams(num_images=(16, 8, 8), render=RenderParams(image_size=48))


def _digest(root):
    """Hash of the names and bytes of all files below a folder."""
    digest = hashlib.sha256()
    files = sorted(path for path in Path(root).rglob('*') if path.is_file())
    for file in files:
        digest.update(str(file.relative_to(root)).encode())
        digest.update(file.read_bytes())
    assert files
    return digest.hexdigest()


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp('synthetic')
    require_set(str(folder), PARAMS)
    return folder


def _build(split, cache, **kwargs):
    return SyntheticParts(split, data_root=str(cache), **{**SMALL, **kwargs})


def test_same_seed_same_bytes_other_seed_other_bytes(cache, tmp_path):
    again = require_set(str(tmp_path), PARAMS)
    assert _digest(again) == _digest(cache / set_name(PARAMS))
    other = SetParams(num_images=(16, 8, 8), seed=1, render=RenderParams(image_size=48))
    assert set_name(other) != set_name(PARAMS)
    assert not np.array_equal(
        make_picture(other, 'train', 0)[0].image, make_picture(PARAMS, 'train', 0)[0].image
    )


def test_number_of_pictures_leaves_the_first_ones_alone(cache):
    more = SetParams(num_images=(100, 100, 100), render=RenderParams(image_size=48))
    assert set_name(more) != set_name(PARAMS)
    for split in ('train', 'val', 'test'):
        info = _build(split, cache).get_data_info(5)
        picture, label = make_picture(more, split, 5)
        np.testing.assert_array_equal(cv2.imread(info['img_path']), picture.image)
        assert info['gt_label'] == label == 5


def test_splits_do_not_share_pictures():
    first = [make_picture(PARAMS, split, 0)[0].image for split in ('train', 'val', 'test')]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert (first[a] != first[b]).mean() > 0.5


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_lists(cache, split):
    dataset = _build(split, cache)
    assert isinstance(dataset, SplitFolder)
    assert len(dataset) == SMALL[f'num_{split}']
    assert len(dataset.metainfo['classes']) == 8
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    labels = np.bincount([info['gt_label'] for info in infos])
    assert len(labels) == 8
    assert len(set(labels)) == 1, 'classes must be equally frequent'
    for info in infos:
        name = dataset.metainfo['classes'][info['gt_label']]
        assert info['image_id'].startswith(f'{split}/{name}/')
        assert (info['width'], info['height']) == (48, 48)
        if split == 'train':
            assert 'gt_bboxes' not in info
        else:
            assert info['gt_bboxes'].shape == (1, 4)


def test_train_has_weak_labels_only(cache):
    root = cache / set_name(PARAMS)
    assert not (root / 'metadata' / 'train' / 'localization.txt').exists()
    assert not (root / 'metadata_masks' / 'train').exists()
    assert not (root / 'masks' / 'train').exists()


@pytest.mark.parametrize('split', ['val', 'test'])
def test_boxes_are_the_tight_boxes_of_the_masks(cache, split):
    boxes, masks = _build(split, cache), _build(split, cache, localization='masks')
    for i in range(len(boxes)):
        with_box, with_mask = boxes.get_data_info(i), masks.get_data_info(i)
        assert with_box['image_id'] == with_mask['image_id']
        (mask_path,) = with_mask['mask_paths']
        mask = cv2.imread(mask_path, cv2.IMREAD_UNCHANGED)
        assert mask.shape == (48, 48)
        assert set(np.unique(mask)) == {0, 255}
        assert tuple(with_box['gt_bboxes'][0]) == tight_box(mask)


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_boxes_and_masks_together(cache, split):
    both, boxes = _build(split, cache, localization='both'), _build(split, cache)
    masks = _build(split, cache, localization='masks')
    for i in range(len(both)):
        expected = {**masks.get_data_info(i), **boxes.get_data_info(i)}
        info = both.get_data_info(i)
        assert info.keys() == expected.keys()
        assert ('mask_paths' in info) == ('gt_bboxes' in info) == (split != 'train')
        for key, value in expected.items():
            np.testing.assert_array_equal(info[key], value)


def test_fewer_classes(tmp_path):
    dataset = _build('val', tmp_path, num_classes=4)
    assert dataset.metainfo['classes'] == (
        'banded_fox',
        'banded_owl',
        'spotted_parrot',
        'spotted_panda',
    )
    assert {dataset.get_data_info(i)['gt_label'] for i in range(8)} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(split='valid'), "split='valid'.*train, val, test"),
        (dict(num_test=0), 'num_test must be at least 1'),
        (dict(num_classes=3), 'even number'),
        (dict(seed=-1), 'seed must not be negative'),
        (dict(localization='points'), "'boxes', 'masks' or 'both'"),
    ],
)
def test_bad_arguments(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        SyntheticParts(**{'split': 'val', 'data_root': str(tmp_path), **SMALL, **settings})
    assert not list(tmp_path.iterdir()), 'nothing may be written'


def test_set_is_painted_once(cache, monkeypatch):
    def fail(*args):
        raise AssertionError('painted again')

    monkeypatch.setattr(writer, 'render', fail)
    assert len(_build('test', cache)) == 8
    with pytest.raises(AssertionError, match='painted again'):
        _build('test', cache, seed=5)
    assert not list(cache.glob('.*unfinished*')), 'a failed writer must clear its folder away'


def test_what_a_killed_writer_left_is_cleared_away(tmp_path):
    name = set_name(PARAMS)
    left = tmp_path / f'.{name}.unfinished-abc'
    (left / 'images').mkdir(parents=True)
    other = tmp_path / '.another_set.unfinished-abc'
    other.mkdir()
    root = Path(require_set(str(tmp_path), PARAMS))
    assert not left.exists()
    assert other.exists(), 'it may belong to a running writer of another set'
    assert (root / 'parameters.json').exists()


@pytest.mark.parametrize(('umask', 'mode'), [(0o077, 0o700), (0o002, 0o775)])
def test_the_folder_is_for_whom_the_umask_says(tmp_path, monkeypatch, umask, mode):
    monkeypatch.setattr('bas_mm.utils.result_files._UMASK', umask)
    root = generated_folder.generated_folder(str(tmp_path), 'name', 1, lambda _: None)
    assert Path(root).stat().st_mode & 0o777 == mode


def test_without_locks_the_faster_writer_wins(tmp_path, monkeypatch):
    """Systems without file locks: both paint, and the second takes the first one's set."""
    monkeypatch.setattr(generated_folder, 'fcntl', None)
    write_set = writer._write_set

    def slow(root, params):
        write_set(root, params)
        monkeypatch.setattr(writer, '_write_set', write_set)
        require_set(str(tmp_path), params)  # another process, in between

    monkeypatch.setattr(writer, '_write_set', slow)
    root = require_set(str(tmp_path), PARAMS)
    assert Path(root).is_dir()
    assert not list(tmp_path.glob('.*unfinished*'))


_ASK = """
import sys, time
from pathlib import Path
from bas_mm.datasets.synthetic import RenderParams, SetParams, require_set, writer
folder, me, both = sys.argv[1], sys.argv[2], int(sys.argv[3])
write_set, painted = writer._write_set, []
def write(*args):
    painted.append(1)
    write_set(*args)
writer._write_set = write
Path(folder, f'ready{me}').touch()
while len(list(Path(folder).glob('ready*'))) < both:
    time.sleep(0.01)
params = SetParams(num_images=(16, 8, 8), render=RenderParams(image_size=48))
require_set(folder, params)
print('painted', len(painted))
"""


def test_two_processes_at_once(cache, tmp_path):
    environment = {**os.environ, 'PYTHONPATH': str(REPO), 'OMP_NUM_THREADS': '1'}
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', _ASK, str(tmp_path), str(me), '2'],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    painted = sum(int(output.split('painted')[1]) for output in outputs)
    assert painted == (2 if generated_folder.fcntl is None else 1)
    assert _digest(tmp_path / set_name(PARAMS)) == _digest(cache / set_name(PARAMS))


def test_base_config_builds(tmp_path):
    cfg = Config.fromfile(REPO / 'configs' / '_base_' / 'datasets' / 'embedded.py')
    assert cfg.test_dataloader.dataset.split == 'test'
    assert cfg.val_dataloader.dataset.split == 'val'
    for name in ('train', 'val', 'test'):
        dataset = cfg[f'{name}_dataloader'].dataset
        dataset.update(data_root=str(tmp_path), **SMALL)
        item = DATASETS.build(dataset)[0]
        assert item['inputs'].shape == (3, 48, 48)
        assert item['data_samples'].img_shape == (48, 48)
        assert len(item['data_samples'].gt_bboxes) == (0 if name == 'train' else 1)
