"""tools/train.py, tools/test.py and dist_*.sh as a user runs them."""

import csv
import errno
import json
import os
import pickle
import re
import subprocess
import sys
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import torch
from held_folder import held
from mmengine.config import Config
from tiny_project import ROOT, TinyProject, run_in_process
from torch.nn.modules.module import register_module_forward_hook
from torchvision.transforms.functional import ten_crop

from bas_mm.evaluation import LocalizationMetric
from bas_mm.registry import DATASETS, MODELS

FIGURES = {'top1_loc', 'top5_loc', 'gt_known', 'top1_cls', 'top5_cls', 'iou_30', 'iou_50'}
FIGURES |= {'iou_70', 'mean_iou_acc', 'threshold'}


def load(path):
    return torch.load(path, map_location='cpu', weights_only=False)


def assert_same_state(first, second):
    """Weights, buffers and momentum, bit for bit."""
    assert first['state_dict'].keys() == second['state_dict'].keys()
    for key, value in first['state_dict'].items():
        assert torch.equal(value, second['state_dict'][key]), key
    states = [checkpoint['optimizer']['state'] for checkpoint in (first, second)]
    assert states[0].keys() == states[1].keys()
    for key, state in states[0].items():
        assert torch.equal(state['momentum_buffer'], states[1][key]['momentum_buffer']), key


def test_a_detector_without_training_boxes(tmp_path):
    config = ROOT / 'configs/det/fcos_small_embedded.py'
    done = run_in_process(ROOT / 'tools/train.py', [config], tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        'train.py: error: the training boxes work_dirs/det_embedded/boxes.json (ann_file of '
        'train_dataloader.dataset) do not exist; tools/det/make_boxes.py makes them from a '
        'checkpoint\n'
    )


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        (['train.py'], r'config'),
        (['train.py', 'nothing.py'], r'the config nothing\.py does not exist'),
        (['train.py', '.'], r'the config \. is a folder'),
        (['train.py', 'c.py', '--resume', 'no.pth'], r'the checkpoint no\.pth does not exist'),
        (['train.py', 'c.py', '--launcher', 'what'], r'invalid choice'),
        (['test.py', 'c.py'], r'checkpoint'),
        (['test.py', 'c.py', 'no.pth'], r'the checkpoint no\.pth does not exist'),
        (['test.py', 'c.py', 'c.py', '--out', 'a.txt'], r'--out a\.txt'),
        (['test.py', 'c.py', 'c.py', '--interval', '0'], r'--interval'),
    ],
)
def test_wrong_commands_end_in_one_line(command, message, tmp_path):
    (tmp_path / 'c.py').write_text('')
    done = subprocess.run(
        # Importing torch or mmengine here would take seconds, before the user hears of a typo.
        [
            sys.executable,
            '-c',
            'import runpy, sys\n'
            'for name in ("torch", "mmengine", "mmcv"): sys.modules[name] = None\n'
            'sys.argv = sys.argv[1:]\n'
            'runpy.run_path(sys.argv[0], run_name="__main__")',
            str(ROOT / 'tools' / command[0]),
            *command[1:],
        ],
        cwd=tmp_path,
        env=TinyProject.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f'{command[0]}: error: ')
    assert re.search(message, done.stderr)
    assert not done.stdout


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_help(tool, tmp_path):
    done = subprocess.run(
        TinyProject.command(tool, '--help'),
        cwd=tmp_path,
        env=TinyProject.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    for option in ('--work-dir', '--cfg-options', '--amp', '--launcher'):
        assert option in done.stdout


@pytest.mark.parametrize(
    'script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh']
)
def test_scripts_say_what_they_need(script, tmp_path):
    done = subprocess.run(
        TinyProject.command(script, 'config.py'), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith('usage:')


@pytest.mark.parametrize(
    ('script', 'third', 'expected'),
    [
        ('slurm_train.sh', 'work', ['train.py', 'c.py', '--work-dir', 'work']),
        ('slurm_test.sh', 'a b.pth', ['test.py', 'c.py', 'a b.pth']),
    ],
)
def test_slurm_command(script, third, expected, tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nfor arg in "$@"; do echo "$arg"; done\necho "path $PYTHONPATH"\n')
    srun.chmod(0o755)
    env = TinyProject.environment(GPUS='12', SRUN_ARGS='--exclusive -x n1')
    env['PATH'] = f'{tmp_path}:{env["PATH"]}'
    done = subprocess.run(
        TinyProject.command(script, 'part', 'job', 'c.py', third, '--amp'),
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    arguments = done.stdout.splitlines()
    assert arguments[:2] == ['-p', 'part']
    for argument in ('--ntasks=12', '--ntasks-per-node=8', '--gres=gpu:8', '--exclusive', 'n1'):
        assert argument in arguments
    start = arguments.index(str(ROOT / 'tools' / expected[0]))
    assert arguments[start + 1 : start + len(expected)] == expected[1:]
    assert arguments[-4:] == ['--launcher', 'slurm', '--amp', f'path {ROOT}']


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(scope='module')
def trained(project):
    """The project after four epochs without interruption."""
    project.run_here('train.py', 'tiny.py', '--work-dir', 'whole')
    return project


@pytest.fixture(scope='module')
def tested(trained):
    """Figures and per-picture results of one process."""
    trained.run_here(
        *('test.py', 'tiny.py', 'whole/epoch_4.pth', '--work-dir', 't1', '--out', 'out/one.json'),
        *('--show-dir', 'show1', '--interval', '3'),
        *('--cfg-options', 'test_evaluator.result_file=one.csv'),
    )
    return json.loads((trained.folder / 'out/one.json').read_text())


@pytest.mark.slow
def test_figures_file(tested, trained):
    names = {name.removeprefix('localization/') for name in tested}
    per_threshold = {
        f'{name}@{theta}'
        for name in ('top1_loc', 'top5_loc', 'gt_known')
        for theta in (0.3, 0.5, 0.7)
    }
    assert names == FIGURES | per_threshold
    rows = list(csv.DictReader((trained.folder / 'one.csv').open()))
    assert len(rows) == 11
    theta = tested['localization/threshold']
    hits = [float(row[f'iou@{theta}']) >= 0.5 for row in rows]
    assert tested['localization/gt_known'] == pytest.approx(sum(hits) / 11 * 100, abs=1e-9)


@pytest.mark.slow
def test_pictures_of_every_third_sample(tested, trained):
    show = trained.folder / 'show1'
    files = sorted(p.relative_to(show).as_posix() for p in show.rglob('*') if p.is_file())
    ids = ['val/0000.png', 'val/0003.png', 'val/0006.png', 'val/0009.png']
    assert files == [f'{image_id}.png' for image_id in ids]
    drawing = cv2.imread(str(show / files[0]))
    assert drawing.shape[0] > 224
    assert drawing.shape[1] == 3 * 224 + 2 * 6


@pytest.mark.slow
def test_two_processes_test_like_one(tested, trained):
    done = trained.run(
        *('dist_test.sh', 'tiny.py', 'whole/epoch_4.pth', '2', '--out', 'two.json'),
        *('--show-dir', 'show2', '--interval', '3', '--work-dir', 't2'),
        *('--cfg-options', 'test_evaluator.result_file=two.csv'),
    )
    assert done.stdout.count('backend gloo in place of nccl') == 1
    assert json.loads((trained.folder / 'two.json').read_text()) == tested
    assert (trained.folder / 'one.csv').read_text() == (trained.folder / 'two.csv').read_text()
    shows = [trained.folder / 'show1', trained.folder / 'show2']
    files = [sorted(p.relative_to(d) for p in d.rglob('*.png')) for d in shows]
    assert len(files[0]) == 4
    assert files[0] == files[1]
    for name in files[0]:
        one, two = (cv2.imread(str(show / name)).astype(int) for show in shows)
        # The network's last bits depend on how pictures are put into batches: so may a colour.
        assert abs(one - two).max() <= 3


@pytest.mark.slow
def test_two_processes_train(project):
    options = ['train_cfg.max_epochs=2', 'default_hooks.logger.interval=1', 'sync_bn=torch']
    options = ['--cfg-options', *options]
    done = project.run('dist_train.sh', 'tiny.py', '2', *options, '--work-dir', 'dist')
    # Of a user's config; ours need no accelerator to share the statistics of batch norms.
    assert done.stdout.count('no accelerator: sync_bn is dropped') == 1
    checkpoint = load(project.folder / 'dist' / 'epoch_2.pth')
    # 16 pictures, 4 for each of two processes in a step: two steps an epoch.
    assert checkpoint['meta']['iter'] == 4
    assert not any(key.startswith('module.') for key in checkpoint['state_dict'])
    log = next((project.folder / 'dist').glob('*/*.log')).read_text()
    assert 'localization/gt_known' in log
    weights = checkpoint['state_dict']
    assert all(torch.isfinite(v).all() for v in weights.values())
    options.append('model.sync_batch_norm=False')
    project.run_ranks('train.py', 'tiny.py', *options, '--work-dir', 'apart')
    apart = load(project.folder / 'apart' / 'epoch_2.pth')['state_dict']
    key = next(key for key in weights if key.endswith('running_mean'))
    assert not torch.allclose(apart[key], weights[key])


def check_resume_after_a_kill(project, whole, noted=True):
    last = project.folder / 'broken' / 'last_checkpoint'
    project.run_until(
        lambda: last.exists() and last.read_text().endswith('epoch_2.pth'),
        *('train.py', 'tiny.py', '--work-dir', 'broken'),
    )
    assert not (project.folder / 'broken' / 'epoch_4.pth').exists()
    if not noted:  # killed while mmengine opened the file anew
        last.write_text('')
    done = project.run_here('train.py', 'tiny.py', '--work-dir', 'broken', '--resume')
    assert 'epoch_2.pth' in done.stdout + done.stderr
    assert 'has checkpoints of an earlier run' not in done.stdout + done.stderr
    assert 'Falling back to weights_only=False' not in done.stdout + done.stderr
    assert_same_state(load(whole), load(project.folder / 'broken' / 'epoch_4.pth'))


@pytest.mark.slow
def test_resume_after_a_kill_equals_an_uninterrupted_run(trained):
    check_resume_after_a_kill(trained, trained.folder / 'whole' / 'epoch_4.pth')


@pytest.mark.slow
def test_resume_with_persistent_workers(tmp_path):
    project = TinyProject(tmp_path, workers=2, persistent=True)
    project.run_here('train.py', 'tiny.py', '--work-dir', 'whole')
    check_resume_after_a_kill(project, tmp_path / 'whole' / 'epoch_4.pth', noted=False)


@pytest.mark.slow
def test_resume_from_a_named_checkpoint(trained):
    trained.run_here('train.py', 'tiny.py', '--work-dir', 'named', '--resume', 'whole/epoch_2.pth')
    folder = trained.folder
    assert not (folder / 'named' / 'epoch_2.pth').exists()
    assert_same_state(load(folder / 'whole/epoch_4.pth'), load(folder / 'named/epoch_4.pth'))


@pytest.mark.slow
def test_amp_without_validation_and_scaled_rate(project):
    tensorboard = find_spec('tensorboard') is not None
    # mmengine would, at the end, publish best checkpoints that no validation has chosen.
    best = 'save_best=[localization/gt_known,localization/top1_loc]', 'published_keys=[state_dict]'
    options = ['train_cfg.max_epochs=1', *(f'default_hooks.checkpoint.{text}' for text in best)]
    if tensorboard:  # in the place of the one of configs/_base_/default_runtime.py
        options.append('visualizer.vis_backends.0.type=TensorboardVisBackend')
    done = project.run_here(
        *('train.py', 'tiny.py', '--amp', '--no-validate', '--auto-scale-lr'),
        *('--work-dir', 'amp', '--cfg-options', *options),
    )
    events = list((project.folder / 'amp').glob('*/vis_data/events.out.tfevents.*'))
    assert len(events) == tensorboard
    assert all(b'loss_area' in file.read_bytes() for file in events)
    assert 'bfloat16 on the CPU' in done.stdout
    log = next((project.folder / 'amp').glob('*/*.log')).read_text()
    assert 'Epoch(val)' not in log
    checkpoint = load(project.folder / 'amp' / 'epoch_1.pth')
    assert {g['lr'] / g['initial_lr'] for g in checkpoint['optimizer']['param_groups']} == {1}
    # Base batch 8, batch 4: half of the rate.
    rates = {group['lr'] for group in checkpoint['optimizer']['param_groups']}
    assert min(rates) == pytest.approx(0.005)
    weights = checkpoint['state_dict'].values()
    assert all(w.dtype in (torch.float32, torch.int64) for w in weights)
    assert all(torch.isfinite(w).all() for w in weights)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['figures.json', 'all.pkl'])
def test_results_that_the_disk_has_no_room_for(trained, monkeypatch, name):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('bas_mm.utils.result_files.os.chmod', fail)
    test = 'test.py', 'tiny.py', 'whole/epoch_4.pth', '--work-dir', 'full', '--out', f'full/{name}'
    done = trained.run_here(*test, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].endswith(f'full/{name}: No space left on device')
    assert not (trained.folder / 'full' / name).exists()
    # What the test has found out is not lost.
    *_, log = sorted((trained.folder / 'full').glob('*/*.log'))
    assert 'localization/gt_known: ' in log.read_text()


@pytest.mark.slow
def test_figures_of_what_the_test_set_does_not_have(trained, monkeypatch):
    """JSON has no NaN: readers of other languages refuse it."""
    figures = dict(nowhere=float('nan'), share=np.float32(0.5))
    monkeypatch.setattr(LocalizationMetric, 'compute_metrics', lambda *_: figures)
    test = 'test.py', 'tiny.py', 'whole/epoch_4.pth', '--work-dir', 'nan', '--out', 'nan/f.json'
    trained.run_here(*test)
    written = json.loads((trained.folder / 'nan/f.json').read_text())
    assert written == {'localization/nowhere': None, 'localization/share': 0.5}


@pytest.mark.slow
def test_a_config_without_checkpoints(project):
    options = ['train_cfg.max_epochs=1', 'default_hooks.checkpoint=None', 'auto_scale_lr=None']
    words = 'train.py', 'tiny.py', '--work-dir', 'none', '--no-validate', '--cfg-options', *options
    project.run_here(*words)
    assert not list((project.folder / 'none').glob('*.pth'))
    done = project.run_here(*words, '--auto-scale-lr', check=False)
    assert done.returncode == 2
    assert 'base_batch_size' in done.stderr


@pytest.mark.slow
def test_a_work_folder_without_its_checkpoints(trained):
    (trained.folder / 'lost').mkdir()
    (trained.folder / 'lost/last_checkpoint').touch()
    resume = 'train.py', 'tiny.py', '--work-dir', 'lost', '--resume'
    done = trained.run_here(*resume, check=False)
    assert done.returncode == 2
    assert 'lost/last_checkpoint names no checkpoint that is there: it is empty' in done.stderr
    assert '--resume CHECKPOINT' in done.stderr
    # Nor is it otherwise where the config says that a run goes on.
    own = trained.run_here(*resume[:-1], '--cfg-options', 'resume=True', check=False)
    assert own.stderr.splitlines()[-1] == done.stderr.splitlines()[-1]


@torch.no_grad()
def scores_of_crops_by_hand(folder, checkpoint):
    """Softmax of each of torchvision's ten crops, one forward for each: (pictures, 10, classes)."""
    cfg = Config.fromfile(folder / 'tiny.py')
    model = MODELS.build(cfg.model).eval()
    model.load_state_dict(load(checkpoint)['state_dict'])
    *uncropped, crop, _ = cfg.test_pipeline
    assert crop.type == 'LocCenterCrop'
    dataset = DATASETS.build({**cfg.test_dataloader.dataset, 'pipeline': uncropped})
    scores = []
    for picture in dataset:
        image = torch.from_numpy(picture['img'].copy()).permute(2, 0, 1)
        for view in ten_crop(image, [crop.crop_size] * 2):
            inputs = model.data_preprocessor(dict(inputs=view[None]))['inputs']
            scores.append(model(inputs, mode='predict')[0].pred_score)
    return torch.stack(scores).unflatten(0, (-1, 10))


@pytest.mark.slow
def test_ten_crops_amp_and_dumped_predictions(tested, trained):
    """Each option alone does what it says, and both together."""

    def scores(*options):
        amp = set()

        def note(module, *_):
            if isinstance(module, torch.nn.Conv2d):
                amp.add(torch.is_autocast_enabled('cpu'))

        with register_module_forward_hook(note):
            trained.run_here(
                *('test.py', 'tiny.py', 'whole/epoch_4.pth', *options, '--out', 'p/all.pkl'),
                *('--work-dir', 't3', '--show-dir', 'show3'),
            )
        assert amp == {'--amp' in options}
        predictions = pickle.loads((trained.folder / 'p/all.pkl').read_bytes())
        assert [p['image_id'] for p in predictions][:2] == ['val/0000.png', 'val/0001.png']
        assert len(predictions) == 11
        for prediction in predictions:
            assert prediction['pred_score'].shape == (4,)
            assert prediction['pred_score'].float().sum() == pytest.approx(1, abs=1e-2)
            assert prediction['pred_map'].ndim == 2
        return torch.stack([prediction['pred_score'].float() for prediction in predictions])

    by_hand = scores_of_crops_by_hand(trained.folder, trained.folder / 'whole/epoch_4.pth')
    one, ten = by_hand[:, 4], by_hand.mean(1)
    assert not torch.isclose(one, ten, atol=1e-4).all(1).any()
    torch.testing.assert_close(scores(), one, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(scores('--tta'), ten, rtol=1e-4, atol=1e-6)
    # bfloat16 has 8 bits.
    torch.testing.assert_close(scores('--amp'), one, rtol=0.05, atol=0.01)
    both = scores('--tta', '--amp')
    torch.testing.assert_close(both, ten, rtol=0.05, atol=0.01)
    assert (both - ten).abs().sum() < (both - one).abs().sum()
    # The picture that is drawn is the centre crop, the one that a single crop shows.
    one, ten = (
        cv2.imread(str(trained.folder / show / 'val/0000.png.png'))[:224, :224]
        for show in ('show1', 'show3')
    )
    assert (one == ten).all()


@pytest.mark.slow
def test_settings_that_do_not_fit(trained):
    folder = trained.folder
    uncropped = folder / 'uncropped.py'
    uncropped.write_text(
        "_base_ = './tiny.py'\n"
        "plain = [dict(type='LoadLocImage'), dict(type='LocResize', scale=(32, 32)),\n"
        "         dict(type='PackLocalizationInputs')]\n"
        'test_dataloader = dict(dataset=dict(pipeline=plain))\n'
        'auto_scale_lr = dict(_delete_=True)\n'
    )
    (folder / 'twice.py').write_text(
        "_base_ = './tiny.py'\n"
        "val_evaluator = [dict(type='LocalizationMetric', thresholds=t) for t in (0.1, 0.2)]\n"
        "test_evaluator = [dict(type='LocalizationMetric', prefix='second'),\n"
        "                  dict(type='LocalizationMetric'),\n"
        "                  dict(type='LocalizationMetric', prefix='localization')]\n"
    )
    no_val = ('val_dataloader=None', 'val_evaluator=None', 'val_cfg=None')
    no_test = ('test_dataloader=None', 'test_evaluator=None', 'test_cfg=None')
    for command, message in (
        (('test.py', 'uncropped.py', 'whole/epoch_4.pth', '--tta'), 'no LocCenterCrop'),
        (('train.py', 'uncropped.py', '--auto-scale-lr'), 'base_batch_size'),
        (('train.py', 'twice.py'), 'val_evaluator has LocalizationMetric twice'),
        (
            ('test.py', 'twice.py', 'whole/epoch_4.pth'),
            'test_evaluator has LocalizationMetric twice',
        ),
        (('train.py', 'tiny.py', '--cfg-options', 'lr'), 'key=value'),
        (('train.py', 'tiny.py', '--launcher', 'pytorch'), 'RANK is not set'),
        (
            ('select_and_test.py', 'tiny.py', *['whole/epoch_4.pth', '--cfg-options', *no_val]),
            'there is no val_dataloader',
        ),
        (
            ('select_and_test.py', 'tiny.py', *['whole/epoch_4.pth', '--cfg-options', *no_test]),
            'there is no test_dataloader',
        ),
    ):
        done = trained.run_here(*command, check=False)
        assert done.returncode == 2
        assert message in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_checkpoint_of_another_model(trained):
    options = ['--cfg-options', 'model.head.hidden_channels=16', 'default_hooks.logger.interval=1']
    command = ['test.py', 'tiny.py', 'whole/epoch_4.pth', '--work-dir', 't4']
    done = trained.run_here(*command, *options, check=False)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith('test.py: error: tiny.py: The checkpoint does not fit the model. ')
    assert 'instead of' in last


@pytest.mark.slow
def test_no_training_goes_on_from_a_checkpoint_of_another_model(trained):
    """Nor does one say that it has, where no epoch is left."""
    folder = trained.folder
    (folder / 'narrow').mkdir()
    (folder / 'narrow/last_checkpoint').write_text(str(folder / 'whole/epoch_4.pth'))
    train = 'train.py', 'tiny.py', '--work-dir'
    wider = '--cfg-options', 'model.head.hidden_channels=16'
    named = 'load_from=whole/epoch_4.pth', 'resume=True'
    for command in (
        (*train, 'n1', '--resume', 'whole/epoch_4.pth', *wider),
        (*train, 'n1', '--resume', 'whole/epoch_4.pth', *wider, 'train_cfg.max_epochs=6'),
        (*train, 'narrow', '--resume', *wider),
        (*train, 'n1', *wider, *named),
    ):
        done = trained.run_here(*command, check=False)
        assert done.returncode == 2
        last = done.stderr.splitlines()[-1]
        assert last.startswith('train.py: error: tiny.py: The checkpoint does not fit the model. ')
        assert 'instead of' in last
    # To begin with what fits is another thing, for jobs that always say --resume, too.
    begin = *train, 'n1', '--resume', *wider, named[0], 'train_cfg.max_epochs=1'
    done = trained.run_here(*begin)
    assert done.stderr.startswith(
        'train.py: warning: n1 has no checkpoint to resume from: '
        'the training begins with the weights of whole/epoch_4.pth\n'
    )
    assert 'Load checkpoint from whole/epoch_4.pth' in done.stdout + done.stderr


def test_a_work_folder_in_which_another_training_runs_is_left_alone(project):
    """Each of the two would overwrite some of the other's checkpoints."""
    (project.folder / 'held').mkdir()
    (project.folder / 'held/epoch_3.pth').touch()
    command = ('train.py', 'tiny.py', '--work-dir', 'held')
    with held(project.folder / 'held') as process:
        done = project.run_here(*command, check=False)
        # Nothing of it is mended, which may be half-written.
        resumed = project.run_here(*command, '--resume', check=False)
    assert done.returncode == resumed.returncode == 2
    assert done.stderr == resumed.stderr
    # No word of the checkpoints that would be overwritten.
    assert done.stderr.startswith(
        'train.py: error: tiny.py: held is being written by another command, process '
        f'{process.pid} on '
    )
    assert done.stderr.endswith(': wait for its end, or name another --work-dir\n')
    assert done.stderr.count('\n') == 1
    assert os.listdir(project.folder / 'held') == ['epoch_3.pth']


def test_a_training_anew_beside_the_checkpoints_of_another_one_warns(project):
    (project.folder / 'used').mkdir()
    (project.folder / 'used' / 'epoch_3.pth').touch()
    # --resume would find nothing here.
    (project.folder / 'noted').mkdir()
    (project.folder / 'noted' / 'last_checkpoint').write_text('noted/epoch_3.pth')
    said = (
        'train.py: warning: used has checkpoints of an earlier run, which are overwritten or stay '
        'beside the new ones; go on with --resume, or name another --work-dir\n'
    )
    for folder, options, warns in (
        ('used', [], True),
        ('used', ['resume=True'], False),
        ('unused', [], False),
        ('noted', [], False),
    ):
        # It need not train for it.
        options = ['--cfg-options', *options, 'model.backbone.type=SmallNot']
        command = 'train.py', 'tiny.py', '--work-dir', folder, *options
        done = project.run_here(*command, check=False)
        assert done.returncode == 2
        assert (said.replace('used', folder) in done.stderr) == warns


@pytest.mark.slow
def test_mistakes_of_the_input_end_in_one_line(project):
    unknown = ['train.py', 'tiny.py', '--cfg-options', 'model.backbone.type=SmallNot']
    done = project.run_here(*unknown, check=False)
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "train.py: error: tiny.py: model.backbone.type='SmallNot': there is no model of this name"
    )
    missing = ['train.py', 'tiny.py', '--cfg-options', 'train_dataloader.dataset.data_root=nowhere']
    done = project.run_here(*missing, check=False)
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    expected = r'train\.py: error: tiny\.py: train_dataloader\.dataset: nowhere/metadata/train.*'
    assert re.fullmatch(expected, done.stderr.splitlines()[-1])
    no_checkpoint = ['test.py', 'tiny.py', 'tiny.py']
    done = project.run_here(*no_checkpoint, check=False)
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    expected = 'test.py: error: tiny.py: tiny.py cannot be read as a checkpoint: UnpicklingError: '
    assert done.stderr.splitlines()[-1].startswith(expected)
