"""EpochSeedHook: what random numbers follow from."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.runner import IterBasedTrainLoop, get_priority
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import BatchSampler, DataLoader, Dataset

from bas_mm.engine.hooks import EpochSeedHook


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    """mmengine waits two seconds wherever data begin anew."""
    monkeypatch.setattr('mmengine.runner.loops.time', SimpleNamespace(sleep=lambda _: None))


class Noise(Dataset):
    """Each item is what the three generators give just then."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor([random.random(), np.random.rand(), torch.rand(()).item()])  # noqa: NPY002


class OtherBatches(BatchSampler):
    """A batch sampler that is not torch's own."""


def make_runner(workers=0, persistent=False, seed=3):
    loader = DataLoader(
        Noise(),
        batch_size=2,
        num_workers=workers,
        persistent_workers=persistent,
        sampler=DefaultSampler(Noise(), seed=11),
    )
    return SimpleNamespace(
        train_dataloader=loader, seed=seed, epoch=0, iter=0, _randomness_cfg={'seed': seed}
    )


def draw(runner, epochs):
    """Items of some epochs, started from a hook of their own as a resumed run does."""
    hook = EpochSeedHook()
    hook.before_train(runner)
    items = []
    for epoch in epochs:
        runner.epoch, runner.iter = epoch, epoch * 4
        hook.before_train_epoch(runner)
        items.append(torch.cat(list(runner.train_dataloader)))
    return torch.stack(items)


@pytest.mark.parametrize(('workers', 'persistent'), [(0, False), (2, False), (2, True)])
def test_an_epochs_numbers_do_not_depend_on_what_came_before(workers, persistent):
    whole = draw(make_runner(workers, persistent), range(3))
    torch.rand(17)
    resumed = draw(make_runner(workers, persistent), [2])
    assert torch.equal(whole[2], resumed[0])
    # No number twice: neither in two epochs, nor in two workers, nor in two generators.
    assert len(whole.flatten().unique()) == whole.numel()


def test_seed_and_process_matter(monkeypatch):
    first = draw(make_runner(), [0])
    assert torch.equal(first, draw(make_runner(), [0]))
    assert not torch.equal(first, draw(make_runner(seed=4), [0]))
    monkeypatch.setattr('bas_mm.engine.hooks.epoch_seed_hook.get_rank', lambda: 1)
    assert not torch.equal(first, draw(make_runner(), [0]))


def test_the_iteration_tells_a_resumed_run_of_one_endless_epoch_from_its_beginning():
    items = []
    for iteration in (0, 100):
        runner = make_runner()
        hook = EpochSeedHook()
        hook.before_train(runner)
        runner.iter = iteration
        hook.before_train_epoch(runner)
        items.append(torch.cat(list(runner.train_dataloader)))
    assert len(torch.stack(items).unique()) == 2 * items[0].numel()


def iterate(runner, first, count, steps=False, fast=False):
    """Batches of a real loop that is counted in iterations, started at one of them."""
    runner.iter = first
    runner.train_loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    runner.train_loop.fast_forward_on_resume = fast
    # The loop makes it before any hook is called.
    iterator, items = _InfiniteDataloaderIterator(runner.train_dataloader), []
    hook = EpochSeedHook()
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    if not fast:
        iterator.skip_iter(first)
    for runner.iter in range(first, first + count):
        batch = next(iterator)
        hook.before_train_iter(runner, runner.iter)
        drawn = Noise()[0] if steps else torch.zeros(0)
        items.append(torch.cat([batch.flatten(), drawn]))
        hook.after_train_iter(runner, runner.iter)
        if runner.iter % 3 == 2:  # a validation, which draws too
            runner.iter += 1
            torch.rand(5), random.random(), np.random.rand()  # noqa: NPY002
            hook.after_val_epoch(runner)
    return torch.stack(items)


def endless(workers=0, batches=BatchSampler, persistent=False):
    runner = make_runner()
    runner.train_dataloader = DataLoader(
        Noise(),
        num_workers=workers,
        persistent_workers=persistent,
        batch_sampler=batches(InfiniteSampler(Noise(), seed=11), 2, False),
    )
    return runner


@pytest.mark.parametrize('first', [3, 4])
@pytest.mark.parametrize('workers', [0, 1, 3])
def test_iterations_that_are_resumed_draw_what_they_would_have_drawn(workers, first):
    whole = iterate(endless(), 0, 8, steps=True)
    assert len(whole.unique()) == whole.numel()
    torch.rand(17)
    assert torch.equal(iterate(endless(workers), first, 8 - first, steps=True), whole[first:])


@pytest.mark.parametrize('persistent', [False, True])
def test_a_batch_sampler_of_its_own_is_resumed_from_its_beginning(persistent):
    """mmengine's loop does not know how many indices such a one takes."""
    whole = iterate(endless(), 0, 7)
    for first in (3, 5):
        runner = endless(2, OtherBatches, persistent)
        assert torch.equal(iterate(runner, first, 7 - first), whole[first:])


@pytest.mark.parametrize(('workers', 'persistent'), [(0, False), (2, False), (3, True), (5, True)])
def test_iterations_over_data_that_end_draw_anew_in_each_pass(workers, persistent):
    whole = iterate(make_runner(workers, persistent), 0, 12)
    assert len(whole.unique()) == whole.numel()
    assert torch.equal(whole, iterate(make_runner(), 0, 12))
    for first in (3, 4, 8, 10):
        resumed = iterate(make_runner(workers, persistent), first, 12 - first)
        assert torch.equal(whole[first:], resumed)


@pytest.mark.parametrize(('workers', 'persistent'), [(0, False), (2, False), (3, True)])
def test_iterations_that_are_resumed_without_what_was_trained_on(workers, persistent):
    """fast_forward_on_resume begins the data anew; the numbers are those of the iteration."""
    whole = iterate(make_runner(), 0, 9)
    assert torch.equal(iterate(make_runner(workers, persistent), 3, 6, fast=True), whole[3:])


def test_what_the_loader_wanted_done_in_the_workers_of_iterations_is_done():
    runner = endless(workers=1)
    runner.train_dataloader.worker_init_fn = mark
    assert iterate(runner, 0, 2).shape == (2, 2 * 4)


def test_no_hook_draws_before_the_epoch_is_seeded():
    assert get_priority(EpochSeedHook.priority) < get_priority('HIGH')


def test_what_the_loader_wanted_done_in_workers_is_done():
    runner = make_runner(workers=1)
    runner.train_dataloader.worker_init_fn = mark
    hook = EpochSeedHook()
    hook.before_train(runner)
    for epoch in range(2):
        runner.epoch = epoch
        hook.before_train_epoch(runner)
        items = list(runner.train_dataloader)
        assert len(items) == 4
        assert torch.cat(items).shape == (8, 4)


def mark(worker_id):
    inner = Noise.__getitem__
    Noise.__getitem__ = lambda self, index: torch.cat([inner(self, index), torch.ones(1)])


def test_the_sampler_gets_the_seed_of_a_resumed_run():
    runner = make_runner(seed=5)
    EpochSeedHook().before_train(runner)
    assert runner.train_dataloader.sampler.seed == 5
    runner = make_runner(seed=5)
    runner._randomness_cfg['diff_rank_seed'] = True
    EpochSeedHook().before_train(runner)
    assert runner.train_dataloader.sampler.seed == 11


def test_the_sampler_within_a_batch_sampler_gets_the_seed_of_a_resumed_run():
    """As in configs of detectors, whose batches hold pictures of one orientation."""
    sampler = DefaultSampler(Noise(), seed=11)
    runner = make_runner(seed=5)
    runner.train_dataloader = DataLoader(Noise(), batch_sampler=OtherBatches(sampler, 2, False))
    EpochSeedHook().before_train(runner)
    assert sampler.seed == 5
