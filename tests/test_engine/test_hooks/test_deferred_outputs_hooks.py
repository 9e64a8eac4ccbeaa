"""What is read seldom is what would have been read each time, and nothing bad is saved before."""

import json
import re

import numpy as np
import pytest
import torch
from gloo_pair import run_pair
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


class _PoisonBuffer(Hook):
    """A running mean is not a number after the first epoch's last iteration."""

    priority = 'VERY_HIGH'  # before the weights are looked at

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == STEPS - 1:
            buffers = runner.model.named_buffers()
            next(b for name, b in buffers if 'running_mean' in name).fill_(float('nan'))


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


def _poison_gradient(runner, iteration: int) -> None:
    """The loss of the iteration, counted from 0, is finite, and its gradient is not."""

    def spoil(gradient):
        return gradient * float('nan') if runner.iter == iteration else gradient

    next(runner.model.parameters()).register_hook(spoil)


# Who looks after the third iteration finds these.
_WRONG = [
    (_poison, 1, '^The loss is not finite in iteration 2'),
    (_poison_gradient, 2, 'is not finite after iteration 3'),
]


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


def test_weights_are_not_looked_at_between_two_lines_of_the_log(
    split_folder, tmp_path, monkeypatch
):
    looks = []
    runner = _runner(split_folder, tmp_path, train_cfg=dict(max_epochs=1, val_interval=5))
    monkeypatch.setattr(
        'bas_mm.engine.hooks.non_finite_loss_hook.to_numbers',
        lambda values: looks.append((runner.iter, len(values))) or to_numbers(values),
    )
    runner.train()
    model = runner.model
    statistics = [v for name, v in model.named_buffers() if 'running_' in name]
    weights = [*model.parameters(), *statistics]
    # With the losses, in one transfer; at the end of the epoch before the checkpoint is saved.
    assert looks == [(2, 3 + len(weights)), (STEPS - 1, 2 + len(weights))]


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


@pytest.mark.parametrize(('spoil', 'iteration', 'message'), _WRONG)
def test_nobody_else_saves_after_a_loss_that_went_wrong(
    split_folder, tmp_path, spoil, iteration, message
):
    runner = _runner(split_folder, tmp_path, interval=50, hooks=[_SaveAt()])
    spoil(runner, iteration)
    with pytest.raises(FloatingPointError, match=rf'{message} .*No checkpoint was saved yet'):
        runner.train()
    assert not list(tmp_path.glob('*.pth'))


def test_what_is_infinite_by_design_stops_no_training(split_folder, tmp_path):
    """A mask of attention, a frozen weight; and a buffer of a type without a norm."""
    runner = _runner(split_folder, tmp_path)
    runner.model.register_buffer('mask', torch.full((2, 2), -torch.inf).triu_(1))
    runner.model.register_buffer('small', torch.ones(2).to(torch.float8_e4m3fn))
    runner.model.frozen = torch.nn.Parameter(torch.full((2,), torch.inf), requires_grad=False)
    runner.train()
    assert (tmp_path / 'epoch_2.pth').exists()


@pytest.mark.parametrize('kind', ['CheckpointHook', 'WholeCheckpointHook'])
def test_no_checkpoint_has_the_weights_of_a_gradient_that_went_wrong(split_folder, tmp_path, kind):
    runner = _runner(
        split_folder, tmp_path, default_hooks=dict(checkpoint=dict(type=kind, max_keep_ckpts=1))
    )
    _poison_gradient(runner, 2 * STEPS - 1)  # no loss shows it any more
    name = next(iter(dict(runner.model.named_parameters())))
    message = rf'^{name} is not finite after iteration 10 \(epoch 2\), whose loss was finite: loss='
    with pytest.raises(FloatingPointError, match=message) as error:
        runner.train()
    assert str(tmp_path / 'epoch_1.pth') in str(error.value)
    assert 'loss_fg=' in str(error.value)
    assert [p.name for p in tmp_path.glob('epoch_*.pth')] == ['epoch_1.pth']
    assert 'val/localization/gt_known' not in runner.message_hub.log_scalars


@pytest.mark.parametrize('scaled', [False, True])
def test_no_checkpoint_has_accumulated_gradients_that_went_wrong(split_folder, tmp_path, scaled):
    options = {'optim_wrapper.accumulative_counts': 3, 'train_cfg.max_epochs': 1}
    runner = _runner(split_folder, tmp_path, **options)
    _poison_gradient(runner, STEPS - 1)  # the second of a step of three
    runner.train_loop._max_iters = 3 * STEPS  # the last iteration takes a step in any case
    runner._val_loop = None
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    if scaled:  # a step with such gradients is left out
        runner.optim_wrapper.loss_scaler = torch.amp.GradScaler('cpu')
        runner.train()
        assert (tmp_path / 'epoch_1.pth').exists()
        return
    with pytest.raises(FloatingPointError, match='^The gradient of .* after iteration 5 '):
        runner.train()
    assert not list(tmp_path.glob('*.pth'))


@pytest.mark.slow
@pytest.mark.parametrize('what', ['loss', 'buffer'])
def test_two_processes_stop_together_and_save_nothing(split_folder, tmp_path, what):
    """What is of one went wrong in the last step before a checkpoint; the other one saves."""

    def train(rank: int) -> None:
        # Norms that share statistics would share what is not a number, too.
        options = {'train_dataloader.batch_size': 2, 'model.sync_batch_norm': False}
        # What process 0 alone has read for somebody else's checkpoint, it does not read again.
        runner = _runner(split_folder, tmp_path / 'run', interval=50, hooks=[_SaveAt()], **options)
        runner._val_loop = None
        if rank == 1:
            if what == 'loss':
                _poison(runner, STEPS - 1)
            else:
                runner.register_hook(_PoisonBuffer())
        try:
            runner.train()
        except FloatingPointError as error:
            (tmp_path / f'{rank}.txt').write_text(str(error))

    run_pair(train, tmp_path)
    assert [p.name for p in (tmp_path / 'run').glob('*.pth')] == ['own.pth']
    told = [(tmp_path / f'{rank}.txt').read_text() for rank in (0, 1)]
    assert 'is not finite in iteration 5 of process 1, whose error names the terms.' in told[0]
    if what == 'loss':
        assert 'is not finite in iteration 5 (epoch 1): ' in told[1]
        assert 'loss_fg=nan' in told[1]
    else:
        assert re.search(r'^\S*running_mean is not finite after iteration 5 \(epoch 1\)', told[1])


@pytest.mark.parametrize(('spoil', 'iteration', 'message'), _WRONG)
def test_a_validation_sees_no_weights_of_a_loss_that_went_wrong(
    split_folder, tmp_path, spoil, iteration, message
):
    runner = _runner(
        split_folder,
        tmp_path,
        interval=50,
        train_cfg=dict(_delete_=True, by_epoch=False, max_iters=20, val_interval=3),
        param_scheduler=None,
        default_hooks=dict(checkpoint=dict(interval=50, by_epoch=False)),
    )
    spoil(runner, iteration)
    with pytest.raises(FloatingPointError, match=f'{message} '):
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
