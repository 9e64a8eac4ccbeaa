"""Seeds of a set: what is there is not made again, what is not whole is, and settings are kept."""

import json
import shutil

import numpy as np
import pytest
import torch
from seed_project import SCALES, network, scenes
from seed_samples import some_seeds

from bas_mm.wsss import output_folder
from bas_mm.wsss.digests import config_digest, weights_digest
from bas_mm.wsss.irn_labels_folder import IRNLabelFolder
from bas_mm.wsss.mask_folder import MaskFolder
from bas_mm.wsss.output_folder import OutputFolder
from bas_mm.wsss.plain_values import plain_values
from bas_mm.wsss.seed_folder import SeedFolder
from bas_mm.wsss.seed_maker import SeedMaker
from bas_mm.wsss.seed_run import SeedRun

SETTINGS = dict(weights='abc', scales=SCALES, flip=True, classes=['a', 'b', 'c', 'd'])


class CountingMaker(SeedMaker):
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
def model():
    return network()


def _run(dataset, model, path, stop_at=None, **kwargs):
    maker = CountingMaker(model)
    maker.stop_at = stop_at
    folder = SeedFolder(path)
    folder.open(SETTINGS)
    kwargs.setdefault('num_workers', 0)
    run = SeedRun(maker, dataset, folder, SCALES, **kwargs)
    return run, maker


def _content(path):
    return {file.name: file.read_bytes() for file in path.glob('*.npz')}


def test_stopped_and_started_again(dataset, model, tmp_path):
    run, _ = _run(dataset, model, tmp_path / 'whole')
    assert run.run() == (7, 0)
    whole = _content(tmp_path / 'whole')
    ids = [dataset.get_data_info(i)['image_id'] for i in range(7)]
    assert sorted(whole) == sorted(f'{image_id}.npz' for image_id in ids)

    path = tmp_path / 'stopped'
    run, _ = _run(dataset, model, path, stop_at=5)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    done = len(_content(path))
    assert 0 < done < 7
    run, maker = _run(dataset, model, path)
    assert run.run() == (7 - done, done)
    assert maker.pictures == 7 - done
    assert _content(path) == whole

    # A file that is cut, one of other classes and one that is gone are made again, no more.
    files = sorted(path.glob('*.npz'))
    files[0].write_bytes(files[0].read_bytes()[:-1])
    some_seeds(classes=(0, 1, 2, 3)).save(files[1])
    files[2].unlink()
    run, maker = _run(dataset, model, path)
    assert run.run() == (3, 4)
    assert maker.pictures == 3
    assert _content(path) == whole
    run, maker = _run(dataset, model, path)
    assert run.run() == (0, 7)
    assert maker.pictures == 0


def test_worker_processes_give_the_same(dataset, model, tmp_path, capsys):
    for workers, writers in ((0, 1), (2, 3)):
        path = tmp_path / f'{workers}'
        _run(dataset, model, path, num_workers=workers, num_writers=writers)[0].run()
    assert _content(tmp_path / '0') == _content(tmp_path / '2')
    assert 'Seeds: 7/7, ' in capsys.readouterr().err


@pytest.mark.parametrize('stop_at', [None, 3])
def test_cudnn_does_not_search_anew_for_each_picture(
    dataset, model, tmp_path, monkeypatch, stop_at
):
    cudnn, seen, forward = torch.backends.cudnn, [], model.localization_maps

    def localization_maps(*args):
        seen.append(cudnn.benchmark)
        return forward(*args)

    monkeypatch.setattr(model, 'localization_maps', localization_maps)
    monkeypatch.setattr(cudnn, 'benchmark', True)  # as the configs have it
    run, _ = _run(dataset, model, tmp_path / 'seeds', stop_at=stop_at)
    if stop_at:
        with pytest.raises(KeyboardInterrupt):
            run.run()
    else:
        run.run()
    assert set(seen) == {False}
    assert cudnn.benchmark is True


def test_maps_that_are_not_finite_name_their_picture(dataset, tmp_path):
    model = network()
    for parameter in model.generator.parameters():
        parameter.data.fill_(np.nan)
    first = dataset.get_data_info(0)['image_id']
    with pytest.raises(ValueError, match=f'{first}: the network gives no usable maps'):
        _run(dataset, model, tmp_path / 'nan')[0].run()
    assert not _content(tmp_path / 'nan')


def test_sets_that_have_no_seeds(dataset, model, tmp_path):
    class Twice:
        changes = {}

        def __len__(self):
            return 2

        def get_data_info(self, index):
            return {**dataset.get_data_info(0), **self.changes}

    with pytest.raises(ValueError, match='comes 2 times'):
        _run(Twice(), model, tmp_path)
    Twice.changes, Twice.__len__ = dict(gt_label=[]), lambda self: 1
    with pytest.raises(ValueError, match='has no label.*a list without it'):
        _run(Twice(), model, tmp_path)


def test_a_folder_keeps_its_settings(tmp_path):
    path = tmp_path / 'seeds'
    SeedFolder(path).open(SETTINGS)
    SeedFolder(path).open(SETTINGS)
    some_seeds().save(path / 'a.npz')
    other = {**SETTINGS, 'flip': False, 'scales': (1.0,)}
    with pytest.raises(ValueError, match='scales: .* there, .* now; flip: true there, false now'):
        SeedFolder(path).open(other)
    assert (path / 'a.npz').exists()
    SeedFolder(path).open(other, overwrite=True)
    assert not (path / 'a.npz').exists()
    assert json.loads((path / 'seeds.json').read_text())['flip'] is False
    (path / 'seeds.json').write_text('{')
    with pytest.raises(ValueError, match='seeds.json cannot be read'):
        SeedFolder(path).open(other)
    (path / 'seeds.json').unlink()
    some_seeds().save(path / 'mine.npz')
    for overwrite in (False, True):
        with pytest.raises(ValueError, match='make_seeds.py did not write them'):
            SeedFolder(path).open(other, overwrite)
    assert (path / 'mine.npz').exists()


def test_a_folder_that_is_deleted_while_its_files_are_made(tmp_path):
    folder, maps = SeedFolder(tmp_path / 'seeds'), some_seeds()

    def make(deleted: bool) -> None:
        with folder.opened(SETTINGS):
            maps.save(folder.path('a'))
            if deleted:
                shutil.rmtree(folder.folder)
            maps.save(folder.path('b'))

    with pytest.raises(ValueError, match='seeds was deleted while its seeds were made'):
        make(True)
    shutil.rmtree(folder.folder)
    make(False)


def test_folders_of_all_steps_are_known_to_one_another():
    """Below another folder each is left alone, by its settings' file."""
    kinds = {SeedFolder, MaskFolder, IRNLabelFolder}
    assert {kind.SETTINGS for kind in kinds} == set(output_folder._ALL_SETTINGS)
    known, waiting = set(), [OutputFolder]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        known |= {kind} if hasattr(kind, 'SETTINGS') else set()
    assert known == kinds


def test_places_of_other_folders(tmp_path, monkeypatch):
    """Folders that lie together may be moved together."""
    (tmp_path / 'work').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'work')
    (tmp_path / 'work/linked').symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / 'work')
    for folder in (tmp_path / 'work/out', 'out', tmp_path / 'link/out', '../work/out'):
        out = SeedFolder(folder)
        assert out.place_of(tmp_path / 'work/cam') == out.place_of('cam') == 'cam'
        assert out.place_of(tmp_path / 'link/cam/') == out.place_of('./cam') == 'cam'
        assert out.place_of('linked') == 'linked'
        assert out.place_of('..') == out.place_of(tmp_path) == str(tmp_path)
        assert out.place_of(tmp_path / 'other') == str(tmp_path / 'other')


def test_what_killed_processes_left_is_deleted(tmp_path):
    import os
    import time

    old, young, other = (tmp_path / name for name in ('.bas_mm-x1', '.bas_mm-x2', '.keep'))
    for file in (old, young, other):
        file.write_bytes(b'PK')
    for file in (old, other):
        os.utime(file, (time.time() - 3600,) * 2)
    SeedFolder(tmp_path).open(SETTINGS)
    assert not old.exists()
    assert young.exists()
    assert other.exists()


def test_the_digest_is_that_of_the_weights(model):
    assert weights_digest(network()) == weights_digest(network())
    assert weights_digest(network(1)) != weights_digest(network())
    changed = network()
    changed.backbone.bn1.running_mean[0] += 1
    assert weights_digest(changed) != weights_digest(network())


def test_the_digest_of_a_config_says_nothing_of_places():
    """Neither of where a function lies in memory nor of where weights began."""

    def part(width: int, **more) -> dict:
        # A new function each time, all kept, so that no two lie at one place.
        functions.append(lambda: width)
        return dict(layers=({**more, 'width': width}, dict(act=functions[-1])))

    functions = []
    digest = config_digest(part(8), 'a')
    assert config_digest(part(8, init_cfg=dict(checkpoint='a.pth')), 'a') == digest
    assert config_digest(part(9), 'a') != digest
    # That of folders which were made by earlier versions.
    assert config_digest(dict(b=[1, None], a=(True, 0.5))).startswith('d1c59ba3')


def test_sets_in_a_config_are_the_same_in_each_process():
    """The order of a set of strings follows a number that each process draws."""
    names = ['train', 'val', 'test', 'trainaug', 'minival', 'extra', 'all']
    text = "{'all', 'val', 'test', 'extra', 'train', 'minival', 'trainaug'}"
    assert plain_values(set(names)) == text
    assert plain_values(frozenset(names)) == f'frozenset({text})'
    assert plain_values([{frozenset(names), 5}]) == [f'{{5, "frozenset({text})"}}']
    # These are their repr, as digests have had them.
    for value in (set(), frozenset(), {1, 2, 3}, frozenset((0.5,)), {None}):
        assert plain_values(value) == repr(value)
