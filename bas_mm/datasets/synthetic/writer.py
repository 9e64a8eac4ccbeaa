"""Writes a generated set to disk as split folders, once, whoever asks for it first.

Layout below the set's folder::

    images/{train,val,test}/CLASS/NNNNN.png
    masks/{val,test}/CLASS/NNNNN.png        0 background, 255 animal
    metadata/{train,val,test}/              image ids, classes, sizes, and for val and test boxes
    metadata_masks/{val,test}/              the same pictures with masks in place of boxes
    parameters.json                         what the set was generated from
"""

from __future__ import annotations

import dataclasses
import os.path as osp
from dataclasses import dataclass, field

import numpy as np

from bas_mm.utils.result_files import write_picture

from ..split_writer import write_split
from .generated_folder import check_parameters, digest_of, generated_folder, write_parameters
from .render import Picture, RenderParams, render
from .species import SPECIES, class_names

__all__ = ['SPLITS', 'GENERATOR_VERSION', 'SetParams', 'make_picture', 'require_set', 'set_name']

# Part of the cache's key: raise it with every change that changes pictures.
GENERATOR_VERSION = 1
# The position of a split is part of its pictures' seeds: append only.
SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class SetParams:
    """Everything that decides what a generated set holds.

    Args:
        num_images: Number of pictures of train, val and test.
        num_classes: An even number from 2 to 8.
        seed: Seed of the whole set.
        render: How pictures look.
    """

    num_images: tuple[int, int, int]
    num_classes: int = len(SPECIES)
    seed: int = 0
    render: RenderParams = field(default_factory=RenderParams)

    def __post_init__(self) -> None:
        class_names(self.num_classes)
        check_parameters(SPLITS, self.num_images, self.seed)


def _describe(params: SetParams) -> dict:
    """What the set is generated from, as JSON takes it."""
    return dict(generator_version=GENERATOR_VERSION, **dataclasses.asdict(params))


def set_name(params: SetParams) -> str:
    """Name of the set's folder: a readable part and a hash of all parameters."""
    size, seed = params.render.image_size, params.seed
    return f'{params.num_classes}classes_{size}px_seed{seed}_{digest_of(_describe(params))}'


def make_picture(params: SetParams, split: str, index: int) -> tuple[Picture, int]:
    """One picture of a set, and its class.

    It depends on the seed, the split and the index only, not on how many pictures there are.
    Classes take turns, so that every class is as frequent as any other.
    """
    label = index % params.num_classes
    rng = np.random.default_rng([params.seed, SPLITS.index(split), index])
    return render(rng, SPECIES[label], params.render), label


def _write_split(root: str, split: str, number: int, params: SetParams) -> None:
    names = class_names(params.num_classes)
    ids, labels, sizes, boxes = [], [], [], []
    for index in range(number):
        picture, label = make_picture(params, split, index)
        image_id = f'{split}/{names[label]}/{index:05d}.png'
        # Painted as BGR.
        write_picture(osp.join(root, 'images', image_id), picture.image[..., ::-1])
        ids.append(image_id)
        labels.append(label)
        sizes.append(picture.mask.shape[::-1])
        boxes.append(np.array([picture.box], dtype=np.float64))
        if split != 'train':
            write_picture(osp.join(root, 'masks', image_id), picture.mask * 255)
    # train has class labels only: nothing stronger can leak into training.
    weak = split == 'train'
    write_split(osp.join(root, 'metadata', split), ids, labels, sizes, None if weak else boxes)
    if not weak:
        masks = [[image_id] for image_id in ids]
        write_split(osp.join(root, 'metadata_masks', split), ids, labels, sizes, masks=masks)


def _write_set(root: str, params: SetParams) -> None:
    for split, number in zip(SPLITS, params.num_images):
        _write_split(root, split, number, params)
    write_parameters(root, _describe(params))


def require_set(cache_dir: str, params: SetParams) -> str:
    """The folder of a generated set; it is written first if it is not there.

    See :func:`~.generated_folder.generated_folder`.

    Args:
        cache_dir: Where sets are kept.
        params: What the set holds.

    Returns:
        ``cache_dir/NAME``, see :func:`set_name`.
    """
    return generated_folder(
        cache_dir, set_name(params), sum(params.num_images), lambda root: _write_set(root, params)
    )
