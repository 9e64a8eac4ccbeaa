"""IRNet's labels of a set: what is done stays, all else is made, and bad files are named."""

import os
import shutil

import cv2
import numpy as np
import pytest
from mask_project import write_seeds
from PIL import Image
from seed_project import scenes
from seed_samples import some_seeds

from bas_mm.utils.palette import colour_map, read_palette_png
from bas_mm.wsss import irn_labels_maker, irn_labels_run
from bas_mm.wsss.functional.irn_labels import irn_labels
from bas_mm.wsss.irn_labels_folder import IRNLabelFolder
from bas_mm.wsss.irn_labels_run import IRNLabelRun
from bas_mm.wsss.seed_file import SeedFile
from bas_mm.wsss.seed_source import SeedSource

pytest.importorskip('pydensecrf.densecrf', reason='the extra `crf` is not installed')


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    return scenes(tmp_path_factory.mktemp('scenes'))


@pytest.fixture(scope='module')
def seeds(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp('seeds')
    write_seeds(dataset, folder)
    return folder


def _run(dataset, seeds, path, **kwargs):
    folder = IRNLabelFolder(path)
    folder.open(dict(form=1))
    return IRNLabelRun(dataset, SeedSource(seeds), folder, **kwargs).run()


def _content(path):
    return {file.name: file.read_bytes() for file in path.glob('*.png')}


@pytest.fixture(scope='module')
def whole(dataset, seeds, tmp_path_factory):
    path = tmp_path_factory.mktemp('labels')
    assert _run(dataset, seeds, path) == (7, 0)
    return path


def test_labels_are_those_of_pictures_and_seeds(dataset, seeds, whole):
    values = set()
    for index in range(7):
        info = dataset.get_data_info(index)
        found = SeedFile.load(SeedFile.path(seeds, info['image_id']))
        image = cv2.imread(info['img_path'])[..., ::-1]
        path = whole / f'{info["image_id"]}.png'
        labels = read_palette_png(path)
        direct = irn_labels(image, found.high_res, found.classes)
        np.testing.assert_array_equal(labels, direct)
        with Image.open(path) as picture:
            assert picture.mode == 'P'
            assert picture.getpalette() == colour_map().ravel().tolist()
        values |= set(np.unique(labels)) - {k + 1 for k in info['gt_label']}
    assert values <= {0, 255}


def test_stopped_and_started_again_on_other_processes(
    dataset, seeds, whole, tmp_path, monkeypatch, capsys
):
    path, write = tmp_path / 'stopped', irn_labels_run.write_bytes

    def stop(file, content):
        if len(_content(path)) == 3:
            raise KeyboardInterrupt
        write(file, content)

    monkeypatch.setattr(irn_labels_run, 'write_bytes', stop)
    with pytest.raises(KeyboardInterrupt):
        _run(dataset, seeds, path)
    monkeypatch.undo()
    assert len(_content(path)) == 3
    with monkeypatch.context() as here:
        # That of this process: the others do the work.
        here.setattr(irn_labels_maker, 'irn_labels', lambda *_: pytest.fail('worked here'))
        assert _run(dataset, seeds, path, num_workers=2) == (4, 3)
    assert _content(path) == _content(whole)
    assert 'IRNet labels: 4/4, ' in capsys.readouterr().err

    # What is cut, gone, or older than its seeds is made again, no more.
    files = sorted(path.glob('*.png'))
    files[0].write_bytes(files[0].read_bytes()[:-1])
    files[1].unlink()
    files[2].write_bytes(b'')
    os.utime(files[3], (1, 1))
    assert _run(dataset, seeds, path) == (4, 3)
    assert _content(path) == _content(whole)
    assert _run(dataset, seeds, path) == (0, 7)


@pytest.mark.parametrize(
    ('spoil', 'message', 'workers'),
    [
        (lambda p: p.unlink(), '1 of 7 pictures have no seeds, the first is .*: make them with', 0),
        (lambda p: p.write_bytes(p.read_bytes()[:99]), 'is no seed file', 0),
        (
            lambda p: some_seeds(classes=(9,), size=(40, 54)).save(p),
            r'has the classes \[9\], but',
            0,
        ),
        (None, 'high_res has 33x21 points, but a picture of .* pixels', 0),
        # One kind of error is enough to see that processes hand it on.
        (None, 'high_res has 33x21 points, but a picture of .* pixels', 1),
    ],
)
def test_bad_seeds_are_named(dataset, seeds, tmp_path, spoil, message, workers):
    shutil.copytree(seeds, tmp_path / 'seeds')
    info = dataset.get_data_info(2)
    path = SeedFile.path(tmp_path / 'seeds', info['image_id'])
    if spoil is None:
        some_seeds(classes=sorted(info['gt_label']), size=(21, 33)).save(path)
    else:
        spoil(path)
    with pytest.raises(ValueError, match=f'{info["image_id"]}.npz.*{message}|{message}') as error:
        _run(dataset, tmp_path / 'seeds', tmp_path / 'out', num_workers=workers)
    assert str(path) in str(error.value)


def test_maps_that_are_not_normalised_name_their_file(dataset, seeds, tmp_path):
    shutil.copytree(seeds, tmp_path / 'seeds')
    path = SeedFile.path(tmp_path / 'seeds', dataset.get_data_info(0)['image_id'])
    found = SeedFile.load(path)
    SeedFile(found.classes, found.strided, found.high_res * 3).save(path)
    with pytest.raises(ValueError, match=f'{path}: the maps leave'):
        _run(dataset, tmp_path / 'seeds', tmp_path / 'out')


def test_a_folder_of_seeds_that_is_not_there(tmp_path):
    both = r'no folder of seeds .*make_seeds\.py CONFIG CHECKPOINT .*/fuse_seeds\.py SEEDS MAPS'
    with pytest.raises(ValueError, match=both):
        SeedSource(tmp_path / 'nowhere')
    (tmp_path / 'seeds.json').write_text('[]')
    with pytest.raises(ValueError, match='seeds.json cannot be read: it holds no settings'):
        SeedSource(tmp_path).settings(IRNLabelFolder(tmp_path / 'out'))
    (tmp_path / 'seeds.json').unlink()
    for out, place in ((tmp_path / 'a/out', str(tmp_path)), (f'{tmp_path}_out', tmp_path.name)):
        assert SeedSource(tmp_path).settings(IRNLabelFolder(out)) == {'seeds': place}
