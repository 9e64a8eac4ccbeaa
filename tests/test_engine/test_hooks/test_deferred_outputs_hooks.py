"""What is read seldom is what would have been read each time, and nothing bad is saved before."""

import json
import multiprocessing
import os

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.engine.hooks.deferred_outputs_hook import to_numbers

STEPS = 5  # of an epoch


@pytest.fixture(scope='module')
def split_folder(tmp_path_factory):
    return write_split_folder(tmp_path_factory.mktemp('data'), dict(train=4 * STEPS, test=4))


class _SaveAt(Hook):
    """Somebody else who saves, after the third iteration."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 2:
            runner.save_checkpoint(runner.work_dir, 'own.pth')


def _runner(folder, work_dir, *, interval=3, info=None, history=None, hooks=(), **options):
    cfg = tiny_run_cfg(folder, work_dir)
    cfg.default_hooks.logger.interval = interval
    if info:
        cfg.default_hooks.runtime_info = dict(type=info)
    if history:
        cfg.default_hooks.runtime_info.history = history
    cfg.merge_from_dict(options)
    cfg.custom_hooks = cfg.custom_hooks[1:]
    cfg.experiment_name = f'{work_dir.parent.name}-{work_dir.name}'
    runner = Runner.from_cfg(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    return runner


def _histories(runner):
    """Of all that does not depend on the clock."""
    return {
        name: buffer.data
        for name, buffer in runner.message_hub.log_scalars.items()
        if 'time' not in name
    }


def _poison(runner, iteration: int) -> None:
    """The loss of the iteration, counted from 0, is not a number."""

    def spoil(module, args, output):
        return output * float('nan') if module.training and runner.iter == iteration else output

    runner.model.generator.register_forward_hook(spoil)


@pytest.mark.parametrize('interval', [1, 3, 50])
def test_the_message_hub_and_the_log_have_what_mmengine_gives_them(
    split_folder, tmp_path, interval
):
    found = {}
    for info in ('RuntimeInfoHook', 'DeferredRuntimeInfoHook'):
        runner = _runner(split_folder, tmp_path / info, interval=interval, info=info)
        runner.train()
        saved = torch.load(tmp_path / info / 'epoch_1.pth', weights_only=False)['message_hub']
        lines = next((tmp_path / info).glob('*/vis_data/scalars.json')).read_text().splitlines()
        lines = [json.loads(line) for line in lines]
        found[info] = (
            _histories(runner),
            {k: v.data for k, v in saved['log_scalars'].items() if 'time' not in k},
            [{k: v for k, v in line.items() if 'time' not in k} for line in lines],
        )
    for expected, got in zip(found['RuntimeInfoHook'][:2], found['DeferredRuntimeInfoHook'][:2]):
        assert set(got) == set(expected) > {'train/loss', 'train/loss_bas', 'train/acc_cls'}
        for name in expected:
            np.testing.assert_array_equal(got[name], expected[name], name)
    assert len(found['DeferredRuntimeInfoHook'][0]['train/loss'][0]) == 2 * STEPS
    assert found['DeferredRuntimeInfoHook'][2] == found['RuntimeInfoHook'][2] != []


def test_nothing_is_read_between_two_lines_of_the_log(split_folder, tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr(
        'bas_mm.engine.hooks.deferred_runtime_info_hook.to_numbers',
        lambda values: reads.append(len(values)) or to_numbers(values),
    )
    runner = _runner(
        split_folder,
        tmp_path,
        info='DeferredRuntimeInfoHook',
        train_cfg=dict(max_epochs=1, val_interval=5),
    )
    runner.train()
    scalars = 7  # loss, its four terms, two accuracies
    assert reads == [3 * scalars, 2 * scalars]


def test_outputs_do_not_pile_up_where_nobody_needs_them(split_folder, tmp_path, monkeypatch):
    monkeypatch.setattr('bas_mm.engine.hooks.deferred_outputs_hook._MOST_STEPS', 2)
    runner = _runner(split_folder, tmp_path, interval=50)
    _poison(runner, 2)
    with pytest.raises(FloatingPointError, match='in iteration 3 '):
        runner.train()
    assert runner.iter == 3  # not the end of the epoch


def test_a_checkpoint_of_somebody_else_has_all_values_up_to_there(split_folder, tmp_path):
    runner = _runner(
        split_folder,
        tmp_path,
        interval=50,
        info='DeferredRuntimeInfoHook',
        hooks=[_SaveAt()],
    )
    runner.train()
    saved = torch.load(tmp_path / 'own.pth', weights_only=False)['message_hub']['log_scalars']
    values, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(values) == 2 * STEPS
    np.testing.assert_array_equal(saved['train/loss'].data[0], values[:3])


def test_histories_are_limited_also_where_a_run_is_resumed(split_folder, tmp_path):
    info = 'DeferredRuntimeInfoHook'
    long = _runner(split_folder, tmp_path / 'all', info=info)
    long.train()
    short = _runner(split_folder, tmp_path / 'some', info=info, history=4, log_processor=dict(
        type='LogProcessor', window_size=2,
    ))  # fmt: skip
    short.train()
    for name, (values, counts) in _histories(long).items():
        if name.startswith('train/'):
            assert len(values) == 2 * STEPS, name
            np.testing.assert_array_equal(_histories(short)[name][0], values[-4:], name)
            np.testing.assert_array_equal(_histories(short)[name][1], counts[-4:], name)
    time, _ = short.message_hub.get_scalar('train/time').data
    assert len(time) == 4

    resumed = _runner(
        split_folder,
        tmp_path / 'some',
        info=info,
        history=2,
        log_processor=dict(type='LogProcessor', window_size=2),
        load_from=str(tmp_path / 'all/epoch_2.pth'),
        resume=True,
        train_cfg=dict(max_epochs=3),
    )
    resumed.train()
    assert len(resumed.message_hub.get_scalar('train/loss').data[0]) == 2
    assert resumed.iter == 3 * STEPS


@pytest.mark.parametrize(
    ('processor', 'length'),
    [
        (dict(window_size=6), 6),
        (dict(custom_cfg=[dict(data_src='loss', method_name='mean', window_size=7)]), 10),
        (dict(window_size=1, custom_cfg=[dict(data_src='loss', window_size='global',
              method_name='mean', log_name='all')]), 10),
    ],
)  # fmt: skip
def test_histories_are_as_long_as_the_windows_of_the_log(split_folder, tmp_path, processor, length):
    runner = _runner(
        split_folder,
        tmp_path,
        info='DeferredRuntimeInfoHook',
        history=2,
        log_processor=dict(type='LogProcessor', **processor),
    )
    runner.train()
    values, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(values) == length


def test_no_history_at_all():
    from bas_mm.engine.hooks import DeferredRuntimeInfoHook

    with pytest.raises(ValueError, match='history must be at least 1, got 0'):
        DeferredRuntimeInfoHook(history=0)


def test_a_loss_that_went_wrong_is_named_later_and_nothing_is_saved_after_it(
    split_folder, tmp_path
):
    runner = _runner(split_folder, tmp_path, interval=50)
    _poison(runner, STEPS + 1)
    with pytest.raises(FloatingPointError, match=r'in iteration 7 \(epoch 2\)') as error:
        runner.train()
    assert runner.iter == 2 * STEPS - 1  # looked at where the epoch ends
    assert str(tmp_path / 'epoch_1.pth') in str(error.value)
    assert 'loss_fg=nan' in str(error.value)
    assert [p.name for p in tmp_path.glob('epoch_*.pth')] == ['epoch_1.pth']


def test_the_last_good_checkpoint_by_iterations_is_not_removed(split_folder, tmp_path):
    runner = _runner(
        split_folder,
        tmp_path,
        interval=50,
        default_hooks=dict(checkpoint=dict(interval=2, by_epoch=False, max_keep_ckpts=1)),
    )
    _poison(runner, 3)
    with pytest.raises(FloatingPointError, match=r'in iteration 4 \(epoch 1\)'):
        runner.train()
    assert [p.name for p in tmp_path.glob('*.pth')] == ['iter_2.pth']


def test_nobody_else_saves_after_a_loss_that_went_wrong(split_folder, tmp_path):
    runner = _runner(split_folder, tmp_path, interval=50, hooks=[_SaveAt()])
    _poison(runner, 1)
    with pytest.raises(FloatingPointError, match=r'in iteration 2 .*No checkpoint was saved yet'):
        runner.train()
    assert not list(tmp_path.glob('*.pth'))


@pytest.mark.slow
def test_two_processes_stop_together_and_save_nothing(split_folder, tmp_path):
    """The loss of one went wrong in the last step before a checkpoint; the other one saves."""

    def train(rank: int) -> None:
        torch.set_num_threads(1)
        rendezvous = f'file://{tmp_path}/rendezvous'
        torch.distributed.init_process_group('gloo', rendezvous, rank=rank, world_size=2)
        # Norms that share statistics would share what is not a number, too.
        options = {'train_dataloader.batch_size': 2, 'model.sync_batch_norm': False}
        # What process 0 alone has read for somebody else's checkpoint, it does not read again.
        runner = _runner(split_folder, tmp_path / 'run', interval=50, hooks=[_SaveAt()], **options)
        runner._val_loop = None
        if rank == 1:
            _poison(runner, STEPS - 1)
        try:
            runner.train()
        except FloatingPointError as error:
            (tmp_path / f'{rank}.txt').write_text(str(error))
        os._exit(0)  # gloo may abort an interpreter that ends after it, or not let it end

    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=train, args=(rank,)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        process.kill()
    assert [p.name for p in (tmp_path / 'run').glob('*.pth')] == ['own.pth']
    told = [(tmp_path / f'{rank}.txt').read_text() for rank in (0, 1)]
    assert 'is not finite in iteration 5 of process 1, whose error names the terms.' in told[0]
    assert 'is not finite in iteration 5 (epoch 1): ' in told[1]
    assert 'loss_fg=nan' in told[1]


def test_a_validation_sees_no_weights_of_a_loss_that_went_wrong(split_folder, tmp_path):
    runner = _runner(
        split_folder,
        tmp_path,
        interval=50,
        train_cfg=dict(_delete_=True, by_epoch=False, max_iters=20, val_interval=3),
        param_scheduler=None,
        default_hooks=dict(checkpoint=dict(interval=50, by_epoch=False)),
    )
    _poison(runner, 1)
    with pytest.raises(FloatingPointError, match='in iteration 2'):
        runner.train()
    assert runner.iter == 3
    assert 'val/localization/gt_known' not in runner.message_hub.log_scalars


def test_numbers_of_several_types_keep_their_places():
    values = [
        torch.tensor(0.1),
        3,
        torch.tensor([7]),
        torch.tensor(0.1, dtype=torch.float64),
        2.5,
        torch.tensor([[2.0]]),
    ]
    numbers = to_numbers(values)
    assert numbers == [values[0].item(), 3, 7, 0.1, 2.5, 2.0]
    assert [type(number) for number in numbers] == [float, int, int, float, float, float]
    assert to_numbers([]) == []
