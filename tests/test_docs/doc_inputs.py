"""What the commands of the documentation find: small copies of data, weights, and earlier results.

A path that a command or a config names is made the first time it is asked for, unless an earlier
command has made it.
"""

from __future__ import annotations

import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.config import Config
from published_files import (
    caffe_name,
    mobilenet_by_formula,
    published_irn_name,
    write_caffemodel,
)
from releases import (
    write_aircraft,
    write_box_split,
    write_cars,
    write_cub,
    write_dogs,
    write_ilsvrc,
    write_lines,
    write_openimages,
)
from segmentation_sets import write_coco, write_voc
from tiny_pipeline import write_pipeline

from bas_mm.registry import MODELS
from bas_mm.utils.palette import encode_palette_png

if TYPE_CHECKING:
    from doc_project import DocProject

Maker = Callable[['DocProject', Path], object]

_TINY = {
    'work_dirs/tiny/published_irn.py': """
_base_ = '../../configs/wsss/irn_resnet50_voc12.py'
model = dict(
    backbone=dict(stem_channels=8, base_channels=8), in_channels=(8, 32, 64, 128, 256), radius=3)
""",
    'work_dirs/tiny/published_deeplabv2.py': """
_base_ = '../../configs/deeplabv2/deeplabv2_r101-caffe_voc12aug-321x321_20k.py'
model = dict(
    backbone=dict(stem_channels=4, base_channels=4), decode_head=dict(in_channels=128))
""",
}


def _config(project: DocProject, path: Path) -> None:
    path.write_text(_TINY[path.relative_to(project.folder).as_posix()])


def _random_state(cfg: dict, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    model = MODELS.build(cfg)
    model.init_weights()
    return model.state_dict()


def _weights(**backbone) -> Maker:
    """A backbone's weights, under the names that mmpretrain and torchvision share."""

    def make(project: DocProject, path: Path) -> None:
        torch.save(dict(state_dict=_random_state(backbone)), path)

    return make


def _published_bas(project: DocProject, path: Path) -> None:
    weights = mobilenet_by_formula(num_classes=200)
    for name, value in weights.items():
        if value.dim() > 1:
            weights[name] = torch.nn.init.kaiming_uniform_(value)
        elif name.endswith('running_mean'):
            weights[name] = torch.zeros_like(value)
    torch.save(dict(model=weights), path)


def _published_irn(project: DocProject, path: Path) -> None:
    project.provide('work_dirs/tiny/published_irn.py')
    cfg = Config.fromfile(project.folder / 'work_dirs/tiny/published_irn.py').model
    cfg.backbone.init_cfg = None
    torch.save({published_irn_name(k): v for k, v in _random_state(cfg).items()}, path)


def _caffemodel(project: DocProject, path: Path) -> None:
    project.provide('work_dirs/tiny/published_deeplabv2.py')
    cfg = Config.fromfile(project.folder / 'work_dirs/tiny/published_deeplabv2.py').model
    state = {k: v for k, v in _random_state(cfg).items() if not k.endswith('num_batches_tracked')}
    write_caffemodel(path, {caffe_name(name): value.numpy() for name, value in state.items()})


def _trained(project: DocProject, path: Path) -> None:
    """The checkpoint of a config's training, by the command that the documentation gives."""
    (config,) = project.folder.glob(f'configs/*/{path.parent.name}.py')
    project.run(f'python tools/train.py {config.relative_to(project.folder)}')


def _archive(write: Callable[[Path], object], *members: str, strip: str = '') -> Maker:
    """An archive as it was released: what ``write`` writes, or some of it."""

    def make(project: DocProject, path: Path) -> None:
        source = path.with_name(f'{path.name}_content')
        write(source)
        root = source / strip
        chosen = [root / name for name in members] if members else sorted(root.iterdir())
        if path.suffix == '.zip':
            with zipfile.ZipFile(path, 'w') as file:
                for base in chosen:
                    for item in [base, *base.rglob('*')]:
                        file.write(item, item.relative_to(root))
        else:
            with tarfile.open(path, 'w:gz' if path.suffix in ('.tgz', '.gz') else 'w') as file:
                for base in chosen:
                    file.add(base, base.relative_to(root))
        shutil.rmtree(source)

    return make


def _cub(root: Path) -> Path:
    return write_cub(root, num_classes=200)


def _dogs(root: Path) -> Path:
    folder = write_dogs(root, num_classes=120)
    # The archive of lists has no folder.
    for file in (folder / 'lists').iterdir():
        file.rename(folder / file.name)
    return folder


def _voc(root: Path) -> Path:
    return write_voc(root / 'VOCdevkit' / 'VOC2012', train_aug=False)


def _sbd(root: Path) -> None:
    for split, ids in (('train', ['2008_000008', '2009_000001']), ('val', ['2007_000039'])):
        write_lines(root / 'benchmark_RELEASE' / 'dataset' / f'{split}.txt', ids)


def _critters(root: Path) -> None:
    for split in ('train', 'val'):
        write_box_split(root, split)
        (root / 'images').mkdir(exist_ok=True)
        (root / split).rename(root / 'images' / split)


def _maps(project: DocProject, path: Path) -> None:
    """Maps of another method, for the pictures of a split."""
    project.provide('data/critters')
    ids = (project.folder / 'data/critters/metadata/val/image_ids.txt').read_text().split()
    for seed, image_id in enumerate(ids):
        file = path / f'{image_id}.npy'
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, np.random.default_rng(seed).random((7, 7)))


def _ilsvrc_lists(root: Path) -> None:
    for split in ('train', 'test'):
        write_box_split(root, split)


def _stills_masks(project: DocProject, path: Path) -> None:
    """Masks of the pictures that the page has put into its list."""
    path.mkdir()
    for line in (project.folder / 'data/stills/classes_of_pictures.txt').read_text().splitlines():
        mask = encode_palette_png(np.zeros((48, 64), np.uint8))
        (path / f'{Path(line.split()[0]).stem}.png').write_bytes(mask)


def _whole(write: Callable[..., object], **options) -> Maker:
    """A data set that is there already; ``write`` takes the folder above it."""
    return lambda project, path: write(path.parent, **options)


def _aircraft(root: Path) -> Path:
    return write_aircraft(root, num_variants=100)


#: Regular expression of a path -> what makes it.
MAKERS: Sequence[tuple[str, Maker]] = (
    # The releases' archives.
    (r'CUB_200_2011\.tgz', _archive(lambda root: shutil.rmtree(_cub(root) / 'segmentations'))),
    (r'segmentations\.tgz', _archive(_cub, 'segmentations', strip='CUB_200_2011')),
    (
        r'imagenet-object-localization-challenge\.zip',
        _archive(lambda root: write_ilsvrc(root, num_classes=1000)),
    ),
    (r'images\.tar', _archive(_dogs, 'Images', strip='StanfordDogs')),
    (r'annotation\.tar', _archive(_dogs, 'Annotation', strip='StanfordDogs')),
    (
        r'lists\.tar',
        _archive(_dogs, 'train_list.mat', 'test_list.mat', 'file_list.mat', strip='StanfordDogs'),
    ),
    *(
        (rf'{archive}\.tgz', _archive(write, folder, strip='StanfordCars'))
        for write in [lambda root: write_cars(root, num_classes=196)]
        for archive, folder in (
            ('cars_train', 'cars_train'),
            ('cars_test', 'cars_test'),
            ('car_devkit', 'devkit'),
        )
    ),
    (
        r'cars_test_annos_withlabels\.mat',
        lambda project, path: shutil.copy(
            write_cars(project.folder / 'cars_content', num_classes=196) / path.name, path
        ),
    ),
    (r'fgvc-aircraft-2013b\.tar\.gz', _archive(_aircraft)),
    (r'VOCtrainval_11-May-2012\.tar', _archive(_voc)),
    (r'benchmark\.tgz', _archive(_sbd)),
    *(
        (rf'{archive}\.zip', _archive(write_coco_in, folder))
        for write_coco_in in [lambda root: (root.mkdir(), write_coco(root))]
        for archive, folder in (
            ('train2014', 'train2014'),
            ('val2014', 'val2014'),
            ('annotations_trainval2014', 'annotations'),
        )
    ),
    # Data sets where the configs look for them.
    (r'data/CUB_200_2011', _whole(write_cub, num_classes=200)),
    # The archive that an earlier page unpacked has none.
    (
        r'data/CUB_200_2011/segmentations',
        lambda project, path: write_cub(path.parents[1], num_classes=200),
    ),
    (r'data/CUBV2', lambda project, path: write_box_split(path, 'val')),
    (r'data/ILSVRC/metadata', lambda project, path: _ilsvrc_lists(path.parent)),
    (r'data/ILSVRC', _whole(write_ilsvrc, num_classes=1000)),
    (r'data/OpenImages30k', _whole(write_openimages)),
    (r'data/StanfordDogs', _whole(write_dogs, num_classes=120)),
    (
        r'data/StanfordCars/cars_annos\.mat',
        lambda project, path: write_cars(path.parents[1], num_classes=196, merged=True),
    ),
    (r'data/StanfordCars', _whole(write_cars, num_classes=196)),
    (r'data/fgvc-aircraft-2013b', _whole(write_aircraft, num_variants=100)),
    (r'data/VOCdevkit/VOC2012', lambda project, path: write_voc(path)),
    (r'data/coco', lambda project, path: (path.mkdir(), write_coco(path))),
    (r'data/critters', lambda project, path: _critters(path)),
    # Weights.
    (
        r'checkpoints/resnet50\.pth',
        _weights(type='mmpretrain.ResNet', depth=50, stem_channels=8, base_channels=8),
    ),
    (
        r'checkpoints/resnet101\.pth',
        _weights(type='mmpretrain.ResNet', depth=101, stem_channels=4, base_channels=4),
    ),
    (r'checkpoints/convnext-tiny\.pth', _weights(type='mmpretrain.ConvNeXt', arch='tiny')),
    (r'published/mobilenet_cub\.pth\.tar', _published_bas),
    (r'published/res50_irn\.pth', _published_irn),
    (r'published/train_iter_20000\.caffemodel', _caffemodel),
    (r'work_dirs/\w+/epoch_1\.pth', _trained),
    (r'work_dirs/tiny/maps', _maps),
    (r'work_dirs/stills/masks', _stills_masks),
    # Small configs.
    *((re.escape(name), _config) for name in _TINY),
    (r'work_dirs/tiny/pipeline\.py', lambda project, path: write_pipeline(path.parent)),
)
# What others name: the readers' defaults, and configs by the names of their classes.
IMPLIED = {
    r'critters': 'data/critters',
    r'CUB200\(': 'data/CUB_200_2011',
    r'OpenImages30k\(': 'data/OpenImages30k',
    r'_cub\b': 'data/CUB_200_2011',
    r'_cub_masks|my_metrics': 'data/CUB_200_2011/segmentations',
    r'_openimages30k': 'data/OpenImages30k',
    r'_cubv2val': 'data/CUB_200_2011 data/CUBV2',
    r'_voc12': 'data/VOCdevkit/VOC2012',
    r'my_convnext': 'checkpoints/convnext-tiny.pth',
}
