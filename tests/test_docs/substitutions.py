"""What of the documentation cannot be run as it stands, what is run in its place, and why.

A command, or the text of a python block, that no rule matches is run as it stands. All rules that
match are applied, in their order. A rule that matches nothing fails the tests.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from bas_mm.export.errors import ExportError
from bas_mm.export.packages import require_packages


@dataclass(frozen=True)
class Rule:
    """One of the two.

    Args:
        pattern: Regular expression, searched for in a command.
        reason: Why the command cannot be run as it stands.
        replacement: Of what the pattern matches, as :func:`re.sub` takes it.
        options: Or what to add to the command's ``--cfg-options``. Where rules differ in a setting
            the first has its way, and the command itself before all rules.
    """

    pattern: str
    reason: str
    replacement: str | None = None
    options: tuple[str, ...] = ()

    def apply(self, command: str) -> str:
        """The command as it is run."""
        if not re.search(self.pattern, command):
            return command
        if self.replacement is not None:
            return re.sub(self.pattern, self.replacement, command)
        options = f'--cfg-options {shlex.join(self.options)}'
        if '--cfg-options' in command:
            return command.replace('--cfg-options', options, 1)
        return f'{command} {options}'


def _each(loaders: Sequence[str], *settings: str) -> tuple[str, ...]:
    return tuple(f'{loader}_dataloader.{setting}' for loader in loaders for setting in settings)


_ALL = ('train', 'val', 'test')
_HERE = ('num_workers=0', 'persistent_workers=False')
_RESNET = ('model.backbone.stem_channels=8', 'model.backbone.base_channels=8')
_EMBEDDED = ('dataset.num_train=32', 'dataset.num_val=8', 'dataset.num_test=8')
# Configs in which ResNet50 is trained for localization.
_RESNET50 = r'configs/\w+/(bas_resnet50_\w+|my_resnet50_448_cub|my_stills\w*|my_metrics)\.py'

_BAS = 'configs/bas/bas_small_embedded.py work_dirs/bas_small_embedded/epoch_1.pth'
_CAM = 'configs/cam/cam_small_embedded.py work_dirs/cam_small_embedded/epoch_1.pth'

#: Commands in running text, whose words in capitals stand for the reader's files.
INLINE = (
    Rule(r'MAPS SPLIT_DIR$', 'any', 'work_dirs/tiny/maps data/critters/metadata/val'),
    Rule(
        r'select_and_test\.py CONFIG CHECKPOINT …',
        'any with a val of its own',
        'select_and_test.py configs/bas/bas_resnet50_cub_cubv2val.py '
        'work_dirs/bas_resnet50_cub/epoch_1.pth',
    ),
    Rule(
        r'SRC\.pth\.tar DST\.pth',
        'a small file of the published form',
        'published/mobilenet_cub.pth.tar work_dirs/tiny/mobilenet.pth',
    ),
    Rule(r'bas_mm seeds$', 'a mention', 'bas_mm seeds CONFIG CHECKPOINT PICTURES --out-dir found'),
    Rule(r'(bas_mm localize) CONFIG CHECKPOINT PICTURES', 'any', rf'\1 {_BAS} docs/images'),
    Rule(
        r'(bas_mm seeds) CONFIG CHECKPOINT PICTURES',
        'any',
        r'\1 configs/wsss/bas_seg_resnet50_voc12.py '
        'work_dirs/bas_seg_resnet50_voc12/epoch_1.pth docs/images/quickstart.jpg',
    ),
    Rule(
        r'(bas_mm segment) CONFIG CHECKPOINT PICTURES .*',
        'segmentation.md segments pictures',
        r'\1 --help',
    ),
    Rule(
        r'--run CAM CONFIG CHECKPOINT --run BAS CONFIG CHECKPOINT',
        'any',
        f'--run CAM {_CAM} --run BAS {_BAS}',
    ),
    Rule(
        r'export\.py CONFIG CHECKPOINT model\.onnx',
        'ONNX files need packages: export.md writes one',
        'export.py configs/bas/bas_resnet50_cub.py work_dirs/bas_resnet50_cub/epoch_1.pth '
        'model.pt2',
    ),
    Rule(
        r'make_boxes\.py CONFIG CHECKPOINT',
        'any',
        'make_boxes.py configs/bas/bas_resnet50_cub.py work_dirs/bas_resnet50_cub/epoch_1.pth',
    ),
    Rule(
        r'^python -m torch\.distributed\.run .*make_boxes\.py … .*',
        'test_make_boxes.py runs it on two processes',
        'python tools/det/make_boxes.py --help',
    ),
    Rule(
        r'benchmark_wsss_embedded\.py --seeds 0 1 2',
        'a step of one seed; test_wsss_pipeline.py runs all of them',
        'benchmark_wsss_embedded.py --seeds 0 --until cam --config work_dirs/tiny/pipeline.py',
    ),
    Rule(
        r'benchmark_embedded\.py --seeds 0 1 2',
        'test_embedded_configs.py has several seeds',
        'benchmark_embedded.py --seeds 0',
    ),
    Rule(
        r'benchmark_train\.py --classes 200 1000',
        'one network, the smallest',
        'benchmark_train.py --backbones mobilenetv1 --classes 5',
    ),
    Rule(
        r'(benchmark_train\.py .*)--backbones resnet50',
        'all options with the smallest networks that there are',
        r'\1--cam configs/cam/cam_small_embedded.py --bas configs/bas/bas_small_embedded.py',
    ),
    Rule(
        r'(benchmark_train\.py .*)',
        'one picture, one step',
        r'\1 --batch 1 --rounds 1 --size 64',
    ),
    Rule(
        r'(benchmark_inference\.py .*)',
        'one picture, one round',
        r'\1 --batch 1 --pictures 1 --rounds 1 --picture-size 60 80 --views centre --maps 2',
    ),
    Rule(
        r'benchmark_inference\.py(?!.* mobilenetv1)',
        'an eighth of the channels',
        options=(
            *_RESNET,
            'model.generator.in_channels=128',
            'model.head.in_channels=256',
        ),
    ),
    Rule(
        r'benchmark_inference\.py',
        'few channels where most of the time goes',
        options=('model.head.hidden_channels=8',),
    ),
    Rule(
        r'benchmark_hooks\.py',
        'the time to fill what 360,000 iterations leave',
        'benchmark_hooks.py --iterations 0 9 --rounds 1',
    ),
    Rule(r'(benchmark_loader\.py .*)', 'four pictures', r'\1 --pictures 4 --rounds 1'),
    Rule(
        r'(benchmark_metrics\.py)',
        'one map, one round',
        r'\1 --maps 1 --rounds 1 --batches 0 --pictures 0 0',
    ),
)

#: Other machines, other places, other tests.
REPLACED = (
    Rule(
        r'benchmark_all\.py work_dirs/benchmarks$',
        'its quickest part; test_benchmark_all.py sees what the others run',
        'benchmark_all.py work_dirs/benchmarks --parts hooks',
    ),
    Rule(
        r'benchmark_norms\.py --rounds 15$',
        'small: what it computes takes longer than to see that it is a command',
        'benchmark_norms.py --rounds 1 --batch 2 --channels 4 --size 8 --depth 2',
    ),
    Rule(
        r'^bash tools/quickstart\.sh',
        'it makes an environment: test_package_setup_env.py',
        'python tools/quickstart.py',
    ),
    Rule(
        r'^bash tools/(run_tests|setup_env)\.sh(?! --)',
        'the environment is there, and the tests would run themselves',
        r'BAS_MM_SKIP_SETUP=1 bash tools/\1.sh --version',
    ),
    Rule(
        r'^python -m pytest .*',
        'the tests would run themselves',
        'python -m pytest --version',
    ),
    Rule(
        r'^python -m sphinx .*',
        'test_build.py builds the documentation',
        'python -m sphinx --version',
    ),
    Rule(
        r'^pip install (-e )?(\.|"\.\[\w+\]")$',
        'the environment stays as it is',
        r'python -m pip install --dry-run --no-deps --no-build-isolation \1\2',
    ),
    Rule(
        r'^pip install (onedl-mim|--no-deps openmim|click .*)',
        'there may be no network, and the environment stays as it is',
        'true',
    ),
    Rule(
        r'^mim (train|test) bas_mm (\w+\.py) --gpus 0(?: --checkpoint)?',
        'mim is not installed; this is what it puts together',
        r'python tools/\1.py configs/bas/\2',
    ),
    Rule(
        r'^unzip -q (\S+) -d',
        'unzip may not be installed',
        r'python -m zipfile -e \1',
    ),
    Rule(
        r'^CUDA_VISIBLE_DEVICES=\S+ PORT=\S+ ',
        'there may be no GPU, and another port may be free',
        '',
    ),
    Rule(
        r'(dist_(?:train|test)\.sh [^-]*) 4\b',
        'there may be two cores',
        r'\1 2',
    ),
    Rule(
        r'^bash tools/wsss/dist_make_(seeds|masks)\.sh (.*) 4$',
        'test_wsss_tools.py and test_wsss_mask_tools.py run the scripts on two processes',
        r'python tools/wsss/make_\1.py \2',
    ),
    Rule(
        r'configs/wsss/pipeline_small_embedded\.py$',
        'the steps are run one by one on segmentation.md, the whole in test_wsss_pipeline.py',
        'work_dirs/tiny/pipeline.py --until cam --num-workers 1 --work-dir work_dirs/tiny/all',
    ),
    Rule(r' --gpus 4$', 'one GPU or none; the steps are listed', ' --gpus 4 --list'),
)

#: Small networks and pictures, one epoch.
SMALLER = (
    Rule(r'--resume', 'another epoch than the one before', options=('train_cfg.max_epochs=2',)),
    Rule(
        r'(/train\.py|_train\.sh|quickstart\.py|benchmark_embedded\.py)(?!.*configs/deeplabv2)',
        'one epoch',
        options=(
            'train_cfg.max_epochs=1',
            'train_cfg.val_interval=1',
            'default_hooks.logger.interval=1',
        ),
    ),
    Rule(r'epoch_\d+\.pth', 'one epoch', 'epoch_1.pth'),
    Rule(r'iter_\d+\.pth', 'one iteration', 'iter_1.pth'),
    Rule(
        r'quickstart\.py(?!.*critters)|(?<!/fcos_)small_embedded(_masks)?\.py(?! --list)'
        r'|benchmark_embedded\.py',
        'pictures that are painted',
        options=_each(_ALL, *_EMBEDDED),
    ),
    Rule(
        r'configs/(bas|cam)/my_(convnext|poolformer)',
        'strides of 32',
        options=(
            *_each(_ALL, 'dataset.pipeline.1.scale=(72,72)', 'dataset.pipeline.2.crop_size=64'),
            'default_hooks.checkpoint=None',
        ),
    ),
    Rule(
        r'configs/(bas|cam)/(?!\w+_embedded)',
        'pictures of 32 pixels, in this process',
        options=(
            *_each(_ALL, *_HERE, 'batch_size=2', 'dataset.pipeline.1.scale=(40,40)'),
            *_each(('train',), 'dataset.pipeline.2.crop_size=32'),
        ),
    ),
    Rule(
        r'configs/(bas|cam)/(?!\w+_(embedded|masks|openimages30k)|my_metrics)',
        'a view of 32 pixels',
        options=_each(('val', 'test'), 'dataset.pipeline.2.crop_size=32'),
    ),
    Rule(
        _RESNET50,
        'an eighth of the channels',
        options=(
            *_RESNET,
            'model.backbone.init_cfg.checkpoint=checkpoints/resnet50.pth',
            'model.generator.in_channels=128',
            'model.head.in_channels=256',
            'model.head.hidden_channels=8',
        ),
    ),
    Rule(
        r'configs/cam/cam_resnet50_',
        'an eighth of the channels',
        options=(
            *_RESNET,
            'model.backbone.init_cfg.checkpoint=checkpoints/resnet50.pth',
            'model.head.in_channels=256',
            'model.head.hidden_channels=8',
        ),
    ),
    Rule(
        r'configs/wsss/(cam|bas_seg)_resnet50_voc12',
        'an eighth of the channels, small pictures',
        options=(
            *_RESNET,
            'model.backbone.init_cfg.checkpoint=checkpoints/resnet50.pth',
            'model.head.in_channels=256',
            *_each((*_ALL, 'seed'), *_HERE),
            *_each(('train', 'val'), 'batch_size=2', 'dataset.pipeline.1.scale=(72,72)'),
            *_each(('train',), 'dataset.pipeline.3.crop_size=64'),
        ),
    ),
    Rule(
        r'configs/wsss/bas_seg_resnet50_voc12',
        'an eighth of the channels',
        options=('model.generator.in_channels=128',),
    ),
    Rule(
        r'configs/wsss/irn_resnet50_voc12',
        'an eighth of the channels, small pictures',
        options=(
            *_RESNET,
            'model.backbone.init_cfg.checkpoint=checkpoints/resnet50.pth',
            'model.in_channels=(8,32,64,128,256)',
            'model.radius=3',
            'model.data_preprocessor.size=(48,48)',
            *_each(('train',), *_HERE, 'batch_size=2', 'dataset.pipeline.4.crop_size=(48,48)'),
            'mask_cfg.steps=16',
        ),
    ),
    Rule(
        r'configs/deeplabv2/\S+voc12',
        'a sixteenth of the channels, small pictures',
        options=(
            'model.backbone.stem_channels=4',
            'model.backbone.base_channels=4',
            'model.decode_head.in_channels=128',
            'model.data_preprocessor.size=(48,48)',
            *_each(('train', 'val', 'test'), *_HERE),
            *_each(('train',), 'batch_size=2', 'dataset.pipeline.3.crop_size=(48,48)'),
        ),
    ),
    Rule(
        r'configs/deeplabv2/(?!\S+caffe)\S+voc12',
        'weights of the small network',
        options=('model.backbone.init_cfg.checkpoint=checkpoints/resnet101.pth',),
    ),
    Rule(
        r'train\.py configs/deeplabv2/\S+caffe',
        'pseudo masks are made on another page',
        options=(
            'train_dataloader.dataset.data_prefix.seg_map_path='
            'data/VOCdevkit/VOC2012/SegmentationClassAug',
        ),
    ),
    Rule(
        r'train\.py configs/deeplabv2/',
        'iterations',
        options=(
            'train_cfg.max_iters=1',
            'train_cfg.val_interval=1',
            'default_hooks.checkpoint.interval=1',
        ),
    ),
    Rule(
        r'(published_irn_to_bas_mm\.py .*)',
        'a small network',
        r'\1 --config work_dirs/tiny/published_irn.py',
    ),
    Rule(
        r'(deeplabv2_to_bas_mm\.py .*)',
        'a small network',
        r'\1 --config work_dirs/tiny/published_deeplabv2.py',
    ),
)

#: Of docs/detector.md, in the environment of detectors.
DETECTORS = (
    Rule(
        r'^(bash tools/setup_det\.sh)',
        'the environment is there',
        r'BAS_MM_SKIP_SETUP=1 \1',
    ),
    Rule(
        r'(setup_det\.sh python -m pytest) .*',
        'the tests would run themselves',
        r'\1 --version',
    ),
    Rule(
        r'^(MMCV_WITH_OPS=1 .*|pip install --no-deps wheels/.*)',
        'setup_det.sh compiles and installs the operators: test_package_setup_det.py',
        'true',
    ),
    Rule(
        r'configs/det/fcos_small_embedded',
        'pictures that are painted',
        options=_each(('val', 'test'), *_EMBEDDED),
    ),
    Rule(
        r'configs/det/faster-rcnn',
        'one iteration, small pictures, weights of their own',
        options=(
            'model.backbone.init_cfg=None',
            'default_hooks.checkpoint=None',
            *_each(_ALL, *_HERE, 'batch_size=2', 'dataset.indices=2'),
            *_each(_ALL, 'dataset.pipeline.2.scale=(96,64)'),
        ),
    ),
)

#: Of commands.
RULES = (*REPLACED, *SMALLER, *DETECTORS)

_TIMM = "type='mmpretrain.TIMMBackbone', model_name='resnet18'"
# Without timm, mmpretrain's network of the same stages.
_WITHOUT_TIMM = (
    Rule(_TIMM, 'timm is not installed', "type='mmpretrain.ResNet', depth=18"),
    Rule(r'timm_model\.act1', 'as it is called there', 'relu'),
    Rule(r'timm_model\.', 'it holds no other network', ''),
)

#: Of python blocks. DocProject.values says what stands in braces.
CODE_RULES = (
    *(() if find_spec('timm') else _WITHOUT_TIMM),
    Rule(r'MMSEG_CONFIGS', 'the folder of the installed mmsegmentation', '{mmseg_configs}'),
    Rule(r'/ABSOLUTE/PATH', 'a folder of the reader', '{folder}'),
    Rule(
        r"(_base_ = '\./bas_small_embedded\.py'\n)",
        'pictures that are painted',
        r'\1train_dataloader = dict(dataset=dict(num_train=32, num_val=8, num_test=8))\n'
        r'val_dataloader = test_dataloader = train_dataloader\n',
    ),
    Rule(r'epoch_\d+\.pth', 'one epoch', 'epoch_1.pth'),
    Rule(r'iter_\d+\.pth', 'one iteration', 'iter_1.pth'),
)

#: The files that python blocks without a path of their own are written to: page, first line.
FILES = {
    (
        'README.md',
        "_base_ = './bas_resnet50_cub.py'",
    ): 'configs/bas/readme_convnext.py',
}

#: Pages that need packages which are not there everywhere.
NEEDS = {
    'CONTRIBUTING.md': ('ruff', 'sphinx'),
    'docs/data_preparation.md': ('pycocotools',),
    'docs/export.md': ('onnx', 'onnxscript', 'onnxruntime'),
    'docs/segmentation.md': ('pydensecrf',),
}


def lacking(page: str) -> str | None:
    """What a page needs and this environment does not have."""
    missing = [name for name in NEEDS.get(page, ()) if find_spec(name) is None]
    if missing:
        return f'{", ".join(missing)} not installed'
    if 'onnx' in NEEDS.get(page, ()):
        try:
            require_packages('model.onnx')
        except ExportError as error:  # torch is too old
            return str(error)
    return None


def as_run(text: str, rules: Sequence[Rule] = RULES) -> str:
    """A command, or code, after the rules."""
    for rule in rules:
        text = rule.apply(text)
    return text
