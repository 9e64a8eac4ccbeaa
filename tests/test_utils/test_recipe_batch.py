import pytest
from mmengine.config import Config

from bas_mm.utils.recipe_batch import (
    accumulative_counts,
    describe_other_batch,
    is_rate_scaled,
    recipe_batch,
)


def _config(batch=8, recipe=32, counts=None) -> Config:
    return Config(
        dict(
            train_dataloader=dict(batch_size=batch),
            optim_wrapper=dict() if counts is None else dict(accumulative_counts=counts),
            auto_scale_lr=dict(enable=False, base_batch_size=recipe),
        )
    )


@pytest.mark.parametrize(
    ('values', 'processes'),
    [((32,), 1), ((8,), 4), ((8, 32, 4), 1), ((8, 32, 2), 2), ((8, 32.0), 4)],
)
def test_the_recipes_batch_is_nothing_to_say(values, processes):
    assert describe_other_batch(_config(*values), processes) is None


@pytest.mark.parametrize(
    ('values', 'processes', 'batch', 'advice'),
    [
        (
            (8,),
            1,
            '8',
            'set train_dataloader.batch_size=32 or optim_wrapper.accumulative_counts=4, or pass '
            '--auto-scale-lr',
        ),
        # More of them than the recipe has: no number of iterations makes them less.
        ((32,), 4, '128 (32 × 4 processes)', 'set train_dataloader.batch_size=8, or pass '),
        (
            (32, 64, 4),
            2,
            '256 (32 × 2 processes × 4 accumulated iterations)',
            'set train_dataloader.batch_size=8 or optim_wrapper.accumulative_counts=1, or pass ',
        ),
        # Neither a half of 15 pictures nor one and a half iterations.
        ((5, 15), 2, '10 (5 × 2 processes)', 'pass --auto-scale-lr'),
        # No process can have a third of them.
        ((32,), 3, '96 (32 × 3 processes)', 'pass --auto-scale-lr'),
    ],
)
def test_another_batch_is_said_with_what_to_do(values, processes, batch, advice):
    recipe = values[1] if len(values) > 1 else 32
    assert describe_other_batch(_config(*values), processes).startswith(
        f"this job's batch is {batch}, the recipe's is {recipe} "
        f'(auto_scale_lr.base_batch_size): {advice}'
    )


@pytest.mark.parametrize('unknown', [None, 0, -8, '32', [32], float('inf')])
def test_what_is_no_batch(unknown):
    """Is not known here, and refused where it is read."""
    assert recipe_batch(_config(recipe=unknown)) is None
    assert accumulative_counts(_config(counts=unknown)) == 1
    for config in (_config(recipe=unknown), _config(batch=unknown), Config({})):
        assert describe_other_batch(config, 4) is None
    bare = dict(auto_scale_lr=None, optim_wrapper='x', train_dataloader=[1])
    assert describe_other_batch(Config(bare), 4) is None
    assert accumulative_counts(Config(bare)) == 1
    assert not is_rate_scaled(Config(bare))


def test_nothing_is_said_where_the_rate_is_scaled():
    config = _config()
    assert not is_rate_scaled(config)
    config.auto_scale_lr.enable = True
    assert is_rate_scaled(config)
    assert describe_other_batch(config, 1) is None
