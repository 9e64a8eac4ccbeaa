"""DeepLabv2's configs: the figures of the recipe, and a run of each on generated files."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import mmseg
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from torch.nn import BatchNorm2d
from torch.utils.flop_counter import FlopCounterMode

from bas_mm.command_line import load_config
from bas_mm.models.segmentors.multi_scale_encoder_decoder import MultiScaleTestCfg
from bas_mm.registry import DATASETS, MODELS
from bas_mm.utils.dense_crf import CRFParams
from bas_mm.utils.palette import encode_palette_png, read_palette_png

CONFIGS = Path(__file__).resolve().parents[1] / 'configs/deeplabv2'
ALL = sorted(path.name for path in CONFIGS.glob('*.py'))
VOC = 'deeplabv2_r101_voc12aug-321x321_20k.py'
COCO = 'deeplabv2_r101_coco14-321x321_20k.py'


def load(name: str) -> Config:
    return Config.fromfile(CONFIGS / name)


@pytest.mark.parametrize(('name', 'classes'), [(VOC, 21), (COCO, 81)])
def test_figures_of_the_recipe(name, classes):
    cfg = load(name)
    backbone, head = cfg.model.backbone, cfg.model.decode_head
    assert (backbone.depth, backbone.strides, backbone.dilations) == (
        101,
        (1, 2, 1, 1),
        (1, 1, 2, 4),
    )
    assert head.dilations == (6, 12, 18, 24)
    assert head.num_classes == classes
    assert cfg.model.train_cfg.scales == (1.0, 0.75, 0.5)
    scales = (0.5, 0.75, 1.0, 1.25, 1.5)
    assert cfg.model.test_cfg == dict(scales=scales, flip=True)
    optimizer = dict(type='SGD', lr=2.5e-4, momentum=0.9, weight_decay=5e-4)
    assert cfg.optim_wrapper.optimizer == optimizer
    (poly,) = cfg.param_scheduler
    assert poly == dict(type='PolyLR', power=0.9, by_epoch=False, begin=0, end=20000)
    assert cfg.train_cfg.max_iters == 20000
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 10
    pipeline = {step.type: step for step in cfg.train_dataloader.dataset.pipeline}
    assert pipeline['mmseg.RandomCrop'] == dict(type='mmseg.RandomCrop', crop_size=(321, 321))
    assert cfg.model.data_preprocessor.size == (321, 321)
    assert pipeline['mmseg.RandomFlip'].prob == 0.5
    factors = [steps[0].scale_factor for steps in pipeline['RandomChoice'].transforms]
    assert tuple(factors) == scales
    assert cfg.test_evaluator == dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
    # Statistics and colours are ImageNet's, of RGB; what is missing of a crop is ignored.
    assert (backbone.style, backbone.norm_eval) == ('pytorch', True)
    assert head.align_corners  # crops of 321 = 8·40 + 1 pixels
    colours = cfg.model.data_preprocessor
    assert (colours.mean, colours.std) == ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    assert (colours.bgr_to_rgb, colours.pad_val, colours.seg_pad_val) == (True, 0, 255)


def test_the_published_weights_want_their_own_colours_and_strides():
    model, plain = load(VOC.replace('r101', 'r101-caffe')).model, load(VOC).model
    assert (model.backbone.style, model.backbone.init_cfg) == ('caffe', None)
    colours = model.data_preprocessor
    # BGR in 0 … 255 less the mean.
    assert (colours.mean, colours.std) == ([104.008, 116.669, 122.675], [1.0, 1.0, 1.0])
    assert not colours.bgr_to_rgb
    assert model.decode_head == plain.decode_head


@pytest.mark.slow
def test_what_validations_and_the_test_cost_on_coco():
    """In operations, by torch's count, without any arithmetic: the page's figures."""
    cfg = load(COCO)
    cfg.model.backbone.init_cfg = None
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
        crops, picture = torch.empty(10, 3, *cfg.crop_size), torch.empty(1, 3, 480, 640)

    def operations(work: Callable[[], object]) -> int:
        with FlopCounterMode(display=False) as counter:
            work()
        return counter.get_total_flops()

    def step() -> None:
        scales = model.train_cfg.scales
        sum(model._scores(model._at_scale(crops, scale)).sum() for scale in scales).backward()

    training = cfg.train_cfg.max_iters * operations(step)
    with torch.no_grad():
        of_picture = operations(lambda: model.eval().inference(picture, [{}]))
    assert 'indices' not in cfg.test_dataloader.dataset
    assert round(40504 * of_picture / training, 1) == 1.2
    validations = cfg.train_cfg.max_iters / cfg.train_cfg.val_interval
    pictures = validations * cfg.val_dataloader.dataset.indices
    assert round(100 * pictures * of_picture / training) == 6


def test_embedded_data_are_those_of_the_seeds():
    seeds = Config.fromfile(CONFIGS.parent / '_base_/datasets/embedded_scenes.py')
    cfg = load('deeplabv2_small_embedded.py')
    assert cfg.generation == seeds.generation
    assert cfg.data_root == seeds.data_root
    assert cfg.model.decode_head.num_classes == seeds.generation.num_classes + 1


def test_learning_rates_of_weights_and_biases():
    cfg = load(VOC)
    cfg.model.backbone.update(depth=18, init_cfg=None)
    cfg.model.decode_head.in_channels = 512
    model = MODELS.build(cfg.model)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    rates = {id(p): group['lr'] for group in optimizer.param_groups for p in group['params']}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            assert 'bn' in name or 'downsample.1' in name
        elif name.startswith('backbone.'):
            assert rates[id(parameter)] == pytest.approx(2.5e-4)
        else:
            assert rates[id(parameter)] == pytest.approx(5e-3 if 'bias' in name else 2.5e-3)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    norms = [name for name, m in model.named_modules() if isinstance(m, BatchNorm2d)]
    assert len(norms) == 20
    assert frozen == {f'{name}.{own}' for name in norms for own in ('weight', 'bias')}
    model.train()
    assert not model.backbone.bn1.training  # statistics stay as they were trained


def write_pictures(folder: Path, masks: Path, names: list[str], classes: int) -> None:
    """Pictures of several sizes as JPEG, masks as palette PNG."""
    rng = np.random.default_rng(len(names))
    folder.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        height, width = 50 + 7 * i, 70 - 5 * i
        mask = np.zeros((height, width), np.uint8)
        mask[5:30, 10:40] = 1 + i % (classes - 1)
        mask[30:32] = 255
        image = rng.integers(0, 60, (height, width, 3)) + (mask[..., None] % 7) * 25
        cv2.imwrite(str(folder / f'{name}.jpg'), image.clip(0, 255).astype(np.uint8))
        (masks / f'{name}.png').write_bytes(encode_palette_png(mask))


@pytest.fixture(scope='module')
def home(tmp_path_factory) -> Path:
    """A folder with ``data/`` and pseudo masks as the configs name them; no true masks of train."""
    home = tmp_path_factory.mktemp('home')
    train, val = [f'2007_{i:06d}' for i in range(3)], [f'2008_{i:06d}' for i in range(2)]
    voc = home / 'data/VOCdevkit/VOC2012'
    write_pictures(voc / 'JPEGImages', home / 'work_dirs/wsss_voc12/masks', train, 21)
    write_pictures(voc / 'JPEGImages', voc / 'SegmentationClass', val, 21)
    lists = voc / 'ImageSets/Segmentation'
    lists.mkdir(parents=True)
    (lists / 'train_aug.txt').write_text('\n'.join(train) + '\n')
    (lists / 'val.txt').write_text('\n'.join(val) + '\n')
    coco = home / 'data/coco'
    write_pictures(coco / 'train2014', home / 'work_dirs/wsss_coco14/masks', train, 81)
    write_pictures(coco / 'val2014', coco / 'masks/val2014', val, 81)
    (coco / 'labels').mkdir()
    (coco / 'labels/train2014_ids.txt').write_text('\n'.join(train) + '\n')
    return home


def shrink(cfg: Config) -> Config:
    """Narrow networks, two iterations, few and small pictures."""
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False, batch_size=min(loader.batch_size, 2))
        if loader.dataset.type == 'SegmentationScenes':
            loader.dataset.update(num_train=4, num_val=2, mask_dir=None)
        for step in loader.dataset.pipeline:
            if step.type == 'mmseg.RandomCrop':
                step.crop_size = (65, 65)
    cfg.model.data_preprocessor.size = (65, 65)
    if cfg.model.backbone.depth == 101:
        cfg.model.backbone.update(depth=50, stem_channels=4, base_channels=4, init_cfg=None)
        cfg.model.decode_head.in_channels = 128
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=2, by_epoch=False)
    cfg.default_hooks.logger.interval = 1
    cfg.load_from = None
    cfg.log_level = 'ERROR'
    return cfg


def build_runner(cfg: Config, folder: Path, name: str) -> Runner:
    cfg.work_dir = str(folder)
    cfg.experiment_name = f'{folder.name}_{name}'
    return Runner.from_cfg(cfg)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for each other cost more than they save on pictures this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def quiet(monkeypatch, home):
    monkeypatch.chdir(home)
    # What is said about the machine and the config takes longer than the iterations.
    monkeypatch.setattr(Runner, '_log_env', lambda *args: None)
    monkeypatch.setattr(Runner, 'dump_config', lambda *args: None)


@pytest.mark.parametrize('name', ALL)
def test_each_config_trains_and_validates(name, quiet, tmp_path):
    runner = build_runner(shrink(load(name)), tmp_path, 'run')
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.train()
    scalars = runner.message_hub.log_scalars
    assert math.isfinite(scalars['train/loss'].current())
    assert 0 <= scalars['val/mIoU'].current() <= 100
    if name.startswith('deeplabv2'):
        terms = {f'train/{n}.loss_ce' for n in ('scale_1', 'scale_0.75', 'scale_0.5', 'max')}
        assert terms <= scalars.keys()
    changed = {k for k, v in runner.model.named_parameters() if not torch.equal(v, before[k])}
    for part in ('backbone.', 'decode_head.'):
        assert any(key.startswith(part) for key in changed)
    assert (tmp_path / 'iter_2.pth').is_file()


def test_another_number_of_classes_is_refused(quiet, tmp_path):
    cfg = shrink(load(VOC))
    cfg.model.decode_head.num_classes = 20
    with pytest.raises(ValueError, match=r'Set model\.decode_head\.num_classes=21'):
        build_runner(cfg, tmp_path, 'classes').train()


def test_stock_runner_tests_with_views_and_crf(quiet, home, tmp_path, monkeypatch):
    seen = []

    def background_everywhere(image, probabilities, params):
        seen.append((image.shape, probabilities.shape, params.iterations))
        return (np.arange(21)[:, None, None] == 0) * np.ones_like(probabilities)

    # The metric is given what the CRF says, once for all views of a picture.
    module = 'bas_mm.models.segmentors.multi_scale_encoder_decoder'
    monkeypatch.setattr(f'{module}.crf_probabilities', background_everywhere)
    cfg = shrink(load(VOC))
    cfg.model.test_cfg.update(scales=(0.75, 1.0), crf=dict(iterations=2))
    figures = build_runner(cfg, tmp_path, 'crf').test()
    folder = home / 'data/VOCdevkit/VOC2012/SegmentationClass'
    masks = [read_palette_png(str(path)) for path in sorted(folder.iterdir())]
    counted = np.concatenate([mask[mask != 255] for mask in masks])
    assert figures['aAcc'] == pytest.approx(100 * (counted == 0).mean(), abs=0.01)
    assert seen == [((*mask.shape, 3), (21, *mask.shape), 2) for mask in masks]


@pytest.mark.parametrize(
    ('text', 'options', 'iterations'),
    [
        ('model = dict(test_cfg=dict(crf=dict()))', [], 10),
        ('model = dict(test_cfg=dict(crf=dict(iterations=5)))', [], 5),
        ('', ['model.test_cfg.crf.iterations=5'], 5),
    ],
)
def test_a_config_that_inherits_adds_the_crf(tmp_path, text, options, iterations):
    file = tmp_path / 'crf.py'
    file.write_text(f'_base_ = {str(CONFIGS / VOC)!r}\n{text}\n')
    test_cfg = MultiScaleTestCfg(**load_config(str(file), options).model.test_cfg)
    assert test_cfg.crf_params == CRFParams(iterations=iterations)
    assert test_cfg.scales == (0.5, 0.75, 1.0, 1.25, 1.5)
    assert MultiScaleTestCfg(**load(VOC).model.test_cfg).crf_params is None


def test_scenes_are_read_by_mmsegmentation(tmp_path):
    def read(**settings):
        scenes = dict(type='SegmentationScenes', data_root=str(tmp_path), num_classes=3)
        return DATASETS.build(dict(scenes, num_train=3, num_val=1, **settings))

    true = read()
    assert isinstance(true, mmseg.datasets.BaseSegDataset)
    assert len(true) == 3
    assert len(true.metainfo['classes']) == len(true.metainfo['palette']) == 4
    info = true.get_data_info(0)
    assert Path(info['img_path']).is_file()
    assert Path(info['seg_map_path']).parent.name == 'SegmentationClass'
    masks = tmp_path / 'masks'
    with pytest.raises(ValueError, match=r'masks: 3 of 3 pictures have no mask.*/make_masks\.py'):
        read(mask_dir=str(masks))
    shutil.copytree(Path(info['seg_map_path']).parent, masks)
    found = Path(read(mask_dir=str(masks)).get_data_info(0)['seg_map_path'])
    assert found == masks / Path(info['seg_map_path']).name
    with pytest.raises(ValueError, match="split='test'"):
        read(split='test')


def test_any_stock_config_of_mmsegmentation_reads_pseudo_masks(home, monkeypatch):
    """What the documentation says: only seg_map_path of the training set is another."""
    stock = Path(mmseg.__file__).parent / '.mim/configs/_base_/datasets/pascal_voc12.py'
    if not stock.is_file():
        pytest.skip('mmsegmentation is installed without its configs')
    monkeypatch.chdir(home)
    cfg = Config.fromfile(stock).train_dataloader.dataset
    cfg.data_root = 'data/VOCdevkit/VOC2012'
    cfg.ann_file = 'ImageSets/Segmentation/train_aug.txt'
    cfg.data_prefix.seg_map_path = str(home / 'work_dirs/wsss_voc12/masks')
    for step in cfg.pipeline:
        step._scope_ = 'mmseg'
    sample = DATASETS.build(dict(cfg, _scope_='mmseg'))[0]
    labels = sample['data_samples'].gt_sem_seg.data.unique().tolist()
    assert 1 in labels
    assert set(labels) <= {0, 1, 2, 3, 255}
