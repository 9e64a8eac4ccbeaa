"""Pseudo masks against a slow composition, and the run over a set."""

import os
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mask_project import irnet, write_seeds
from seed_project import scenes
from seed_samples import some_seeds
from slow_pairs import slow_transition

from bas_mm.utils.palette import read_palette_png
from bas_mm.wsss.functional.masks import MaskParams
from bas_mm.wsss.mask_folder import MaskFolder
from bas_mm.wsss.mask_maker import MaskMaker
from bas_mm.wsss.mask_run import MaskRun
from bas_mm.wsss.seed_file import SeedFile
from bas_mm.wsss.seed_source import SeedSource


class CountingMaker(MaskMaker):
    """Counts the pictures, and stops at one of them."""

    stop_at, pictures = None, 0

    def start(self, *args):
        self.pictures += 1
        if self.pictures == self.stop_at:
            raise KeyboardInterrupt
        return super().start(*args)


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    return scenes(tmp_path_factory.mktemp('scenes'))


@pytest.fixture(scope='module')
def seeds(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp('seeds')
    write_seeds(dataset, folder)
    return folder


@pytest.fixture(scope='module')
def model():
    return irnet()


def _run(dataset, model, seeds, path, stop_at=None, num_workers=0):
    maker = CountingMaker(model)
    maker.stop_at = stop_at
    folder = MaskFolder(path)
    folder.open(dict(form=1))
    return MaskRun(maker, dataset, SeedSource(seeds), folder, num_workers), maker


def _content(path):
    return {file.name: file.read_bytes() for file in path.glob('*.png')}


@pytest.fixture(scope='module')
def whole(dataset, model, seeds, tmp_path_factory):
    path = tmp_path_factory.mktemp('masks')
    assert _run(dataset, model, seeds, path)[0].run() == (7, 0)
    return path


@torch.no_grad()
def _slow_scores(model, picture, seeds, params) -> torch.Tensor:
    """Scores (K, h, w) from the words of the spec, with a dense matrix."""
    inputs = (picture.flip(0).float() - 127) / 64
    plain, mirrored = (
        model.boundary_branch(model.extract_feat(view[None]))[0, 0]
        for view in (inputs, inputs.flip(-1))
    )
    boundary = torch.sigmoid((plain + mirrored.flip(-1)) / 2).double()
    transition = slow_transition(boundary, params.radius, params.beta)
    x = torch.from_numpy(np.array(seeds)).double() ** params.power * (1 - boundary)
    x = x.flatten(1)
    for _ in range(params.steps):
        x = x @ transition
    x = x.view(seeds.shape)
    size = [4 * length for length in seeds.shape[1:]]
    large = F.interpolate(x[None], size, mode='bilinear', align_corners=False)[0]
    large = large[:, : picture.shape[1], : picture.shape[2]]
    return large / large.max()


@pytest.mark.parametrize('params', [MaskParams(), MaskParams(0.4, 3, 4, 9, 1.0)])
def test_masks_are_those_of_a_dense_walk(dataset, model, seeds, params):
    maker = MaskMaker(model, params)
    values = set()
    for index in (0, 3):
        item, info = dataset[index], dataset.get_data_info(index)
        found = SeedFile.load(SeedFile.path(seeds, info['image_id']))
        classes = torch.from_numpy(found.classes.copy())
        mask = maker.start(item['inputs'], torch.from_numpy(found.strided.copy()), classes)
        assert mask.dtype == torch.uint8
        scores = _slow_scores(model, item['inputs'], found.strided, params)
        stack = torch.cat([torch.full_like(scores[:1], params.background), scores])
        direct = torch.cat([torch.zeros(1, dtype=torch.long), classes + 1])[stack.argmax(0)]
        # Where two scores are equal but for rounding, either is right.
        first, second = stack.sort(0, descending=True).values[:2]
        clear = first - second > 1e-4
        assert clear.float().mean() > 0.98
        assert torch.equal(mask[clear].long(), direct[clear])
        values |= set(mask.unique().tolist())
    assert 0 in values
    assert len(values) > 1


def test_stopped_and_started_again(dataset, model, seeds, whole, tmp_path):
    path = tmp_path / 'stopped'
    run, _ = _run(dataset, model, seeds, path, stop_at=5)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    done = len(_content(path))
    assert 0 < done < 7
    run, maker = _run(dataset, model, seeds, path)
    assert run.run() == (7 - done, done)
    assert maker.pictures == 7 - done
    assert _content(path) == _content(whole)

    files = sorted(path.glob('*.png'))
    files[0].write_bytes(files[0].read_bytes()[:-1])
    files[1].unlink()
    os.utime(files[2], (1, 1))
    run, maker = _run(dataset, model, seeds, path, num_workers=1)
    assert run.run() == (3, 4)
    assert _content(path) == _content(whole)
    labels = {k + 1 for i in range(7) for k in dataset.get_data_info(i)['gt_label']}
    assert set(np.unique([read_palette_png(file) for file in files[:1]])) <= {0, *labels}


def test_bad_seeds_are_named(dataset, model, seeds, tmp_path):
    shutil.copytree(seeds, tmp_path / 'seeds')
    info = dataset.get_data_info(2)
    path = SeedFile.path(tmp_path / 'seeds', info['image_id'])
    labels = sorted(info['gt_label'])

    def refused(message):
        with pytest.raises(ValueError, match=message) as error:
            _run(dataset, model, tmp_path / 'seeds', tmp_path / 'out')[0].run()
        assert str(path) in str(error.value)

    some_seeds(classes=labels, size=(21, 33)).save(path)
    refused('strided has 9x6 points, but a picture of')
    some_seeds(classes=(17,), size=(40, 54)).save(path)
    refused(r'has the classes \[17\], but the picture has .*: delete this file and make it again')
    path.write_bytes(path.read_bytes()[:50])
    refused('is no seed file')
    path.unlink()
    refused('1 of 7 pictures have no seeds.*make_seeds.py CONFIG CHECKPOINT')
    (tmp_path / 'seeds/seeds.json').write_text('{"fuse": "maps"}')
    refused(r'1 of 7 pictures have no seeds[^;]*: make them with tools/wsss/fuse_seeds\.py SEEDS')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_boundaries_that_are_not_finite_name_their_picture(dataset, seeds, tmp_path, value):
    model = irnet()
    with torch.no_grad():
        next(iter(model.boundary_branch.parameters())).flatten()[0] = value
    with pytest.raises(ValueError, match=r': the network gives no usable boundaries'):
        _run(dataset, model, seeds, tmp_path / 'out')[0].run()
    assert not list((tmp_path / 'out').glob('*.png'))


def test_models_that_make_no_masks(dataset, model):
    with pytest.raises(TypeError, match='Linear has no boundary_with_mirror: masks need IRNet'):
        MaskMaker(torch.nn.Linear(1, 1))
    picture = dataset[0]['inputs']
    with pytest.raises(ValueError, match='its first stride must be 4'):
        MaskMaker(model).start(picture, torch.zeros(1, 5, 5), torch.tensor([0]))
