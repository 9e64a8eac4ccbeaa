"""Modules of this package under the default scope of another: their own parts are found there."""

import pytest
import torch
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, DefaultScope, Registry
from tiny import samples_of, tiny_model_cfg, tiny_multi_label_model_cfg
from tiny_irn import tiny_irn_cfg

from bas_mm import registry
from bas_mm.utils import register_all_modules

register_all_modules(init_default_scope=False)

RESNET = tiny_multi_label_model_cfg()['backbone']
_HEAD = dict(num_classes=2, in_channels=8)
_LOSSES = dict(
    loss_fg=dict(type='mmpretrain.CrossEntropyLoss'),
    loss_amc=dict(type='bas_mm.AMCLoss', area_weight=1.0),
)


def _scoped(cfg):
    """A config as it is written under another scope: what it names of ours it names with ours."""
    if isinstance(cfg, list):
        return [_scoped(value) for value in cfg]
    if not isinstance(cfg, dict):
        return cfg
    cfg = {key: _scoped(value) for key, value in cfg.items()}
    if 'type' in cfg and '.' not in cfg['type']:
        cfg['type'] = f'bas_mm.{cfg["type"]}'
    return cfg


def _without(cfg, *keys):
    return {key: value for key, value in cfg.items() if key not in keys}


# What each needs beside its defaults.
ARGUMENTS = {
    'MODELS': dict(
        AMCLoss=dict(area_weight=1.0),
        BASClassifier=_without(tiny_model_cfg(), 'data_preprocessor'),
        BASHead=dict(**_HEAD, **_LOSSES),
        BASInceptionV3={},
        BASSegClassifier=tiny_multi_label_model_cfg(),
        BASSegHead=dict(**_HEAD, **_LOSSES),
        CAMClassifier=_without(tiny_model_cfg('CAMClassifier'), 'data_preprocessor'),
        CAMHead=_HEAD,
        DeepLabV2Head=_HEAD,
        ForegroundGenerator=_HEAD,
        IRNet=tiny_irn_cfg(),
        LocalizationDataPreprocessor={},
        MobileNetV1={},
        MultiLabelCAMClassifier=tiny_multi_label_model_cfg('MultiLabelCAMClassifier'),
        MultiLabelCAMHead=_HEAD,
        MultiScaleEncoderDecoder=dict(
            backbone=RESNET,
            decode_head=dict(type='DeepLabV2Head', num_classes=2, in_channels=64),
            data_preprocessor=dict(type='mmseg.SegDataPreProcessor'),
        ),
        PositivesAgainstNegativesLoss={},
        WaitFreeSyncBatchNorm=dict(num_features=4),
    ),
    'METRICS': dict(
        CocoBoxWriter=dict(out_file='boxes.json', threshold=0.5),
        DetectionLocalizationMetric={},
        LocalizationMetric={},
        MapWriter=dict(out_dir='maps'),
        MaxBoxAcc={},
        MaxBoxAccV2={},
        PxAP={},
        ViewBoxAcc={},
    ),
    'TRANSFORMS': dict(
        KeepLocalizationTruth=dict(view=[dict(type='LocResize', scale=4)]),
        LoadLabelMap={},
        LoadLocImage={},
        LoadLocMask={},
        LoadResizedImage=dict(cache_dir='resized'),
        LocCenterCrop=dict(crop_size=4),
        LocCropBottom=dict(pixels=4),
        LocRandomCrop=dict(crop_size=4),
        LocRandomFlip={},
        LocResize=dict(scale=4),
        LocTenCrop=dict(crop_size=4),
        PackLocalizationInputs={},
        RandomScale=dict(ratio_range=(1, 2)),
    ),
    'HOOKS': dict(
        CheckpointKeysHook={},
        ClassCountHook={},
        DeferredRuntimeInfoHook={},
        DetectionVisualizationHook={},
        DisplacementMeanHook=dict(pipeline=[dict(type='LoadLocImage')]),
        EmptyLoaderHook={},
        EpochSeedHook={},
        LocalizationVisualizationHook={},
        NeededBoxesHook={},
        NonFiniteLossHook={},
        WholeCheckpointHook={},
    ),
    'VISUALIZERS': dict(LocalizationVisualizer=dict(name='of_another_scope')),
}
NAMES = [(kind, name) for kind, modules in ARGUMENTS.items() for name in modules]


@pytest.fixture(autouse=True)
def other_scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


@pytest.mark.parametrize('kind', ARGUMENTS)
def test_all_of_ours_are_tried(kind):
    ours = getattr(registry, kind).module_dict.items()
    names = {name for name, module in ours if module.__module__.startswith('bas_mm.')}
    assert names == set(ARGUMENTS[kind])


def test_no_registry_is_forgotten():
    # Data sets need files and build nothing but the transforms of their pipeline; what begins
    # weights belongs to models, inferencers read them; optimizers have a test below.
    others = {'DATASETS', 'INFERENCERS', 'WEIGHT_INITIALIZERS'}
    others |= {'OPTIM_WRAPPERS', 'OPTIM_WRAPPER_CONSTRUCTORS'}
    found = {
        kind
        for kind, modules in vars(registry).items()
        if isinstance(modules, Registry)
        and any(m.__module__.startswith('bas_mm.') for m in modules.module_dict.values())
    }
    assert found == others | set(ARGUMENTS)


@pytest.mark.parametrize(('kind', 'name'), NAMES)
def test_it_is_built_with_its_own_defaults(kind, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = _scoped({**ARGUMENTS[kind][name], 'type': name})
    own = getattr(registry, kind)
    assert type(own.build(dict(cfg))).__name__ == name
    # As a runner of that scope does.
    assert type(own.parent.build(dict(cfg))).__name__ == name


@pytest.mark.parametrize(
    'cfg', [ARGUMENTS['MODELS'][name] for name in ('BASClassifier', 'BASSegClassifier')]
)
def test_what_was_built_trains(cfg):
    model = registry.MODELS.build(_scoped(cfg))
    batch = dict(
        inputs=[torch.zeros(3, 32, 32, dtype=torch.uint8)] * 2, data_samples=samples_of((0, 1))
    )
    losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
    assert all(value.isfinite() for value in losses.values())


def test_the_recipes_optimizer():
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type='bas_mm.RecipeOptimWrapperConstructor',
            optim_wrapper_cfg=dict(optimizer=dict(type='SGD', lr=0.1)),
        )
    )
    model = registry.MODELS.build(_scoped(tiny_model_cfg()))
    assert len(constructor(model).optimizer.param_groups) == 4
