"""The converters of VOC 2012 and COCO 2014: lists and masks that the readers read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from modules import load_module, status_of
from PIL import Image
from releases import write_lines
from segmentation_sets import (
    COCO_LABELS,
    VOC_LABELS,
    VOC_SPLITS,
    coco_content,
    coco_name,
    write_coco,
    write_voc,
)

from bas_mm.datasets import COCO14MultiLabel, VOC12MultiLabel
from bas_mm.datasets.coco_masks import has_pycocotools
from bas_mm.utils.palette import read_palette_png

needs_pycocotools = pytest.mark.skipif(
    not has_pycocotools(), reason='pycocotools, the extra `coco`, is not installed'
)


def _load(repo_dir: Path, name: str) -> ModuleType:
    script = repo_dir / 'tools' / 'dataset_converters' / f'{name}.py'
    return load_module(script)


@pytest.fixture(scope='module')
def voc12_lists(repo_dir) -> ModuleType:
    return _load(repo_dir, 'voc12_lists')


@pytest.fixture(scope='module')
def coco14_lists(repo_dir) -> ModuleType:
    return _load(repo_dir, 'coco14_lists')


@pytest.fixture
def voc(tmp_path):
    return write_voc(tmp_path / 'VOC2012', train_aug=False)


@pytest.fixture
def coco(tmp_path):
    return write_coco(tmp_path / 'coco')


@pytest.fixture
def sbd(tmp_path):
    """SBD has a picture of VOC's val, one of its train, and a new one."""
    root = tmp_path / 'benchmark_RELEASE'
    write_lines(root / 'dataset' / 'train.txt', ['2008_000008', '2009_000001'])
    write_lines(root / 'dataset' / 'val.txt', ['2007_000039'])
    return root


EXPECTED = [*VOC_SPLITS['train'], '2008_000008']


class TestVOC:
    def check(self, voc, folder=None):
        folder = folder or voc / 'ImageSets' / 'Segmentation'
        assert (folder / 'train_aug.txt').read_text().split('\n') == [*EXPECTED, '']
        lines = (folder / 'train_aug_labels.txt').read_text().splitlines()
        assert lines[0] == '2007_000032 dog person'
        split = str(folder / 'train_aug.txt')
        for labels in (None, str(folder / 'train_aug_labels.txt')):
            dataset = VOC12MultiLabel(str(voc), split, labels=labels)
            found = {
                info['image_id']: info['gt_label'] for info in map(dataset.get_data_info, range(3))
            }
            assert found == {name: VOC_LABELS[name] for name in EXPECTED}

    def test_from_sbd(self, voc, sbd, voc12_lists, capsys):
        assert status_of(voc12_lists.main, [str(voc), '--sbd', str(sbd)]) == 0
        self.check(voc)
        assert len(VOC12MultiLabel(str(voc))) == 3
        output = capsys.readouterr()
        assert 'train_aug.txt: 3 pictures' in output.out
        warning = f'warning: train_aug has 10582 pictures, this list 3: {sbd} is not the whole set'
        assert warning in output.err

    def test_from_masks(self, voc, voc12_lists, tmp_path, monkeypatch):
        out = tmp_path / 'lists'
        write_lines(voc / 'SegmentationClassAug' / 'README.txt', ['not a mask'])
        monkeypatch.chdir(tmp_path)
        args = [str(voc), '--masks', 'SegmentationClassAug', '--out', 'lists']
        assert status_of(voc12_lists.main, args) == 0
        self.check(voc, out)
        assert not (voc / 'ImageSets' / 'Segmentation' / 'train_aug.txt').exists()
        # A folder elsewhere, and SBD's lists without the folder above them.
        (voc / 'SegmentationClassAug').rename(tmp_path / 'masks')
        assert status_of(voc12_lists.main, [str(voc), '--masks', 'masks']) == 0
        self.check(voc)

    def test_whole_set_has_no_warning(self, voc, sbd, voc12_lists, capsys, monkeypatch):
        monkeypatch.setattr(voc12_lists, 'EXPECTED', 3)
        assert status_of(voc12_lists.main, [str(voc), '--sbd', str(sbd / 'dataset')]) == 0
        assert capsys.readouterr().err == ''
        # More than there are is as odd as fewer.
        monkeypatch.setattr(voc12_lists, 'EXPECTED', 2)
        assert status_of(voc12_lists.main, [str(voc), '--sbd', str(sbd)]) == 0
        assert 'train_aug has 2 pictures, this list 3' in capsys.readouterr().err

    def test_bad_input(self, voc, sbd, voc12_lists, capsys, tmp_path):
        def message(*args):
            assert status_of(voc12_lists.main, [str(voc), *args]) == 2
            return capsys.readouterr().err

        assert 'train.txt: there is no such file' in message('--sbd', str(tmp_path))
        assert 'has no masks' in message('--masks', str(tmp_path))
        (tmp_path / 'file').touch()
        out = str(tmp_path / 'file' / 'lists')
        assert 'Not a directory' in message('--sbd', str(sbd), '--out', out)
        with pytest.raises(SystemExit):
            voc12_lists.main([str(voc)])
        assert 'one of the arguments --sbd --masks is required' in capsys.readouterr().err
        # Of lists that do not hold together none is written.
        folder = voc / 'ImageSets' / 'Segmentation'
        lists = folder / 'train_aug.txt', folder / 'train_aug_labels.txt'
        (voc / 'JPEGImages' / '2008_000008.jpg').rename(tmp_path / 'away.jpg')
        where = (
            f'error: {lists[0]} (not written), line 3: 2008_000008.jpg is listed, but there is no'
        )
        assert where in message('--sbd', str(sbd))
        assert not any(file.exists() for file in lists)
        for file in lists:
            file.write_text('old')
        (tmp_path / 'away.jpg').rename(voc / 'JPEGImages' / '2008_000008.jpg')
        xml = voc / 'Annotations' / '2008_000008.xml'
        xml.write_text(xml.read_text()[:99])
        assert '2008_000008.xml' in message('--sbd', str(sbd))
        assert [file.read_text() for file in lists] == ['old', 'old']
        (voc / 'ImageSets' / 'Segmentation' / 'val.txt').unlink()
        assert 'val.txt: there is no such file' in message('--sbd', str(sbd))


class TestCOCO:
    def test_labels(self, coco, coco14_lists, capsys):
        assert status_of(coco14_lists.main, [str(coco), '--no-masks']) == 0
        for split in ('train2014', 'val2014'):
            lines = (coco / 'labels' / f'{split}.txt').read_text().splitlines()
            ids = (coco / 'labels' / f'{split}_ids.txt').read_text().splitlines()
            assert ids == [line.split()[0] for line in lines]
            assert lines[1] == f'COCO_{split}_000000000025 person traffic_light'
            dataset = COCO14MultiLabel(str(coco), split, labels=f'labels/{split}.txt')
            infos = [dataset.get_data_info(i) for i in range(len(dataset))]
            assert [info['gt_label'] for info in infos] == list(COCO_LABELS.values())
        assert '3 pictures; 1 without any object are left out' in capsys.readouterr().out
        assert not (coco / 'masks').exists()

    def test_without_pycocotools(self, coco, coco14_lists, capsys, monkeypatch):
        monkeypatch.setattr(coco14_lists, 'has_pycocotools', lambda: False)
        assert status_of(coco14_lists.main, [str(coco)]) == 2
        error = capsys.readouterr().err
        assert 'pip install pycocotools' in error
        assert '--no-masks' in error
        assert not (coco / 'labels').exists()
        # Lists need none.
        assert status_of(coco14_lists.main, [str(coco), '--no-masks']) == 0

    @needs_pycocotools
    @pytest.mark.parametrize('crowds', [None, 'class', 'ignore'])
    @pytest.mark.parametrize('workers', [1, 2])
    def test_masks(self, coco, coco14_lists, tmp_path, capsys, crowds, workers):
        out = tmp_path / 'out'
        # Some programs write the mark of a crowd on crowds alone.
        file = coco / 'annotations' / 'instances_train2014.json'
        content = json.loads(file.read_text())
        content['annotations'] = [
            {key: value for key, value in item.items() if key != 'iscrowd' or value}
            for item in content['annotations']
        ]
        file.write_text(json.dumps(content))
        args = ['--out', str(out), '--splits', 'train2014', '--workers', str(workers)]
        args += ['--crowds', crowds] if crowds else []
        assert status_of(coco14_lists.main, [str(coco), *args]) == 0
        assert f'{out}/masks/train2014: 4 masks\n' in capsys.readouterr().out
        assert not (out / 'masks' / 'val2014').exists()
        masks = {
            number: out
            / 'masks'
            / 'train2014'
            / coco_name('train2014', number).replace('jpg', 'png')
            for number in (9, 25, 30, 34)
        }
        assert sorted((out / 'masks' / 'train2014').iterdir()) == sorted(masks.values())
        expected = {
            number: np.zeros(shape, np.uint8)
            for number, shape in ((9, (30, 40)), (25, (24, 32)), (30, (20, 20)), (34, (36, 36)))
        }
        expected[9][5:25, 5:25] = 1
        expected[9][5:20, 30:38] = 1
        expected[9][10:15, 10:15] = 42
        expected[25][:, 16:] = 255 if crowds == 'ignore' else 1
        expected[25][2:8, 18:22] = 10
        expected[25][12:18, 18:22] = 10
        expected[34][:18] = 80
        for number, file in masks.items():
            with Image.open(file) as picture:
                assert picture.mode == 'P'
            np.testing.assert_array_equal(read_palette_png(str(file)), expected[number])
        prefix = dict(seg_map_path=str(out / 'masks' / 'train2014'))
        info = COCO14MultiLabel(str(coco), data_prefix=prefix).get_data_info(1)
        assert info['seg_map_path'] == str(masks[25])

    @needs_pycocotools
    @pytest.mark.parametrize(
        ('segmentation', 'message'),
        [
            (dict(size=[30, 41], counts=[0, 9]), 'its run lengths are for [30, 41]'),
            (dict(size=[30, 40], counts=[0, 9]), 'its run lengths cover 9 pixels, but'),
            (dict(size=[30, 40]), 'its run lengths have no counts'),
            (None, 'its segmentation is neither polygons nor'),
            ('none at all', 'its segmentation is neither polygons nor'),
        ],
    )
    def test_bad_segmentation(self, coco, coco14_lists, capsys, segmentation, message):
        content = coco_content('train2014')
        content['annotations'][0]['segmentation'] = segmentation
        if segmentation == 'none at all':
            del content['annotations'][0]['segmentation']
        file = coco / 'annotations' / 'instances_train2014.json'
        file.write_text(json.dumps(content))
        assert (
            status_of(coco14_lists.main, [str(coco), '--splits', 'train2014', '--workers', '1'])
            == 2
        )
        error = capsys.readouterr().err
        where = f'{file}, picture {coco_name("train2014", 9)}: annotation 0'
        assert f'{where} cannot be painted: {message}' in error
        assert error.endswith('. Unpack the release anew, or take the annotation out\n')

    @pytest.mark.parametrize(
        ('key', 'value', 'message'),
        [
            ('height', None, 'has the height None: a whole number above 0 is needed'),
            ('width', '40', "has the width '40': a whole"),
            ('height', 0, 'has the height 0: a whole'),
            ('height', True, 'has the height True: a whole'),
            ('width', 2.5, 'has the width 2.5: a whole'),
        ],
    )
    @needs_pycocotools
    def test_bad_sizes(self, coco, coco14_lists, capsys, key, value, message):
        content = coco_content('train2014')
        content['images'][1][key] = value
        if value is None:
            del content['images'][1][key]
        file = coco / 'annotations' / 'instances_train2014.json'
        file.write_text(json.dumps(content))
        assert (
            status_of(coco14_lists.main, [str(coco), '--splits', 'train2014', '--workers', '1'])
            == 2
        )
        where = f'{file}, image 2: {coco_name("train2014", 25)}, of the id 25, '
        assert f'error: {where}{message}' in capsys.readouterr().err
        assert not (coco / 'labels').exists()
        # Label lists need no sizes.
        assert status_of(coco14_lists.main, [str(coco), '--splits', 'train2014', '--no-masks']) == 0

    def test_bad_json(self, coco, coco14_lists, capsys):
        (coco / 'annotations' / 'instances_val2014.json').unlink()
        assert status_of(coco14_lists.main, [str(coco), '--no-masks']) == 2
        assert 'instances_val2014.json: there is no such file' in capsys.readouterr().err
        (coco / 'file').touch()
        assert (
            status_of(
                coco14_lists.main, [str(coco), '--no-masks', '--out', str(coco / 'file' / 'a')]
            )
            == 2
        )
        assert 'Not a directory' in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize('name', ['voc12_lists', 'coco14_lists'])
def test_as_a_command(repo_dir, tmp_path, name):
    """From another folder and without an installed package it finds the checkout."""
    script = repo_dir / 'tools' / 'dataset_converters' / f'{name}.py'
    done = subprocess.run(
        [sys.executable, str(script), '--help'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert f'{name}.py' in done.stdout
