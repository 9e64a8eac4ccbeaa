"""The seed commands: a network's checkpoint to seeds, fused seeds and scores."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from held_folder import held
from tiny_project import ROOT, TinyProject

sys.path.insert(0, str(ROOT / 'tests' / 'test_wsss'))
from seed_project import DATASET, MODEL, SCALES, network, scenes

from bas_mm.wsss.functional.seeds import fuse_maps
from bas_mm.wsss.seed_file import SeedFile

CONFIG = """
default_scope = 'bas_mm'
model = dict({model})
seed_dataloader = dict(num_workers={workers}, dataset=dict({dataset}))
seed_cfg = dict(scales={scales}, flip=True)
seed_evaluator = dict(thresholds=[0.3, 0.5, 0.7])
"""


class SeedProject(TinyProject):
    """Seven scenes, a config, and two checkpoints of a small network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = scenes(folder / 'data')
        self.ids = [self.dataset.get_data_info(i)['image_id'] for i in range(len(self.dataset))]
        dataset = {**DATASET, 'data_root': (folder / 'data').as_posix()}
        self.config = folder / 'seeds.py'
        self.config.write_text(
            CONFIG.format(model=f'**{MODEL}', workers=0, dataset=f'**{dataset}', scales=SCALES)
        )
        for seed in (0, 1):
            torch.save(dict(state_dict=network(seed).state_dict()), folder / f'{seed}.pth')

    def wsss(self, tool: str, *arguments, check: bool = True) -> subprocess.CompletedProcess:
        """Run a command in this process."""
        folder = 'wsss' if (ROOT / 'tools' / 'wsss' / tool).exists() else 'analysis_tools'
        return self.run_here(f'{folder}/{tool}', *arguments, check=check)

    def with_a_broken_picture(self, index: int) -> tuple[str, Path]:
        """The setting of a copy of the data, and the file of the picture that is cut there."""
        data = shutil.copytree(self.folder / 'data', self.folder / f'broken_{index}')
        picture = Path(self.dataset.get_data_info(index)['img_path'])
        broken = data / picture.relative_to(self.folder / 'data')
        broken.write_bytes(broken.read_bytes()[:50])
        return f'seed_dataloader.dataset.data_root={data}', broken

    def content(self, name: str) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in (self.folder / name).glob('*.npz')}


@pytest.fixture(autouse=True)
def one_thread():
    """As in the commands' own processes, which OMP_NUM_THREADS keeps to one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    project = SeedProject(tmp_path_factory.mktemp('seeds'))
    done = project.run_here('wsss/make_seeds.py', 'seeds.py', '0.pth', 'one')
    assert 'one: 7 made, 0 were there' in done.stdout
    return project


def _refused(project, *command, says: str) -> None:
    done = project.wsss(*command, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert 'error: ' in last
    assert says in last, last


@pytest.mark.slow
def test_two_processes_make_the_seeds_of_one(project):
    done = project.run_forked('wsss/dist_make_seeds.sh', 'seeds.py', '0.pth', 'two', '2')
    assert 'two: 7 made, 0 were there' in done.stdout
    assert sorted(project.content('one')) == sorted(f'{image_id}.npz' for image_id in project.ids)
    assert project.content('two') == project.content('one')
    # And go on where one process stopped.
    for image_id in project.ids[1:4]:
        (project.folder / 'two' / f'{image_id}.npz').unlink()
    done = project.run_ranks('wsss/make_seeds.py', 'seeds.py', '0.pth', 'two')
    assert 'two: 3 made, 4 were there' in done.stdout
    assert project.content('two') == project.content('one')

    # What stops the second process is said, although only the first one says other things.
    option, broken = project.with_a_broken_picture(1)
    command = 'wsss/make_seeds.py', 'seeds.py', '0.pth', 'third', '--cfg-options', option
    done = project.run_ranks(*command, check=False)
    assert done.returncode != 0
    broken = f'unreadable picture {broken}'
    assert f'make_seeds.py: error: seeds.py in process 1: {broken}' in done.stderr


def test_a_folder_that_another_command_writes_into_is_left_alone(project):
    """Each of the two would write some of the files."""
    shutil.copytree(project.folder / 'one', project.folder / 'held')
    before = project.content('held')
    with held(project.folder / 'held') as process:
        says = f'held is being written by another command, process {process.pid} on '
        for command in (
            ('make_seeds.py', 'seeds.py', '1.pth', 'held', '--overwrite'),
            ('make_seeds.py', 'seeds.py', '0.pth', 'held'),
            ('fuse_seeds.py', 'one', 'one', 'held', '--num-workers', '0', '--overwrite'),
        ):
            _refused(project, *command, says=says)
    assert project.content('held') == before
    project.wsss('make_seeds.py', 'seeds.py', '0.pth', 'held')
    assert not (project.folder / '.held.bas_mm.lock').exists()


def test_of_what_stops_the_making_the_inputs_and_the_disks_errors_are_one_line(
    project, monkeypatch
):
    command = 'make_seeds.py', 'seeds.py', '0.pth', 'stopped'
    project.check_errors_of_making(
        monkeypatch,
        'bas_mm.wsss.seed_maker.SeedMaker.start',
        partial(_refused, project, *command, says='seeds.py: made to fail'),
        partial(project.wsss, *command, check=False),
    )


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_was(project):
    out = project.folder / 'killed'
    project.run_until(
        lambda: len(list(out.glob('*.npz'))) >= 2,
        'wsss/make_seeds.py',
        *('seeds.py', '0.pth', 'killed'),
    )
    there = len(project.content('killed'))
    before = project.content('one')
    assert all(before[name] == data for name, data in project.content('killed').items())
    done = project.wsss('make_seeds.py', 'seeds.py', '0.pth', 'killed')
    assert f'killed: {7 - there} made, {there} were there' in done.stdout
    assert project.content('killed') == before


def test_fusing(project):
    project.wsss('make_seeds.py', 'seeds.py', '1.pth', 'other')
    done = project.wsss('fuse_seeds.py', 'one', 'other', 'fused')
    assert 'fused: 7 made, 0 were there' in done.stdout
    for image_id in project.ids:
        fused, one, other = (
            SeedFile.load(project.folder / name / f'{image_id}.npz')
            for name in ('fused', 'one', 'other')
        )
        np.testing.assert_array_equal(fused.high_res, fuse_maps(one.high_res, other.high_res))
    # Stopped, it goes on where it was.
    whole = project.content('fused')
    (project.folder / 'fused' / f'{project.ids[0]}.npz').unlink()
    for said in ('fused: 1 made, 6 were there', 'fused: 0 made, 7 were there'):
        assert said in project.wsss('fuse_seeds.py', 'one', 'other', 'fused').stdout
        assert project.content('fused') == whole
    # Seeds alone and fused ones are not mixed.
    make = 'make_seeds.py', 'seeds.py', '0.pth', 'fused'
    _refused(project, *make, says='seeds of other settings (seeds: "one" there, null now; fuse: ')
    _refused(project, 'fuse_seeds.py', 'other', 'fused', 'one', says='seeds of other settings')
    # All in a folder of another name.
    for name in ('one', 'other', 'fused'):
        shutil.copytree(project.folder / name, project.folder / 'moved' / name)
    places = [f'moved/{name}' for name in ('one', 'other', 'fused')]
    assert '0 made, 7 were there' in project.wsss('fuse_seeds.py', *places).stdout
    # The maps are made again, by another checkpoint: what was fused with the old ones is old.
    project.wsss('make_seeds.py', 'seeds.py', '0.pth', 'other', '--overwrite')
    command = ('fuse_seeds.py', 'one', 'other', 'fused')
    _refused(project, *command, says='seeds of other settings (fuse.weights: ')
    _refused(project, 'fuse_seeds.py', 'one', 'other', 'one', says='another folder')
    _refused(project, 'fuse_seeds.py', 'data', 'other', 'x', says='has no seeds.json')
    name = project.ids[2]
    (project.folder / 'other' / f'{name}.npz').write_bytes(b'PK')
    command = ('fuse_seeds.py', 'one', 'other', 'x')
    _refused(project, *command, says=f'{name}.npz is no seed file')
    (project.folder / 'other' / f'{name}.npz').unlink()
    _refused(project, *command, says=f'there are no maps of {name}')
    (project.folder / 'x' / 'seeds.json').write_text('{')
    _refused(project, 'fuse_seeds.py', 'x', 'one', 'y', says='x/seeds.json cannot be read: ')
    large = shutil.copytree(project.folder / 'one', project.folder / 'large') / f'{name}.npz'
    seeds = SeedFile.load(large)
    SeedFile(seeds.classes, 1000 * seeds.strided, seeds.high_res).save(large)
    for folders in (('large', 'one', 'z'), ('one', 'large', 'w')):
        command = ('fuse_seeds.py', *folders)
        _refused(project, *command, says=f'large/{name}.npz: strided reaches 1000, but maps')


@pytest.mark.parametrize('form', ['npz', 'npy'])
def test_maps_that_changed_are_fused_again(project, form):
    maps = project.folder / f'maps_{form}'
    maps.mkdir()

    def write(image_id: str, seed: int) -> None:
        arrays = np.random.default_rng(seed).random((4, 5, 6))
        if form == 'npz':
            np.savez(maps / image_id, **{str(k): array for k, array in enumerate(arrays)})
            return
        (maps / image_id).mkdir(exist_ok=True)
        for k, array in enumerate(arrays):
            np.save(maps / image_id / f'{k}.npy', array)

    for image_id in project.ids:
        write(image_id, 0)
    shutil.copytree(project.folder / 'one', project.folder / f'one_{form}')
    fuse = 'fuse_seeds.py', f'one_{form}', maps.name, f'fused_{form}'
    assert '7 made, 0 were there' in project.wsss(*fuse).stdout
    assert '0 made, 7 were there' in project.wsss(*fuse).stdout
    old = project.content(f'fused_{form}')
    write(project.ids[1], 1)
    assert '1 made, 6 were there' in project.wsss(*fuse).stdout
    new = project.content(f'fused_{form}')
    assert [name for name in old if new[name] != old[name]] == [f'{project.ids[1]}.npz']
    # Seeds that are written again, too.
    os.utime(project.folder / f'one_{form}' / f'{project.ids[3]}.npz')
    assert '1 made, 6 were there' in project.wsss(*fuse).stdout
    # Maps that are gone are not needed for what is there.
    shutil.rmtree(maps)
    maps.mkdir()
    assert '0 made, 7 were there' in project.wsss(*fuse).stdout


def test_what_make_seeds_refuses(project):
    make = 'make_seeds.py', 'seeds.py'
    _refused(project, *make, '1.pth', 'one', says='one has seeds of other settings (weights: ')
    scales = '--cfg-options', 'seed_cfg.scales=[1.0]'
    _refused(
        project, *make, '0.pth', 'one', *scales, says='(scales: [1.0, 0.5, 1.5] there, [1.0] now)'
    )
    done = project.wsss(*make, '0.pth', 'over', *scales)
    done = project.wsss(*make, '0.pth', 'over', '--overwrite')
    assert 'over: 7 made' in done.stdout
    assert project.content('over') == project.content('one')
    bad = '--cfg-options', 'seed_cfg.scales=[1.0,-1]'
    _refused(project, *make, '0.pth', 'never', *bad, says='different positive factors')
    bad = '--cfg-options', 'seed_cfg.scale=[1.0]'
    _refused(project, *make, '0.pth', 'never', *bad, says='seed_cfg.scale is unknown')
    bad = '--cfg-options', 'seed_cfg.flip=no'
    _refused(project, *make, '0.pth', 'never', *bad, says="seed_cfg.flip='no': True or False")
    bad = '--cfg-options', 'seed_dataloader.dataset.num_classes=2'
    _refused(
        project,
        *make,
        '0.pth',
        'never',
        *bad,
        says='but seed_dataloader.dataset has 2 classes. Set',
    )
    (project.folder / 'empty.py').write_text("default_scope = 'bas_mm'\n")
    _refused(project, 'make_seeds.py', 'empty.py', '0.pth', 'never', says='no seed_dataloader')
    _refused(project, 'make_seeds.py', 'seeds.py', 'no.pth', 'never', says='no.pth does not exist')
    assert not (project.folder / 'never').exists()


def test_classes_in_another_order_are_refused(project):
    classes = list(project.dataset.metainfo['classes'])
    folder = project.folder
    noted = dict(meta=dict(dataset_meta=dict(classes=[*classes[1::-1], *classes[2:]])))
    weights = torch.load(folder / '0.pth', weights_only=False)
    torch.save({**weights, **noted}, folder / 'swapped.pth')
    other = f'order than {{}}: class 0, counted from 0, is {classes[0]!r} in the first and'
    makes = 'make_seeds.py', 'seeds.py', 'swapped.pth', 'never'
    says = f'seed_dataloader.dataset has the classes in another {other}'
    _refused(project, *makes, says=says.format('the training set of the checkpoint'))
    assert not (folder / 'never').exists()

    shutil.copytree(folder / 'one', folder / 'swapped')
    settings = json.loads((folder / 'swapped' / 'seeds.json').read_text())
    settings['classes'] = noted['meta']['dataset_meta']['classes']
    (folder / 'swapped' / 'seeds.json').write_text(json.dumps(settings))
    says = other.format('swapped/seeds.json')
    _refused(project, 'fuse_seeds.py', 'one', 'swapped', 'never', says=says)
    _refused(project, 'eval_seeds.py', 'seeds.py', 'swapped', says=says)


@pytest.mark.parametrize(
    ('command', 'says'),
    [
        ('fuse_seeds.py one', 'the following arguments are required: maps, out'),
        ('fuse_seeds.py one one x --num-workers a', "--num-workers: invalid int value: 'a'"),
        ('fuse_seeds.py one one x --num-workers -1', '--num-workers must be 0 or more, got -1'),
        ('eval_seeds.py seeds.py one --thresholds a', "--thresholds: invalid float value: 'a'"),
    ],
)
def test_arguments_that_do_not_fit_are_one_line(project, command, says):
    done = project.wsss(*command.split(), check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'{command.split()[0]}: error: ')
    assert says in line


def test_averaged_weights_and_pictures_that_cannot_be_read(project):
    """Neither a training's hooks nor its data set's settings are those of making seeds."""
    (project.folder / 'ema.py').write_text(
        "_base_ = './seeds.py'\ncustom_hooks = [dict(type='EMAHook')]\n"
    )
    project.wsss('make_seeds.py', 'ema.py', '0.pth', 'ema')
    assert project.content('ema') == project.content('one')
    option, broken = project.with_a_broken_picture(2)
    own = 'seed_dataloader.dataset.'
    options = [option, f'{own}skip_unreadable=True', f'{own}test_mode=False']
    made = 'make_seeds.py', 'seeds.py', '0.pth', 'broken', '--cfg-options'
    _refused(project, *made, *options, says=broken.name)
    assert f'{project.ids[2]}.npz' not in project.content('broken')


def test_results_of_other_folders_below_are_not_touched(project):
    for name in ('nest', 'nest/inner'):
        shutil.copytree(project.folder / 'one', project.folder / name)
    project.wsss('make_seeds.py', 'seeds.py', '0.pth', 'nest', '--overwrite')
    assert project.content('nest/inner') == project.content('nest') == project.content('one')
    fuse = 'fuse_seeds.py', 'nest', 'one', 'nest/fused'
    for said in ('7 made, 0 were there', '0 made, 7 were there'):
        assert f'nest/fused: {said}' in project.wsss(*fuse).stdout


def test_a_folder_of_masks_that_is_not_there_is_named(project):
    evaluate = 'eval_seeds.py', 'seeds.py', 'one', '--cfg-options'
    for value, said in (('nowhere', '/nowhere ('), ('None', 'no folder of masks is given')):
        option = f'seed_dataloader.dataset.data_prefix.seg_map_path={value}'
        done = project.wsss(*evaluate, option, check=False)
        assert done.returncode == 2
        line = done.stderr.splitlines()[-1]
        assert 'error: no picture of the data set has a mask: ' in line
        assert said in line
        # Nor is None of use: what is asked for is a comparison with them.
        assert line.endswith('(data_prefix.seg_map_path). Set it to where they are')


def test_scores_by_config_by_folder_and_by_list(project):
    config = ('eval_seeds.py', 'seeds.py', 'one', '--out', 'a.json')
    done = project.wsss(*config)
    by_config = json.loads((project.folder / 'a.json').read_text())
    assert by_config['thresholds'] == [0.3, 0.5, 0.7]
    assert by_config['images'] == 7
    best = by_config['best']
    assert f'7 images: mIoU {best["miou"]:.2f} at {best["threshold"]:.2f}' in done.stdout

    masks = Path(project.dataset.get_data_info(0)['seg_map_path']).parent
    listed = project.folder / 'ids.txt'
    listed.write_text('\n'.join(f'{image_id} 1' for image_id in project.ids) + '\n')
    folder = ('eval_seeds.py', 'one', '--masks', masks, '--classes', 4, '--ids', 'ids.txt')
    project.wsss(*folder, '--out', 'b.json', '--num-workers', 2, '--thresholds', 0.3, 0.5, 0.7)
    by_folder = json.loads((project.folder / 'b.json').read_text())
    assert list(by_folder['iou']) == ['background', *(f'class {k}' for k in range(1, 5))]
    assert list(by_folder['iou'].values()) == list(by_config['iou'].values())
    assert by_folder['miou'] == by_config['miou']

    # A list takes the place of all pictures; what it names must be there.
    listed.write_text(f'{project.ids[0]}\n', encoding='utf-8-sig')
    done = project.wsss(*config, '--ids', 'ids.txt')
    assert '1 images' in done.stdout
    listed.write_text('stranger\n')
    _refused(project, *config, '--ids', 'ids.txt', says='no mask of stranger')
    _refused(project, *folder, says='there is no seed file one/stranger.npz')
    listed.write_text('a\nb\na\n')
    twice = '--ids ids.txt, line 3: a was listed before, in line 1'
    _refused(project, *config, '--ids', 'ids.txt', says=twice)
    _refused(project, 'eval_seeds.py', 'one', says='--masks and --classes are needed')


def test_missing_and_damaged_seeds_are_named(project):

    shutil.copytree(project.folder / 'one', project.folder / 'bad')
    name = project.ids[3]
    file = project.folder / 'bad' / f'{name}.npz'
    file.write_bytes(file.read_bytes()[:200])
    evaluate = 'eval_seeds.py', 'seeds.py', 'bad'
    _refused(project, *evaluate, says=f'bad/{name}.npz is no seed file')
    file.unlink()
    _refused(project, *evaluate, '--num-workers', 1, says=f'there is no seed file bad/{name}.npz')
    # It may be whole: it is not made again, and nobody is told to delete it.
    file.symlink_to(file.name)
    for command in (evaluate, ('make_seeds.py', 'seeds.py', '0.pth', 'bad')):
        _refused(project, *command, says=f'bad/{name}.npz cannot be read: Too many levels')
    _refused(project, 'fuse_seeds.py', 'bad', 'one', 'v', says=f'bad/{name}.npz cannot be read: ')
    assert file.is_symlink()


def test_the_benchmark_measures_what_it_names(project):
    size = '--size', 40, 56, '--rounds', 1, '--pictures', 2, '--workers', 0
    done = project.wsss('benchmark_seeds.py', *size, '--out', 'bench.json')
    figures = json.loads((project.folder / 'bench.json').read_text())
    parts = figures['evaluation_ms']
    assert parts['picture']['median'] > 0
    assert 0.3 < parts['write_runs']['share_of_bytes'] < 1
    # float32 maps of full size and at a quarter of it, three of each, and the file's own bytes.
    raw = 3 * 4 * (40 * 56 + 10 * 14)
    assert 0.3 < parts['seed_file']['bytes'] / raw < 1.1
    assert f', {parts["seed_file"]["bytes"] / 3e6:.3f} MB per class\n' in done.stdout
    making = figures['making_seconds']
    ratio = making['seeds']['median'] / making['passes']['median']
    assert making['ratio']['median'] == pytest.approx(ratio)
    for name in ('picture', 'write_runs', 'seeds', 'passes', 'ratio'):
        assert f'\n  {name} ' in done.stdout


def test_the_benchmark_measures_labels(project):
    pytest.importorskip('pydensecrf', reason='pydensecrf2, the extra `crf`, is not installed')
    labels = '--only', 'labels', '--size', 40, 56
    done = project.wsss('benchmark_seeds.py', *labels, '--rounds', 1, '--out', 'labels.json')
    figures = json.loads((project.folder / 'labels.json').read_text())
    assert figures['labels_seconds']['labels']['core'] > 0
    assert '\n  labels ' in done.stdout
    assert not {'evaluation_ms', 'making_seconds'} & figures.keys()
    done = project.wsss('benchmark_seeds.py', *labels, '--photo', 'none.jpg', check=False)
    assert '--photo none.jpg: there is no such file' in done.stderr
