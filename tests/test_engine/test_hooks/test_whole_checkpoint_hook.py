"""Checkpoints of a real Runner on a disk that is full when one is written."""

import errno
import functools
import json
import os
import shutil
import time

import pytest
import torch
from gloo_pair import run_pair
from mmengine.fileio import LocalBackend
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.engine.hooks import epoch_seed_hook
from bas_mm.engine.whole_files_backend import WholeFilesBackend
from bas_mm.utils.input_errors import describe_input_error


@pytest.fixture(scope='module')
def split_folder(tmp_path_factory):
    return write_split_folder(tmp_path_factory.mktemp('data'), dict(train=8, test=4))


def run(split_folder, folder, interval=1, **checkpoint):
    cfg = tiny_run_cfg(split_folder, folder, epochs=2)
    cfg.default_hooks.checkpoint = dict(type='WholeCheckpointHook', interval=interval, **checkpoint)
    cfg.custom_hooks = [dict(type='EpochSeedHook')]
    # Runners of one second would share their record, and so the best score.
    cfg.experiment_name = f'checkpoints_{time.time_ns()}'
    return Runner.from_cfg(cfg)


def checkpoint_hook(runner):
    (hook,) = [h for h in runner.hooks if type(h).__name__ == 'WholeCheckpointHook']
    return hook


def fill_the_disk(monkeypatch, after: int):
    """From the file after so many on, half of each is written."""
    fdopen, seen = os.fdopen, []

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            seen.append(len(content))
            if len(seen) <= after:
                return self.file.write(content)
            self.file.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('bas_mm.utils.result_files.os.fdopen', lambda *args: Full(fdopen(*args)))
    return seen


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_full_disk_leaves_the_checkpoint_before(split_folder, tmp_path, monkeypatch):
    written = fill_the_disk(monkeypatch, 1)
    with pytest.raises(OSError, match='No space left on device') as error:
        run(split_folder, tmp_path).train()
    assert len(written) == 2
    assert str(tmp_path / 'epoch_2.pth') in str(error.value)
    said = describe_input_error(error.value, {})
    assert said == f'{tmp_path}/epoch_2.pth: No space left on device'
    assert [name for name in names(tmp_path) if 'epoch' in name] == ['epoch_1.pth']
    assert not any(name.startswith('.') for name in names(tmp_path))
    assert torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['meta']['epoch'] == 1
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_1.pth')


def test_the_only_checkpoint_goes_when_the_next_one_is_there(split_folder, tmp_path, monkeypatch):
    fill_the_disk(monkeypatch, 1)
    with pytest.raises(OSError, match='No space left on device'):
        run(split_folder, tmp_path, max_keep_ckpts=1).train()
    assert [name for name in names(tmp_path) if 'epoch' in name] == ['epoch_1.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_1.pth')


def test_the_best_checkpoint_goes_when_a_better_one_is_there(split_folder, tmp_path, monkeypatch):
    runner = run(split_folder, tmp_path, save_best='fit', rule='greater')
    runner._val_loop = None
    runner.train()
    hook = checkpoint_hook(runner)
    for epoch in (2, 3):
        runner.train_loop._epoch = epoch
        hook.after_val_epoch(runner, dict(fit=float(epoch)))
        found = [name for name in names(tmp_path) if 'best' in name]
        assert found == [f'best_fit_epoch_{epoch}.pth']
    runner.train_loop._epoch = 4
    fill_the_disk(monkeypatch, 0)
    with pytest.raises(OSError, match='No space left on device'):
        hook.after_val_epoch(runner, dict(fit=4.0))
    assert [name for name in names(tmp_path) if 'best' in name] == ['best_fit_epoch_3.pth']


def test_a_run_goes_on_from_within_an_epoch_with_that_epoch(split_folder, tmp_path, monkeypatch):
    """Of two iterations; and the last checkpoint is of the last step."""
    run(split_folder, tmp_path / 'a', by_epoch=False, interval=3).train()
    assert [n for n in names(tmp_path / 'a') if 'iter' in n] == ['iter_3.pth', 'iter_4.pth']

    runner = run(split_folder, tmp_path / 'b')
    assert len(runner.train_dataloader) == 2
    runner._resume, runner._load_from = True, str(tmp_path / 'a/iter_3.pth')
    seen, step = [], runner.model.train_step

    def note(*args, **kwargs):
        seen.append((runner.epoch, runner.iter))
        return step(*args, **kwargs)

    monkeypatch.setattr(runner.model, 'train_step', note)
    said = []
    monkeypatch.setattr(epoch_seed_hook, 'print_log', lambda text, **_: said.append(text))
    runner.train()
    assert seen == [(1, 2), (1, 3)]
    (warning,) = said
    assert (
        'iteration 3, and with these data and batches epoch 2 begins after iteration 2' in warning
    )
    assert torch.load(tmp_path / 'b/epoch_2.pth', weights_only=False)['meta']['iter'] == 4


def test_a_checkpoint_that_somebody_deletes_meanwhile(tmp_path):
    backend = WholeFilesBackend()
    files = [tmp_path / name for name in ('a.pth', 'b.pth', 'c.pth')]
    for file in files[1:]:
        file.touch()
    with backend.removing_last():
        for file in files:  # the first is gone before, the second then
            backend.remove(file)
        files[1].unlink()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        backend.remove(files[0])


def test_a_checkpoint_of_another_folder_that_a_link_leads_to_stays(tmp_path):
    """Of a folder that was copied by links."""
    (tmp_path / 'theirs.pth').write_bytes(b'theirs')
    (tmp_path / 'own.pth').symlink_to('theirs.pth')
    WholeFilesBackend().put(b'own', tmp_path / 'own.pth')
    assert (tmp_path / 'own.pth').read_bytes() == b'own'
    assert (tmp_path / 'theirs.pth').read_bytes() == b'theirs'


def test_what_a_kill_left_goes(split_folder, tmp_path, monkeypatch):
    old, young, other = (tmp_path / name for name in ('.bas_mm-x1', '.bas_mm-x2', 'other'))
    for file in (old, young, other):
        file.touch()
    for file in (old, other):
        os.utime(file, (time.time() - 3600,) * 2)
    runner = run(split_folder, tmp_path)
    module = 'bas_mm.engine.hooks.whole_checkpoint_hook'
    for is_main in (False, True):
        monkeypatch.setattr(f'{module}.is_main_process', lambda is_main=is_main: is_main)
        hook = checkpoint_hook(run(split_folder, tmp_path))
        hook.before_train(runner)
        assert old.exists() is not is_main
    assert young.exists()
    assert other.exists()


def test_what_another_user_left_stops_no_training(split_folder, tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), 'theirs')

    module = 'bas_mm.engine.hooks.whole_checkpoint_hook'
    monkeypatch.setattr(f'{module}.delete_abandoned', refuse)
    runner = run(split_folder, tmp_path)
    checkpoint_hook(runner).before_train(runner)


@pytest.mark.parametrize('figures', [['fit'], ['fit', 'x/top']])
def test_a_copy_of_a_work_folder_has_best_checkpoints_of_its_own(split_folder, tmp_path, figures):
    best = dict(save_best=figures, rule='greater')

    def resumed(folder, score):
        runner = run(split_folder, tmp_path / folder, **best)
        runner.resume(str(tmp_path / 'of/epoch_2.pth'))
        hook = checkpoint_hook(runner)
        hook.before_train(runner)
        runner.train_loop._epoch = 3
        hook.after_val_epoch(runner, dict.fromkeys(figures, score))
        return runner.message_hub.runtime_info

    runner = run(split_folder, tmp_path / 'of', **best)
    runner.train_loop._epoch = 2  # the last one: nothing is trained
    runner.train()
    checkpoint_hook(runner)._save_checkpoint(runner)
    checkpoint_hook(runner).after_val_epoch(runner, dict.fromkeys(figures, 2.0))
    before = names(tmp_path / 'of')
    shutil.copytree(tmp_path / 'of', tmp_path / 'copy')
    # There is one there already, which is better.
    resumed('copy', 1.0)
    of_copy = [name for name in names(tmp_path / 'copy') if 'best' in name]
    assert of_copy == [name for name in before if 'best' in name]
    resumed('copy', 3.0)
    # Its own old one goes, and no other's.
    assert names(tmp_path / 'of') == before
    found = [name for name in names(tmp_path / 'copy') if 'best' in name]
    assert found == [f'best_{figure.replace("/", "_")}_epoch_3.pth' for figure in figures]
    # From there into a folder without any: its best one is that of its own figures.
    info = resumed('new', 1.0)
    assert names(tmp_path / 'of') == before
    assert info['last_ckpt'] is None
    assert [name for name in names(tmp_path / 'new') if 'best' in name] == found


@pytest.mark.parametrize('figure', ['gt_known', 'iou_50', 'max_box_acc_v2', 'pxap', 'piou'])
def test_the_figures_of_localization_are_the_better_the_greater(split_folder, tmp_path, figure):
    runner = run(split_folder, tmp_path, save_best=f'localization/{figure}')
    assert checkpoint_hook(runner).rules == ['greater']


def test_a_better_checkpoint_of_the_same_name_stays(split_folder, tmp_path):
    runner = run(split_folder, tmp_path, save_best='fit', rule='greater')
    runner._val_loop = None
    runner.train()
    for fit in (1.0, 2.0):
        checkpoint_hook(runner).after_val_epoch(runner, dict(fit=fit))
    saved = torch.load(tmp_path / 'best_fit_epoch_2.pth', weights_only=False)
    assert saved['message_hub']['runtime_info']['best_score'] == 2.0


def test_old_checkpoints_go_and_the_best_one_stays(split_folder, tmp_path):
    best = dict(save_best='localization/gt_known', rule='greater')
    runner = run(split_folder, tmp_path, max_keep_ckpts=1, **best)
    runner.train_loop.val_interval = 1
    runner.train()
    found = [name for name in names(tmp_path) if name.endswith('.pth')]
    assert 'epoch_1.pth' not in found
    assert any(name.startswith('best_localization_gt_known_') for name in found)
    last = (tmp_path / 'last_checkpoint').read_text()
    assert last == str(tmp_path / 'epoch_2.pth')
    other = run(split_folder, tmp_path)
    other.resume(last)
    assert other.epoch == 2


def test_backends_that_a_config_names_are_left_alone(split_folder, tmp_path):
    own = dict(backend='local')
    runner = run(split_folder, tmp_path, backend_args=own)
    hook = checkpoint_hook(runner)
    hook.before_train(runner)
    assert hook.backend_args == own
    assert type(hook.file_backend) is LocalBackend


def test_a_validation_alone(split_folder, tmp_path):
    run(split_folder, tmp_path).val()
    assert not list(tmp_path.rglob('*.pth'))


def trained(split_folder, folder, epochs, **options):
    """A run of another optimizer than the recipe's that goes on from the first epoch, if any."""
    cfg = tiny_run_cfg(split_folder, folder, epochs=epochs)
    cfg.default_hooks.checkpoint = dict(type='WholeCheckpointHook', interval=1)
    cfg.experiment_name = f'checkpoints_{time.time_ns()}'
    cfg.optim_wrapper.pop('constructor')
    cfg.merge_from_dict(options)
    cfg.load_from, cfg.resume = (str(folder / 'epoch_1.pth'), True) if epochs > 1 else (None, False)
    runner = Runner.from_cfg(cfg)
    runner._val_loop = None
    runner.train()
    return runner


def test_a_run_goes_on_channels_last_and_fused(split_folder, tmp_path):
    trained(split_folder, tmp_path, 1)
    before = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    plain = trained(split_folder, tmp_path, 2)
    options = {'model.channels_last': True, 'optim_wrapper.optimizer.fused': True}
    other = trained(split_folder, tmp_path, 2, **options)
    assert all(group['fused'] for group in other.optim_wrapper.optimizer.param_groups)
    weights = dict(other.model.named_parameters())
    assert any(not weight.is_contiguous() for weight in weights.values())
    for name, weight in plain.model.named_parameters():
        moved = torch.linalg.vector_norm(weight - before[name])
        apart = torch.linalg.vector_norm(weights[name] - weight)
        assert apart <= 1e-2 * moved, f'{name}: {apart} apart, moved by {moved}'


@pytest.mark.parametrize('enabled', [False, True])
def test_a_run_in_bfloat16_goes_on_with_its_loss_scaled(
    split_folder, tmp_path, monkeypatch, enabled
):
    """And one whose loss was scaled already goes on with that scale."""
    if not torch.cuda.is_available():
        module = 'mmengine.optim.optimizer.amp_optimizer_wrapper'
        monkeypatch.setattr(f'{module}.is_cuda_available', lambda: True)
        on_cpu = functools.partial(torch.amp.GradScaler, device='cpu')
        monkeypatch.setattr(f'{module}.GradScaler', on_cpu)
    # Autocast of CPUs and the scaler are mmengine's and torch's; float16 is for GPUs.
    amp = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'bfloat16'}
    before = {'optim_wrapper.loss_scale': dict(enabled=enabled, init_scale=8.0)}
    after = {'optim_wrapper.loss_scale': dict(enabled=True, init_scale=4.0)}
    trained(split_folder, tmp_path, 1, **amp, **before)
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['optimizer']
    assert bool(saved['loss_scaler']) is enabled
    resumed = trained(split_folder, tmp_path, 2, **amp, **after)
    assert resumed.iter == 4
    assert resumed.optim_wrapper.loss_scaler.get_scale() == (8.0 if enabled else 4.0)


def test_empty_loss_scalers_of_several_optimizers_are_left_out(split_folder, tmp_path):
    hook = checkpoint_hook(runner := run(split_folder, tmp_path))
    state = dict(state={}, param_groups=[])
    saved = dict(one={**state, 'loss_scaler': {}}, two={**state, 'loss_scaler': dict(scale=2.0)})
    hook.after_load_checkpoint(runner, checkpoint := dict(optimizer=saved))
    assert checkpoint == dict(
        optimizer=dict(one=state, two={**state, 'loss_scaler': dict(scale=2.0)})
    )
    for without in ({}, dict(optimizer=None)):  # as published weights are
        hook.after_load_checkpoint(runner, without)


@pytest.mark.parametrize('there', [0, 1])
def test_processes_without_a_shared_disk_go_on_with_the_same(split_folder, tmp_path, there):
    """One sees the best checkpoint. Else one of them would save, and wait for the other."""
    (tmp_path / 'best.pth').touch()

    def begin(rank: int) -> None:
        runner = run(split_folder, tmp_path, save_best='fit', rule='greater')
        runner.message_hub.update_info('best_ckpt', 'elsewhere/best.pth')
        runner.message_hub.update_info('best_score', 2.0)
        if rank != there:
            LocalBackend.exists = lambda *_: False
        checkpoint_hook(runner).before_train(runner)
        info = {k: v for k, v in runner.message_hub.runtime_info.items() if 'best' in k}
        info['own'] = checkpoint_hook(runner).best_ckpt_path
        (tmp_path / f'{rank}.json').write_text(json.dumps(info))

    run_pair(begin, tmp_path)
    best = str(tmp_path / 'best.pth')
    # The main process writes the files: what it sees counts.
    info = dict(best_ckpt=best, best_score=2.0, own=best) if there == 0 else dict(best_ckpt=None)
    for rank in (0, 1):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == {'own': None, **info}
