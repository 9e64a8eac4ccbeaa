"""Write an original release as split folders, the format that this field's programs share.

    python tools/dataset_converters/to_split_folder.py cub data/CUB_200_2011 data/CUB/metadata

writes ``data/CUB/metadata/{train,test}`` with ``image_ids.txt``, ``class_labels.txt``,
``image_sizes.txt`` and, except for ``train``, whose labels are weak, ``localization.txt``; and
``classes.txt`` where no two classes have the same name. The pictures stay where they are.

Boxes that reach beyond their pictures are clipped, and it is said of how many pictures. A box that
lies wholly outside, or has its corners in the wrong order, is an error.

What was written is read again and compared with the release before it takes its place; until then
it lies in a temporary folder beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

import numpy as np

from bas_mm import datasets
from bas_mm.command_line import OneLineParser, fail, fail_on, run_command
from bas_mm.datasets import AnnotationError, UnreadableImageError
from bas_mm.datasets.listed_files import require_folder
from bas_mm.datasets.split_writer import (
    clip_boxes,
    read_picture_sizes,
    write_binary_masks,
    write_split,
)
from bas_mm.utils.picture_progress import PictureProgress
from bas_mm.utils.result_files import whole_folder
from bas_mm.utils.worker_processes import usable_cores

if TYPE_CHECKING:
    from bas_mm.datasets.release_dataset import ReleaseDataset


@dataclass
class Release:
    """How a release is converted.

    Attributes:
        reader: The name of its reader.
        splits: Name of the split folder -> name of the release's split.
        masks: Whether it has masks.
    """

    reader: str
    splits: dict[str, str] = field(default_factory=lambda: dict(train='train', test='test'))
    masks: bool = False


RELEASES = {
    'cub': Release('CUB200', masks=True),
    # The benchmark reports on ImageNet's validation pictures.
    'ilsvrc': Release('ILSVRCRelease', dict(train='train', test='val')),
    'stanford_dogs': Release('StanfordDogs'),
    'stanford_cars': Release('StanfordCars'),
    'fgvc_aircraft': Release('FGVCAircraft', dict(train='train', val='val', test='test')),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = OneLineParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('name', choices=sorted(RELEASES), help='which release')
    parser.add_argument('src', help='its folder: `data_root` of the reader, see its docstring')
    parser.add_argument('dst', help='the folder of the split folders, which must not be there yet')
    parser.add_argument(
        '--splits',
        nargs='+',
        metavar='SPLIT',
        help='only these of train, val, test; default: all that the release has',
    )
    parser.add_argument(
        '--masks',
        action='store_true',
        help="write masks, as black and white pictures below DST/masks, in the boxes' place (cub)",
    )
    parser.add_argument(
        '--classes', type=int, help='number of classes, for a subset of ilsvrc; default: all'
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=min(8, usable_cores()),
        help='processes that read the sizes of pictures; default: %(default)s',
    )
    return parser.parse_args(argv)


def convert_split(
    dataset: ReleaseDataset, root: str, split: str, masks: bool, workers: int
) -> list[np.ndarray] | None:
    """Write one split below ``root``; return its boxes as they were written."""
    infos = [dataset.get_data_info(position) for position in range(len(dataset))]
    with PictureProgress(f'{split}: sizes of pictures', len(infos)) as progress:
        sizes = read_picture_sizes(infos, workers, progress.advance)
    boxes = written = None
    if masks:
        with PictureProgress(f'{split}: masks', len(infos)) as progress:
            written = write_binary_masks(infos, root, 'masks', progress.advance)
    elif 'gt_bboxes' in infos[0]:
        boxes = _clip(infos, sizes, split)
    write_split(
        os.path.join(root, split),
        [info['image_id'] for info in infos],
        [info['gt_label'] for info in infos],
        sizes,
        boxes,
        written,
    )
    return boxes


def check_split(
    dataset: ReleaseDataset, root: str, split: str, boxes: list[np.ndarray] | None, masks: bool
) -> None:
    """Read a written split and compare it with the release."""
    image_root = dataset.data_prefix['img_path']
    copy = datasets.SplitFolder(
        os.path.abspath(os.path.join(root, split)),
        data_prefix=dict(img_path=image_root, mask_path=os.path.abspath(root)),
        classes=dataset.num_classes,
        with_boxes=masks or boxes is not None,
    )
    if len(copy) != len(dataset):
        fail(f'{split}: {len(copy)} pictures read back of {len(dataset)}')
    for position in range(len(copy)):
        old, new = dataset.get_data_info(position), copy.get_data_info(position)
        same = all(old[key] == new[key] for key in ('image_id', 'gt_label', 'img_path'))
        if boxes is not None:
            same &= np.array_equal(boxes[position], new['gt_bboxes'])
        if masks:
            same &= len(old['mask_paths']) == len(new['mask_paths'])
        if not same:
            fail(f'{split}: {old["image_id"]} is another one when read back')


def run(args: argparse.Namespace) -> None:
    """Convert as told."""
    release = RELEASES[args.name]
    splits = {name: release.splits[name] for name in _chosen_splits(args, release)}
    if args.masks and not release.masks:
        fail(f'--masks: {args.name} has no masks')
    if args.classes is not None and args.name != 'ilsvrc':
        # The numbers 0, 1 … would take the place of the names that the release has.
        fail(f'--classes is for subsets of ilsvrc: {args.name} names its classes')
    if os.path.lexists(args.dst):
        fail(f'{args.dst} is there already: take it away, or name another folder')
    require_folder(args.src, 'the folder of the release')
    reader = getattr(datasets, release.reader)
    options = dict(classes=args.classes) if args.classes else {}
    entries = []
    with whole_folder(args.dst, f'.{args.name}_') as temporary:
        for split, own_name in splits.items():
            localized = split != 'train'
            if args.masks:
                options['with_masks'] = localized
            dataset = reader(
                own_name,
                data_root=args.src,
                with_boxes=localized and not args.masks,
                check_bounds=False,  # what is outside is clipped here
                **options,
            )
            masks = args.masks and localized
            boxes = convert_split(dataset, temporary, split, masks, args.workers)
            check_split(dataset, temporary, split, boxes, masks)
            entries.append(_config_entry(dataset, args.dst, split, masks))
        names = dataset.metainfo['classes']
        if len(set(names)) == len(names):
            with open(os.path.join(temporary, 'classes.txt'), 'w', encoding='utf-8') as handle:
                handle.writelines(f'{name}\n' for name in names)
    print(f'{args.dst}: {", ".join(splits)}. In a config:', *entries, sep='\n')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    with fail_on(AnnotationError, UnreadableImageError, OSError):
        run(args)


def _clip(infos: Sequence[dict], sizes: np.ndarray, split: str) -> list[np.ndarray]:
    """Clip the boxes of a split to their pictures, and say so."""
    given = [info['gt_bboxes'] for info in infos]
    for info, boxes, size in zip(infos, given, sizes):
        outside = ((boxes[:, :2] > size) | (boxes[:, 2:] < 0)).any(axis=1)
        if outside.any():
            box = ','.join(f'{value:g}' for value in boxes[outside][0])
            fail(
                f'{split}: the box {box} of {info["image_id"]} lies wholly outside its picture of '
                f'{size[0]}x{size[1]} pixels: correct it, or the size, in the release'
            )
    clipped, changed = clip_boxes(given, sizes)
    if len(changed):
        most = max(np.abs(given[position] - clipped[position]).max() for position in changed)
        print(
            f'{split}: boxes of {len(changed)} pictures clipped to the picture '
            f'({infos[changed[0]]["image_id"]} ...), by {most:g} pixels at most'
        )
    return clipped


def _config_entry(dataset: ReleaseDataset, dst: str, split: str, masks: bool) -> str:
    """What a config says to read a written split; that of train has weak labels, without boxes."""
    mask_path = f', mask_path={os.path.abspath(dst)!r}' if masks else ''
    weak = ' with_boxes=False,' if split == 'train' else ''
    return (
        f"dataset=dict(type='SplitFolder', split_dir={os.path.join(dst, split)!r}, "
        f'data_prefix=dict(img_path={dataset.data_prefix["img_path"]!r}{mask_path}), '
        f'classes={dataset.num_classes},{weak} ...)'
    )


def _chosen_splits(args: argparse.Namespace, release: Release) -> list[str]:
    unknown = [name for name in args.splits or () if name not in release.splits]
    if unknown:
        fail(f'--splits {unknown[0]}: {args.name} has {", ".join(release.splits)}')
    return [name for name in release.splits if not args.splits or name in args.splits]


if __name__ == '__main__':
    run_command(main)
