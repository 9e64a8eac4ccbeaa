"""Configs with one mistake each in the settings of a part."""

import pytest
from failing_calls import said_of
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg

from bas_mm.registry import HOOKS
from bas_mm.utils.input_errors import describe_input_error


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        (
            dict(model__head__num_clases=3),
            'model.head.num_clases: BASHead takes no num_clases; like it are num_classes',
        ),
        (
            dict(optim_wrapper__optimizer__momentun=0.9),
            'optim_wrapper.optimizer.momentun: SGD takes no momentun; like it are momentum',
        ),
        # Arguments that only a base of the data set has.
        *(
            (
                dict(train_dataloader__dataset=dict(_delete_=True, **dataset, pipelin=[])),
                f'train_dataloader.dataset.pipelin: {dataset["type"]} takes no pipelin; like it '
                'are pipeline',
            )
            for dataset in (
                dict(type='CUB200', split='train'),
                dict(type='VOC12MultiLabel'),
                dict(type='COCO14MultiLabel'),
                dict(type='MultiLabelList', ann_file='list.txt', classes=2),
            )
        ),
        (dict(train_dataloader__batchsize=2), 'train_dataloader.batchsize: DataLoader takes no'),
        (dict(train_cfg__max_epoch=3), 'train_cfg.max_epoch: EpochBasedTrainLoop takes no'),
        # Of a part that is right elsewhere, and where the loop has a type.
        (dict(val_cfg__topk=1), 'val_cfg.topk: ValLoop takes no topk'),
        (
            dict(val_cfg__type='ValLoop', val_dataloader__batchsize=2),
            'val_dataloader.batchsize: DataLoader takes no batchsize',
        ),
        (
            dict(param_scheduler=dict(_delete_=True, type='MultiStepLR', milestones=[1], gama=0.1)),
            'param_scheduler.gama: MultiStepLR takes no gama; like it are gamma',
        ),
        (
            dict(param_scheduler=dict(_delete_=True, type='MultiStepLR')),
            "param_scheduler: MultiStepLR needs 'milestones'",
        ),
        # Handed on by the set's own type.
        (
            dict(train_dataloader__dataset__metainf={}),
            'train_dataloader.dataset.metainf: SplitFolder takes no metainf; like it are metainfo',
        ),
        (
            dict(
                param_scheduler=dict(
                    **dict(_delete_=True, type='PolyLR', powr=1),
                    **dict(begin=0, end=1, by_epoch=True, convert_to_iter_based=True),
                )
            ),
            'param_scheduler.powr: PolyLR takes no powr; like it are power',
        ),
        # mmcv's parent of the transform has it.
        (
            dict(train_dataloader__dataset__pipeline__0__ignore_empty=True),
            'train_dataloader.dataset.pipeline.0.ignore_empty: LoadLocImage takes no ignore_empty',
        ),
        (
            dict(model__generator=dict(type='ForegroundGenerator', _delete_=True)),
            "model.generator: ForegroundGenerator needs 'num_classes' and 'in_channels'",
        ),
        # What the types of other packages say of their settings.
        (
            dict(optim_wrapper__optimizer__weight_decay=-1),
            'optim_wrapper.optimizer: Invalid weight_decay value: -1',
        ),
        (dict(default_hooks__logger__interval=0), 'default_hooks.logger: interval must be greater'),
        (
            dict(default_hooks__checkpoint=dict(type='CheckpointHook', save_best='qqqq')),
            'default_hooks.checkpoint: Cannot infer the rule for key qqqq',
        ),
        (dict(model__backbone__depth=19), 'model.backbone: invalid depth 19 for resnet'),
        # What is no number, though nothing says so.
        (
            dict(model__head__hidden_channels='1O24'),
            "model.head.hidden_channels='1O24': a whole number is needed",
        ),
        (
            dict(model__head__hidden_channels=[1, 24]),
            'model.head.hidden_channels=[1, 24]: a whole number is needed, and a comma makes a',
        ),
        (
            dict(model__backbone__stem_channels='x'),
            "model.backbone.stem_channels='x': a whole number is needed",
        ),
        (
            dict(
                default_hooks__visualization=dict(
                    type='LocalizationVisualizationHook', interval='x'
                )
            ),
            "default_hooks.visualization.interval='x': a whole number is needed",
        ),
        # After the first validation.
        (
            dict(
                default_hooks__checkpoint=dict(
                    type='CheckpointHook', save_best='gt_known', rule='greater'
                )
            ),
            'default_hooks.checkpoint.save_best: the validation gives no gt_known; it gives '
            'localization/top1_loc',
        ),
        (dict(randomness=dict(sed=4)), 'randomness.sed: it takes no sed; like it are seed'),
    ],
)
def test_mistakes_of_a_config(description, settings, expected):
    said = description(**settings)
    assert said.startswith(expected)
    assert '\n' not in said


def test_validation_and_test_of_equal_settings(data, tmp_path):
    for phase, loop in (('val', 'ValLoop'), ('test', 'TestLoop')):
        cfg = tiny_run_cfg(data, tmp_path / phase, epochs=1)
        cfg.val_cfg = cfg.test_cfg = dict(topk=1)
        said = said_of(getattr(Runner.from_cfg(cfg), phase), cfg=dict(cfg.items()))
        assert said == f'{phase}_cfg.topk: {loop} takes no topk'


def test_a_loader_that_is_built_by_itself():
    part = dict(dataset=[1, 2], sampler=dict(type='DefaultSampler', shuffle=False), batchsize=2)
    cfg = dict(train_dataloader=dict(batch_size=2), test_dataloader=part)
    said = said_of(Runner.build_dataloader, part, cfg=cfg)
    assert said == 'test_dataloader.batchsize: DataLoader takes no batchsize'
    assert said_of(Runner.build_dataloader, part, cfg=dict(train_dataloader=None)) is None


class Strict:
    """A part with two arguments."""

    def __init__(self, given, added):
        raise TypeError('never reached')


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setitem(HOOKS.module_dict, 'Strict', Strict)


def hook(**settings):
    return dict(type='Strict', **settings)


@pytest.mark.parametrize(
    ('parts', 'built', 'expected'),
    [
        # mmengine adds defaults, and takes settings out, before it builds.
        ([hook(given=1), hook(given=2)], hook(given=1, unknown=3), 'hooks.0'),
        ([hook(given=1), hook(given=2)], hook(given=2, unknown=3), 'hooks.1'),
        ([dict(type='Other'), hook(given=1)], hook(unknown=3), 'hooks.1'),
        # Nearer than one of which it has all.
        ([hook(), hook(given=1, unknown=3)], hook(given=1, unknown=3), 'hooks.1'),
        # The first of two.
        ((hook(unknown=3), hook(unknown=3)), hook(unknown=3), 'hooks.0'),
    ],
)
@pytest.mark.usefixtures('strict')
def test_part_built_from_a_changed_copy_is_found(parts, built, expected):
    said = said_of(HOOKS.build, built, cfg=dict(hooks=parts))
    assert said == f'{expected}.unknown: Strict takes no unknown'


@pytest.mark.usefixtures('strict')
def test_the_first_part_of_the_phase():
    def build_val_loop():
        HOOKS.build(hook(unknown=3))

    cfg = {name: hook(unknown=3) for name in ('train_x', 'val_x', 'val_y')}
    assert said_of(build_val_loop, cfg=cfg) == 'val_x.unknown: Strict takes no unknown'


@pytest.mark.parametrize('part', [hook(unknown=3), hook(), dict(type='Qqqq')])
@pytest.mark.usefixtures('strict')
def test_part_that_is_none_of_the_config(part):
    assert said_of(HOOKS.build, part) is None


@pytest.mark.usefixtures('strict')
def test_arguments_that_nobody_gives_by_name_are_not_proposed():
    part = hook(selve=3)
    said = said_of(HOOKS.build, part, cfg=dict(part=part))
    assert said == 'part.selve: Strict takes no selve'


def test_functions_are_types_as_well(monkeypatch):
    def make(given):
        raise TypeError('never reached')

    monkeypatch.setitem(HOOKS.module_dict, 'make', make)
    for settings, expected in (
        (dict(givn=1), 'part.givn: make takes no givn; like it are given'),
        (dict(), "part: make needs 'given'"),
    ):
        part = dict(type='make', **settings)
        assert said_of(HOOKS.build, part, cfg=dict(part=part)) == expected


@pytest.mark.parametrize('proposal', ['', ". Did you mean 'given'?"])
def test_what_python_proposes_itself(monkeypatch, proposal):
    """Python 3.13 does, of its own accord: it is put into the messages of others."""

    def make(given):
        raise AssertionError('never reached')

    monkeypatch.setitem(HOOKS.module_dict, 'make', make)
    part = dict(type='make', givn=1)
    with pytest.raises(TypeError) as caught:
        HOOKS.build(part)
    caught.value.args = (str(caught.value).partition('. Did')[0] + proposal,)
    said = describe_input_error(caught.value, dict(part=part))
    assert said == 'part.givn: make takes no givn; like it are given'


def test_a_call_that_lacks_an_argument_where_nothing_is_built():
    assert said_of(lambda given: None) is None


def test_lists_where_one_number_would_do_are_not_blamed(description):
    """ConvNeXt's out_indices is one index or several, which its default alone does not tell."""
    backbone = dict(_delete_=True, type='mmpretrain.ConvNeXt', arch='tiny', out_indices=[2, 3])
    said = description(model__backbone=dict(backbone, norm_cfg=dict(type='LN2d', epss=1)))
    assert said is None
    said = description(model__backbone=dict(backbone, out_indices='3'))
    assert said == "model.backbone.out_indices='3': a whole number is needed"
