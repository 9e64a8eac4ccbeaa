"""The mask commands: seeds to IRNet's labels, to pseudo masks, and their scores."""

import json
import shutil
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from held_folder import held
from PIL import Image
from tiny_irn import tiny_irn_cfg
from tiny_project import ROOT, TinyProject

sys.path.insert(0, str(ROOT / 'tests' / 'test_wsss'))
from mask_project import irnet, write_seeds
from seed_project import DATASET, scenes

SEEDS_CONFIG = """
default_scope = 'bas_mm'
seed_dataloader = dict(dataset=dict({dataset}))
irn_label_cfg = dict(foreground=0.4, crf=dict(iterations=3))
"""

IRN_CONFIG = """
default_scope = 'bas_mm'
model = dict({model})
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='IRNLabelDataset', label_dir='labels', pictures=dict({dataset})),
)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
train_cfg = dict(by_epoch=True, max_epochs=1)
mask_cfg = dict(background=0.3, steps=64)
"""


class MaskProject(TinyProject):
    """Seven scenes with seeds, two configs, and a checkpoint of a small IRNet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = scenes(folder / 'data')
        self.ids = write_seeds(self.dataset, folder / 'seeds')
        dataset = {**DATASET, 'data_root': (folder / 'data').as_posix()}
        (folder / 'seeds.py').write_text(SEEDS_CONFIG.format(dataset=f'**{dataset}'))
        del dataset['pipeline'], dataset['test_mode']
        (folder / 'irn.py').write_text(
            IRN_CONFIG.format(model=f'**{tiny_irn_cfg()}', dataset=f'**{dataset}')
        )
        for seed in (0, 1):
            torch.save(dict(state_dict=irnet(seed).state_dict()), folder / f'{seed}.pth')

    def content(self, name: str) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in (self.folder / name).glob('*.png')}


LABELS = 'wsss/make_irn_labels.py', 'seeds.py', 'seeds'
MASKS = 'wsss/make_masks.py', 'irn.py', '0.pth', 'seeds'


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    project = MaskProject(tmp_path_factory.mktemp('masks'))
    done = project.run_here(*MASKS, 'one')
    assert 'one: 7 made, 0 were there' in done.stdout
    return project


@pytest.fixture
def crf():
    pytest.importorskip('pydensecrf.densecrf', reason='the extra `crf` is not installed')


def _refused(project, *command, says: str) -> None:
    done = project.run_here(*command, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert 'error: ' in last
    assert says in last, last


def test_labels_and_their_settings(project, crf):
    done = project.run_here(*LABELS, 'labels', '--num-workers', 1)
    assert 'labels: 7 made, 0 were there' in done.stdout
    assert sorted(project.content('labels')) == sorted(f'{name}.png' for name in project.ids)
    settings = json.loads((project.folder / 'labels' / 'irn_labels.json').read_text())
    assert (settings['foreground'], settings['background']) == (0.4, 0.17)
    assert settings['crf']['iterations'] == 3
    assert settings['crf']['bilateral_sxy'] == 50
    assert settings['seeds.weights'] == 'abc'
    done = project.run_here(*LABELS, 'labels', '--num-workers', 0)
    assert 'labels: 0 made, 7 were there' in done.stdout

    other = '--cfg-options', 'irn_label_cfg.foreground=0.5'
    _refused(project, *LABELS, 'labels', *other, says='labels of other settings (foreground: 0.4')
    before = project.content('labels')
    project.run_here(*LABELS, 'labels', '--num-workers', 0, '--overwrite', *other)
    assert project.content('labels') != before
    bad = '--cfg-options', 'irn_label_cfg.foregound=0.5'
    _refused(project, *LABELS, 'never', *bad, says='irn_label_cfg.foregound is unknown')
    _refused(
        project, *LABELS[:2], 'nowhere', 'never', says='make_seeds.py CONFIG CHECKPOINT nowhere'
    )
    _refused(project, *LABELS, 'seeds', says='labels need another folder')
    _refused(project, 'wsss/make_irn_labels.py', 'irn.py', *LABELS[2:], 'x', says='seed_dataloader')
    assert not (project.folder / 'never').exists()


def test_without_the_crf_the_package_is_named(project, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pydensecrf', None)
    _refused(project, *LABELS, 'never', says='pip install pydensecrf2')
    assert not (project.folder / 'never').exists()


def test_masks_of_averaged_weights(project):
    (project.folder / 'ema.py').write_text(
        "_base_ = './irn.py'\ncustom_hooks = [dict(type='EMAHook')]\n"
    )
    project.run_here(MASKS[0], 'ema.py', *MASKS[2:], 'ema')
    assert project.content('ema') == project.content('one')


def test_seeds_of_classes_in_another_order_are_refused(project, monkeypatch):
    classes = list(project.dataset.metainfo['classes'])
    shutil.copytree(project.folder / 'seeds', project.folder / 'swapped')
    settings = dict(weights='abc', classes=[*classes[:2], *classes[:1:-1]])
    (project.folder / 'swapped' / 'seeds.json').write_text(json.dumps(settings))
    says = (
        '{} has the classes in another order than swapped/seeds.json: class 2, counted from 0, is '
        f'{classes[2]!r} in the first and {classes[3]!r} in the second'
    )
    # The library is not asked for anything before.
    monkeypatch.setattr('bas_mm.utils.dense_crf.crf_library', lambda: None)
    labels = *LABELS[:2], 'swapped', 'never'
    _refused(project, *labels, says=says.format('seed_dataloader.dataset'))
    masks = *MASKS[:3], 'swapped', 'never'
    _refused(project, *masks, says=says.format('train_dataloader.dataset.pictures'))
    assert not (project.folder / 'never').exists()


def test_folders_that_another_command_writes_into_are_left_alone(project, crf):
    for name, command in (('held_labels', LABELS), ('held_masks', MASKS)):
        with held(project.folder / name) as process:
            says = f'{name} is being written by another command, process {process.pid} on '
            _refused(project, *command, name, '--overwrite', says=says)
        assert project.content(name) == {}


def test_what_make_masks_keeps_and_refuses(project):
    settings = json.loads((project.folder / 'one' / 'masks.json').read_text())
    assert (settings['background'], settings['steps'], settings['radius']) == (0.3, 64, 5)
    done = project.run_here(*MASKS, 'one')
    assert 'one: 0 made, 7 were there' in done.stdout
    make = 'wsss/make_masks.py', 'irn.py'
    _refused(project, *make, '1.pth', 'seeds', 'one', says='masks of other settings (weights: ')
    other = '--cfg-options', 'mask_cfg.background=0.6'
    _refused(project, *MASKS, 'one', *other, says='(background: 0.3 there, 0.6 now)')
    project.run_here(*MASKS, 'over', *other)
    assert project.content('over') != project.content('one')
    project.run_here(*MASKS, 'over', '--overwrite')
    assert project.content('over') == project.content('one')

    shutil.copytree(project.folder / 'seeds', project.folder / 'changed')
    (project.folder / 'changed' / 'seeds.json').write_text('{"weights": "xyz"}')
    command = *MASKS[:3], 'changed', 'one'
    _refused(project, *command, says='seeds.weights: "abc" there, "xyz" now')
    name = project.ids[2]
    (project.folder / 'changed' / f'{name}.npz').unlink()
    _refused(project, *command[:-1], 'x', says=f'the first is changed/{name}.npz: make them with')
    bad = '--cfg-options', 'mask_cfg.radius=1'
    _refused(project, *MASKS, 'never', *bad, says='mask_cfg.radius=1')
    _refused(project, *MASKS[:3], 'nowhere', 'never', says='make_seeds.py CONFIG CHECKPOINT')
    _refused(project, *make, 'no.pth', 'seeds', 'never', says='no.pth does not exist')
    _refused(project, make[0], 'seeds.py', *MASKS[2:], 'never', says='is it IRNet')
    torch.save(dict(state_dict={}), project.folder / 'empty.pth')
    _refused(project, *make, 'empty.pth', 'seeds', 'never', says='does not fit the model')
    assert not (project.folder / 'never').exists()


def test_of_what_stops_the_making_the_inputs_and_the_disks_errors_are_one_line(
    project, monkeypatch
):
    shutil.copytree(project.folder / 'seeds', project.folder / 'cut')
    cut = project.folder / 'cut' / f'{project.ids[1]}.npz'
    cut.write_bytes(b'PK')
    _refused(project, *MASKS[:3], 'cut', 'stopped', says=f'irn.py: cut/{cut.name} is no seed file')
    command = *MASKS, 'stopped', '--overwrite'
    project.check_errors_of_making(
        monkeypatch,
        'bas_mm.wsss.mask_maker.MaskMaker.start',
        partial(_refused, project, *command, says='irn.py: made to fail'),
        partial(project.run_here, *command, check=False),
    )


def test_scores_by_either_config_and_by_folder(project):
    found = []
    truth = Path(project.dataset.get_data_info(0)['seg_map_path']).parent
    (project.folder / 'ids.txt').write_text('\n'.join(project.ids))
    pairs = (f'/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png' for name in project.ids)
    (project.folder / 'pairs.txt').write_text('\n'.join(pairs))
    for arguments in (
        ('seeds.py', 'one', '--num-workers', 1),
        ('irn.py', 'one'),
        ('one', '--masks', truth, '--classes', 4, '--ids', 'ids.txt'),
        ('seeds.py', 'one', '--ids', 'pairs.txt'),
    ):
        done = project.run_here('wsss/eval_masks.py', *arguments, '--out', 'scores.json')
        found.append(json.loads((project.folder / 'scores.json').read_text()))
        assert f'7 images: mIoU {found[-1]["miou"]:.2f}' in done.stdout
    assert found[0] == found[1] == found[3]
    assert list(found[0]['iou'].values()) == list(found[2]['iou'].values())

    shutil.copytree(project.folder / 'one', project.folder / 'bad')
    file = project.folder / 'bad' / f'{project.ids[3]}.png'
    evaluate = 'wsss/eval_masks.py', 'seeds.py', 'bad'
    Image.fromarray(np.full((40, 54), 77, np.uint8)).save(file)
    _refused(project, *evaluate, says=f'bad/{file.name}')
    file.unlink()
    _refused(project, *evaluate, says='make it with tools/wsss/make_masks.py')
    _refused(project, 'wsss/eval_masks.py', 'one', says='--masks and --classes are needed')
    whole = 'wsss/eval_masks.py', 'seeds.py', 'one', '--out', 'seeds.py/x.json'
    _refused(project, *whole, says='--out seeds.py/x.json: ')


def test_masks_of_classes_in_another_order_are_not_scored(project):
    classes = list(project.dataset.metainfo['classes'])
    truth = Path(project.dataset.get_data_info(0)['seg_map_path']).parent
    shutil.copytree(project.folder / 'one', project.folder / 'swapped_masks')
    noted = project.folder / 'swapped_masks' / 'masks.json'
    swapped = [*classes[:2], *classes[:1:-1]]
    noted.write_text(json.dumps({**json.loads(noted.read_text()), 'classes': swapped}))
    says = (
        'the set of true masks has the classes in another order than swapped_masks/masks.json: '
        f'class 2, counted from 0, is {classes[2]!r} in the first and {classes[3]!r} in the second'
    )
    (project.folder / 'ids.txt').write_text('\n'.join(project.ids))
    evaluate, of_folder = 'wsss/eval_masks.py', ('swapped_masks', '--masks', truth, '--classes')
    for arguments in (('seeds.py', 'swapped_masks'), (*of_folder, *classes)):
        _refused(project, evaluate, *arguments, '--out', 'never.json', says=says)
    assert not (project.folder / 'never.json').exists()
    # Who gives the number of the classes says nothing of their order.
    for names in (swapped, [4]):
        project.run_here(evaluate, *of_folder, *names, '--ids', 'ids.txt')


@pytest.mark.slow
def test_two_processes_go_on_where_one_was_killed(project):
    out = project.folder / 'killed'
    project.run_until(lambda: len(list(out.glob('*.png'))) >= 1, *MASKS, 'killed')
    there = len(project.content('killed'))
    done = project.run_forked('wsss/dist_make_masks.sh', *MASKS[1:], 'killed', '2')
    assert f'killed: {7 - there} made, {there} were there' in done.stdout
    assert project.content('killed') == project.content('one')


@pytest.mark.slow
def test_labels_of_a_killed_command(project, crf):
    out = project.folder / 'killed_labels'
    command = *LABELS, 'killed_labels', '--num-workers'
    project.run_until(lambda: len(list(out.glob('*.png'))) >= 1, *command, 2)
    there = len(project.content('killed_labels'))
    done = project.run_here(*command, 0)
    assert f'killed_labels: {7 - there} made, {there} were there' in done.stdout
    project.run_here(*LABELS, 'whole', '--num-workers', 0)
    assert project.content('killed_labels') == project.content('whole')
