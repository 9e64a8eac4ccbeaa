"""Writes a generated set of scenes to disk in the layout of PASCAL VOC.

Layout below the set's folder::

    JPEGImages/SPLIT_NNNNN.jpg
    Annotations/SPLIT_NNNNN.xml                       classes and boxes
    SegmentationClass/SPLIT_NNNNN.png                 palette: 0, k + 1 for class k, 255 border
    ImageSets/{Main,Segmentation}/{train,val,trainval}.txt
    parameters.json                                   what the set was generated from
"""

from __future__ import annotations

import dataclasses
import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from bas_mm.utils.palette import encode_palette_png
from bas_mm.utils.result_files import write_bytes, write_text

from ..label_list_writer import write_ids
from .generated_folder import check_parameters, digest_of, generated_folder, write_parameters
from .scene import Scene, SceneParams, class_mask, draw_labels, render_scene
from .species import scene_class_names

__all__ = [
    'SCENE_SPLITS',
    'SceneSetParams',
    'make_scene',
    'require_scenes',
    'require_scenes_of',
    'scene_set_name',
]

# Part of the cache's key: raise it with every change that changes pictures.
_GENERATOR_VERSION = 2
# The position of a split is part of its pictures' seeds: append only.
SCENE_SPLITS = ('train', 'val')
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class SceneSetParams:
    """Everything that decides what a generated set of scenes holds.

    Args:
        num_images: Number of pictures of train and val.
        num_classes: From 2 to 8.
        seed: Seed of the whole set.
        scene: How pictures look.
    """

    num_images: tuple[int, int]
    num_classes: int = 4
    seed: int = 0
    scene: SceneParams = field(default_factory=SceneParams)

    def __post_init__(self) -> None:
        scene_class_names(self.num_classes)
        check_parameters(SCENE_SPLITS, self.num_images, self.seed)


def _describe(params: SceneSetParams) -> dict:
    """What the set is generated from, as JSON takes it."""
    return dict(kind='scenes', generator_version=_GENERATOR_VERSION, **dataclasses.asdict(params))


def scene_set_name(params: SceneSetParams) -> str:
    """Name of the set's folder: a readable part and a hash of all parameters."""
    shorter, longer = params.scene.image_size
    return (
        f'{params.num_classes}classes_{longer}x{shorter}px_seed{params.seed}_'
        f'{digest_of(_describe(params))}'
    )


def make_scene(params: SceneSetParams, split: str, index: int) -> Scene:
    """One scene of a set.

    It depends on the seed, the split and the index only, not on how many pictures there are.
    Classes take turns in being there, so that every class is about as frequent as any other.
    """
    rng = np.random.default_rng([params.seed, SCENE_SPLITS.index(split), index])
    labels = draw_labels(rng, index % params.num_classes, params.num_classes)
    return render_scene(rng, labels, params.scene)


def require_scenes_of(
    split: str,
    data_root: str,
    num_images: tuple[int, int],
    num_classes: int,
    image_size: Sequence[int],
    seed: int,
    scene: Mapping | None,
) -> str:
    """:func:`require_scenes` by the arguments of the data sets: the same for both kinds of them."""
    splits = (*SCENE_SPLITS, 'trainval')
    if split not in splits:
        raise ValueError(f'split={split!r}: the scenes have the splits {", ".join(splits)}')
    params = SceneSetParams(
        num_images=num_images,
        num_classes=num_classes,
        seed=seed,
        scene=SceneParams(image_size=tuple(image_size), **(scene or {})),
    )
    return require_scenes(data_root, params)


def require_scenes(cache_dir: str, params: SceneSetParams) -> str:
    """The folder of a generated set of scenes; it is written first if it is not there.

    See :func:`~.generated_folder.generated_folder`.

    Args:
        cache_dir: Where sets are kept.
        params: What the set holds.

    Returns:
        ``cache_dir/NAME``, see :func:`scene_set_name`.
    """
    return generated_folder(
        cache_dir,
        scene_set_name(params),
        sum(params.num_images),
        lambda root: _write_scenes(root, params),
    )


def _write_scenes(root: str, params: SceneSetParams) -> None:
    names = scene_class_names(params.num_classes)
    ids: dict[str, list[str]] = {}
    for split, number in zip(SCENE_SPLITS, params.num_images):
        ids[split] = [f'{split}_{index:05d}' for index in range(number)]
        for index, image_id in enumerate(ids[split]):
            _write_scene(root, image_id, make_scene(params, split, index), names)
    ids['trainval'] = ids['train'] + ids['val']
    for kind in ('Main', 'Segmentation'):
        folder = osp.join(root, 'ImageSets', kind)
        for split, members in ids.items():
            write_ids(osp.join(folder, f'{split}.txt'), members)
    write_parameters(root, _describe(params))


def _write_scene(root: str, image_id: str, scene: Scene, names: tuple[str, ...]) -> None:
    _, data = cv2.imencode('.jpg', scene.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    write_bytes(osp.join(root, 'JPEGImages', f'{image_id}.jpg'), data.tobytes())
    mask = encode_palette_png(class_mask(scene.owners, scene.labels))
    write_bytes(osp.join(root, 'SegmentationClass', f'{image_id}.png'), mask)
    text = _voc_xml(image_id, scene, names)
    write_text(osp.join(root, 'Annotations', f'{image_id}.xml'), text)


def _voc_xml(image_id: str, scene: Scene, names: tuple[str, ...]) -> str:
    height, width = scene.owners.shape
    lines = [
        '<annotation>',
        f'\t<filename>{image_id}.jpg</filename>',
        '\t<size>',
        f'\t\t<width>{width}</width>',
        f'\t\t<height>{height}</height>',
        '\t\t<depth>3</depth>',
        '\t</size>',
        '\t<segmented>1</segmented>',
    ]
    for label, box in zip(scene.labels, scene.boxes):
        lines += [
            '\t<object>',
            f'\t\t<name>{names[label]}</name>',
            '\t\t<difficult>0</difficult>',
            '\t\t<bndbox>',
            # VOC counts pixels from 1.
            *(
                f'\t\t\t<{tag}>{value + 1}</{tag}>'
                for tag, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), box)
            ),
            '\t\t</bndbox>',
            '\t</object>',
        ]
    return '\n'.join([*lines, '</annotation>', ''])
