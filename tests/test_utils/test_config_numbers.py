"""Values of configs that are no numbers."""

import pytest
from mmengine.config import Config

from bas_mm.utils.config_numbers import describe_wrong_number

CONFIG = dict(
    train_dataloader=dict(batch_size=8, num_workers=2),
    train_cfg=dict(max_epochs=5, val_interval=1),
    val_cfg=dict(),
    optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4)),
    param_scheduler=[dict(type='LinearLR', begin=0, end=3), dict(type='StepLR', step_size=2)],
)


@pytest.mark.parametrize(
    ('key', 'value', 'said'),
    [
        (
            'optim_wrapper.optimizer.lr',
            [0, 1],
            '=[0, 1]: a number is needed, and a comma makes a list; decimals have a point: write',
        ),
        ('optim_wrapper.optimizer.weight_decay', '1e', "='1e': a number is needed"),
        ('optim_wrapper.accumulative_counts', 'x', "='x': a whole number is needed"),
        ('train_cfg.max_epochs', 'abc', "='abc': a whole number is needed"),
        ('train_cfg.max_iters', 2.5, '=2.5: a whole number is needed'),
        ('train_cfg.val_interval', True, '=True: a whole number is needed'),
        (
            'train_dataloader.batch_size',
            [1, 6],
            '=[1, 6]: a whole number is needed, and a comma makes a list',
        ),
        ('val_dataloader.num_workers', 'two', "='two': a whole number is needed"),
        ('val_dataloader.num_workers', 2.0, '=2.0: a whole number is needed'),
        ('optim_wrapper.optimizer.momentum', float('nan'), '=nan: a number is needed'),
        ('train_dataloader.batch_size', 0, '=0: at least 1 is needed'),
        ('val_dataloader.batch_size', -1, '=-1: at least 1 is needed'),
        ('train_dataloader.num_workers', -1, '=-1: at least 0 is needed'),
        ('train_cfg.max_epochs', -1, '=-1: at least 0 is needed'),
        ('train_cfg.max_iters', -1, '=-1: at least 0 is needed'),
        ('train_cfg.val_interval', 0, '=0: at least 1 is needed'),
        ('optim_wrapper.accumulative_counts', 0, '=0: at least 1 is needed'),
        ('param_scheduler.0.end', 'x', "='x': a number is needed"),
        ('param_scheduler.1.step_size', 'x', "='x': a number is needed"),
    ],
)
def test_what_is_no_number_is_named(key, value, said):
    cfg = Config(CONFIG)
    assert describe_wrong_number(cfg) is None
    cfg.merge_from_dict({key: value})
    found = describe_wrong_number(cfg)
    assert found.startswith(key + said)
    # How decimals are written is no matter of whole numbers.
    assert 'whole' not in found or '0.001' not in found


@pytest.mark.parametrize(
    'change',
    [
        dict(train_cfg=dict(max_epochs=5.0, val_interval=float('inf'))),
        dict(train_cfg=dict(max_epochs=0)),  # of what is only tested
        # mmengine takes it for 1, and looks at none where nothing is validated.
        dict(train_cfg=dict(max_epochs=5, val_interval=-1)),
        dict(train_cfg=dict(max_epochs=5, val_interval=0), val_cfg=None),
        dict(train_dataloader=dict(batch_size=1, num_workers=0)),
        dict(train_dataloader=None, param_scheduler=None),
        dict(train_dataloader=dict(batch_size=None)),
        # Several optimizers.
        dict(optim_wrapper=dict(constructor='x', a=dict(optimizer=dict(lr=0.1)))),
        dict(param_scheduler=dict(a=[dict(type='StepLR', step_size=1)])),
        # mmengine makes iterations of parts of an epoch.
        dict(
            param_scheduler=[dict(type='LinearLR', begin=0.5, end=1.5, convert_to_iter_based=True)]
        ),
        dict(param_scheduler=[dict(type='CosineAnnealingLR', T_max=2.5, end=float('inf'))]),
        dict(param_scheduler=[dict(type='StepLR', step_size=0.5, total_iters=0.5)]),
    ],
)
def test_other_forms_are_let_pass(change):
    assert describe_wrong_number(Config({**CONFIG, **change})) is None


def test_one_scheduler_alone():
    cfg = Config({**CONFIG, 'param_scheduler': dict(type='StepLR', step_size='80x')})
    assert describe_wrong_number(cfg).startswith("param_scheduler.step_size='80x': a number")
