"""A run that is resumed within a step of several iterations completes that step."""

import copy
import functools
import time
from contextlib import nullcontext

import pytest
import torch
from gloo_pair import run_pair
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.engine.optimizers.accumulated_gradients import (
    mean_gradients,
    open_gradients,
    restore_gradients,
)

STEPS = 4  # of an epoch
COUNTS = 3  # of a step of the optimizer


@pytest.fixture(scope='module')
def split_folder(tmp_path_factory):
    return write_split_folder(tmp_path_factory.mktemp('data'), dict(train=4 * STEPS, test=4))


def trained(split_folder, folder, epochs=3, begin=None, **options):
    """A run that goes on from a checkpoint, if any."""
    cfg = tiny_run_cfg(split_folder, folder, epochs=epochs)
    cfg.default_hooks.checkpoint = dict(type='WholeCheckpointHook', interval=1)
    cfg.custom_hooks = [dict(type='EpochSeedHook')]
    cfg.optim_wrapper.accumulative_counts = COUNTS
    cfg.experiment_name = f'accumulated_{time.time_ns()}'
    cfg.merge_from_dict(copy.deepcopy(options))  # which takes things out of them
    if begin:
        cfg.load_from, cfg.resume = str(begin), options.get('resume', True)
    runner = Runner.from_cfg(cfg)
    runner._val_loop = None
    runner.train()
    return runner


def saved(path):
    return torch.load(path, weights_only=False)


@pytest.fixture(scope='module')
def whole(split_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    trained(split_folder, folder)
    return folder


def check_equal(one, other, close=torch.equal):
    """Weights, buffers, averaged weights and momenta, bit for bit."""
    for part in ('state_dict', 'ema_state_dict'):
        assert (part in one) is (part in other)
        for name, value in one.get(part, {}).items():
            assert close(value, other[part][name]), (part, name)
    states = [checkpoint['optimizer']['state'] for checkpoint in (one, other)]
    assert states[0].keys() == states[1].keys() != set()
    assert any(state['momentum_buffer'].any() for state in states[0].values())
    for index, state in states[0].items():
        assert close(state['momentum_buffer'], states[1][index]['momentum_buffer']), index


@pytest.mark.parametrize('epoch', [1, 2])
def test_a_resumed_run_completes_the_step(split_folder, tmp_path, whole, epoch):
    trained(split_folder, tmp_path, begin=whole / f'epoch_{epoch}.pth')
    for later in range(epoch + 1, 4):
        check_equal(saved(whole / f'epoch_{later}.pth'), saved(tmp_path / f'epoch_{later}.pth'))


def test_with_averaged_weights_and_channels_last(split_folder, tmp_path):
    options = {'model.channels_last': True}
    hooks = [dict(type='EpochSeedHook'), dict(type='mmengine.EMAHook')]
    trained(split_folder, tmp_path / 'whole', custom_hooks=hooks, **options)
    begin = tmp_path / 'whole/epoch_1.pth'
    trained(split_folder, tmp_path / 'on', begin=begin, custom_hooks=hooks, **options)
    check_equal(*(saved(tmp_path / name / 'epoch_3.pth') for name in ('whole', 'on')))


def test_iterations_are_resumed_within_a_step(split_folder, tmp_path):
    options = dict(
        train_cfg=dict(_delete_=True, by_epoch=False, max_iters=9, val_interval=99),
        param_scheduler=None,
        default_hooks=dict(checkpoint=dict(by_epoch=False, interval=2)),
        train_dataloader=dict(sampler=dict(type='InfiniteSampler')),
    )
    trained(split_folder, tmp_path / 'whole', **options)
    trained(split_folder, tmp_path / 'on', begin=tmp_path / 'whole/iter_2.pth', **options)
    for iteration in (4, 6, 8, 9):
        check_equal(*(saved(tmp_path / name / f'iter_{iteration}.pth') for name in ('whole', 'on')))
        assert ('accumulated_gradients' in saved(tmp_path / f'on/iter_{iteration}.pth')) is (
            iteration % COUNTS > 0
        )


def test_the_best_checkpoint_noted_in_the_last_leaves_its_gradients(split_folder, tmp_path, whole):
    """The last one is written anew after the validation; the best one is without optimizer."""
    best = dict(default_hooks=dict(checkpoint=dict(save_best='fit', rule='greater')))
    runner = trained(split_folder, tmp_path, epochs=1, **best)
    runner.optim_wrapper._max_counts = 3 * STEPS  # it was the last iteration
    assert runner.optim_wrapper._inner_count == STEPS
    for parameter in runner.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    (hook,) = [h for h in runner.hooks if type(h).__name__ == 'WholeCheckpointHook']
    hook.after_val_epoch(runner, dict(fit=1.0))
    written = saved(tmp_path / 'epoch_1.pth')
    assert written['message_hub']['runtime_info']['best_score'] == 1.0
    assert (
        written['accumulated_gradients']['gradients'].keys()
        == dict(runner.model.named_parameters()).keys()
    )
    assert 'accumulated_gradients' not in saved(tmp_path / 'best_fit_epoch_1.pth')


def test_what_a_checkpoint_has(split_folder, tmp_path, whole):
    first, last = saved(whole / 'epoch_1.pth'), saved(whole / 'epoch_3.pth')
    assert set(first) - set(last) == {'accumulated_gradients'}
    kept = first['accumulated_gradients']
    assert kept['accumulative_counts'] == COUNTS
    for name, gradient in kept['gradients'].items():
        assert gradient.shape == first['state_dict'][name].shape
    # Not with one iteration for a step, and not where nothing can be resumed.
    for name, options in (
        ('one', {'optim_wrapper.accumulative_counts': 1}),
        ('bare', {'default_hooks.checkpoint.save_optimizer': False}),
    ):
        trained(split_folder, tmp_path / name, epochs=1, **options)
        assert 'accumulated_gradients' not in saved(tmp_path / name / 'epoch_1.pth')


def test_mmengine_resumes_it(split_folder, tmp_path, whole):
    stock = {'default_hooks.checkpoint.type': 'mmengine.CheckpointHook', 'custom_hooks': []}
    runner = trained(split_folder, tmp_path, begin=whole / 'epoch_1.pth', **stock)
    assert runner.iter == 3 * STEPS


def test_gradients_that_were_set_to_zero_are_of_no_step():
    model = torch.nn.Linear(2, 1)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 9)
    for names in ({'weight', 'bias'}, set()):
        wrapper.update_params(model(torch.ones(1, 2)).sum(), zero_kwargs=dict(set_to_none=False))
        assert set(open_gradients(model, wrapper)) == names
    assert model.weight.grad is not None


def gradients_at_the_first_step(monkeypatch, run):
    """Whether there are any where the loop begins, if it does."""
    from mmengine.runner import EpochBasedTrainLoop

    found = []
    begin = EpochBasedTrainLoop.run_epoch

    def look(loop):
        if not found:
            found.append(any(p.grad is not None for p in loop.runner.model.parameters()))
        begin(loop)

    monkeypatch.setattr(EpochBasedTrainLoop, 'run_epoch', look)
    run()
    monkeypatch.undo()
    return found[0] if found else None


@pytest.mark.parametrize(
    ('options', 'there', 'said'),
    [
        ({}, True, 'is within a step of 3 iterations: it goes on'),
        # There is nothing to go on with.
        ({'train_cfg.max_epochs': 1}, None, None),
        # Of another step; and of no run that goes on.
        ({'optim_wrapper.accumulative_counts': 2}, False, 'accumulative_counts=3, not 2'),
        ({'resume': False}, False, None),
    ],
)
def test_gradients_are_those_of_the_step(
    split_folder, tmp_path, whole, monkeypatch, options, there, said
):
    run = functools.partial(trained, split_folder, tmp_path, begin=whole / 'epoch_1.pth', **options)
    assert gradients_at_the_first_step(monkeypatch, run) is there
    log = next(tmp_path.glob('*/*.log')).read_text()
    # What mmengine warns of is set right by a warning.
    counts = options.get('optim_wrapper.accumulative_counts', COUNTS)
    warned = options.get('resume', True) and STEPS % counts > 0
    assert log.count('gradient of some iterations is lost and') == warned
    assert log.count('is lost does not hold') == (there is True)
    for text in ('is within a step of', 'accumulative_counts=3, not'):
        assert (text in log) is (said is not None and text in said)


def test_an_epoch_that_is_begun_anew_has_no_gradients(split_folder, tmp_path, monkeypatch):
    """From a checkpoint within it; its steps begin where its iterations do."""
    within = {'default_hooks.checkpoint.by_epoch': False, 'default_hooks.checkpoint.interval': 5}
    trained(split_folder, tmp_path / 'within', **within)
    begin = tmp_path / 'within/iter_5.pth'
    assert 'accumulated_gradients' in saved(begin)
    runs = []

    def run():
        runs.append(trained(split_folder, tmp_path / 'on', begin=begin))

    assert gradients_at_the_first_step(monkeypatch, run) is False
    assert runs[0].optim_wrapper.inner_count == runs[0].iter == 3 * STEPS
    assert (tmp_path / 'on/epoch_3.pth').exists()


def test_the_last_step_may_become_a_whole_one(split_folder, tmp_path):
    """A loss of it is a half there, and a third here; and the other way round."""
    options = dict(
        param_scheduler=None,
        default_hooks=dict(checkpoint=dict(by_epoch=False, interval=4)),
        train_dataloader=dict(sampler=dict(type='InfiniteSampler')),
    )

    def until(iterations, name, **more):
        loop = dict(_delete_=True, by_epoch=False, max_iters=iterations, val_interval=99)
        trained(split_folder, tmp_path / name, train_cfg=loop, **options, **more)

    until(5, 'short')
    until(6, 'long')
    for before, after, end in (('short', 'long', 6), ('long', 'short', 5)):
        until(end, f'{before}_{after}', begin=tmp_path / before / 'iter_4.pth')
        files = (tmp_path / name / f'iter_{end}.pth' for name in (after, f'{before}_{after}'))
        check_equal(*map(saved, files), functools.partial(torch.allclose, rtol=1e-5, atol=1e-6))


def test_gradients_are_kept_for_a_training_alone(split_folder, tmp_path, whole):
    for begin in ('val', 'test'):
        cfg = tiny_run_cfg(split_folder, tmp_path / begin)
        cfg.default_hooks.checkpoint = dict(type='WholeCheckpointHook')
        cfg.load_from = str(whole / 'epoch_1.pth')
        runner = Runner.from_cfg(cfg)
        getattr(runner, begin)()
        (hook,) = [h for h in runner.hooks if type(h).__name__ == 'WholeCheckpointHook']
        assert hook._loaded is None


def test_gradients_go_where_the_checkpoint_is_not_written(split_folder, tmp_path, monkeypatch):
    runner = trained(split_folder, tmp_path, epochs=1)
    (hook,) = [h for h in runner.hooks if type(h).__name__ == 'WholeCheckpointHook']
    runner.optim_wrapper._max_counts = 3 * STEPS
    for parameter in runner.model.parameters():
        parameter.grad = torch.ones_like(parameter)

    def fail(*_, **__):
        assert hook._gradients
        raise OSError('disk full')

    monkeypatch.setattr(runner, 'save_checkpoint', fail)
    with pytest.raises(OSError, match='disk full'):
        hook._save_checkpoint(runner)
    hook.before_save_checkpoint(runner, other := {})  # somebody else's
    assert other == {}


def test_the_loss_scale_is_read_once(monkeypatch):
    """Each time waits for the device."""
    model = torch.nn.Linear(2, 1)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2)
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=4.0)
    wrapper.initialize_count_status(model, 0, 9)
    wrapper.update_params(model(torch.ones(1, 2)).sum())
    reads = []
    monkeypatch.setattr(wrapper.loss_scaler, 'get_scale', lambda: reads.append(0) or 4.0)
    gradients = mean_gradients(model, wrapper)
    assert [value.tolist() for value in gradients.values()] == [[[0.125, 0.125]], [0.125]]
    restore_gradients(model, wrapper, gradients, weight=0.5)
    assert model.weight.grad.tolist() == [[0.5, 0.5]]
    assert len(reads) == 2


@pytest.mark.parametrize('scale', [1.0, 4.0])
def test_a_loss_scale_may_be_another(split_folder, tmp_path, monkeypatch, whole, scale):
    """What is saved is without it, and the step goes on with that of the run."""
    module = 'mmengine.optim.optimizer.amp_optimizer_wrapper'
    monkeypatch.setattr(f'{module}.is_cuda_available', lambda: True)
    on_cpu = functools.partial(torch.amp.GradScaler, device='cpu')
    monkeypatch.setattr(f'{module}.GradScaler', on_cpu)
    monkeypatch.setattr('mmengine.runner.amp.autocast', lambda **_: nullcontext())
    amp = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'bfloat16'}
    scaled = {'optim_wrapper.loss_scale': dict(enabled=scale > 1, init_scale=scale)}
    trained(split_folder, tmp_path / 'to', begin=whole / 'epoch_1.pth', **amp, **scaled)
    trained(split_folder, tmp_path / 'scaled', **amp, **scaled)
    trained(split_folder, tmp_path / 'from', begin=tmp_path / 'scaled/epoch_1.pth')
    # Powers of two: they round nothing.
    for name in ('to', 'scaled', 'from'):
        check_equal(saved(whole / 'epoch_3.pth'), saved(tmp_path / name / 'epoch_3.pth'))


@pytest.mark.slow
def test_two_processes_complete_the_step(split_folder, tmp_path):
    """The mean of their gradients is saved: what each adds to it is averaged as well."""

    def train(rank: int) -> None:
        options = {'train_dataloader.batch_size': 2, 'launcher': 'pytorch'}
        wrapper = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
        options['model_wrapper_cfg'] = dict(wrapper, device_ids=None)  # CPUs
        trained(split_folder, tmp_path / 'whole', **options)
        begin = tmp_path / 'whole/epoch_1.pth'
        trained(split_folder, tmp_path / 'on', begin=begin, **options)

    run_pair(train, tmp_path)
    for epoch in (2, 3):
        files = [saved(tmp_path / name / f'epoch_{epoch}.pth') for name in ('whole', 'on')]
        check_equal(*files, functools.partial(torch.allclose, rtol=1e-5, atol=1e-6))
