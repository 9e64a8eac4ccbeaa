"""Make the label lists and the class masks of COCO 2014.

    python tools/dataset_converters/coco14_lists.py data/coco

reads ``annotations/instances_{train,val}2014.json`` and writes

* ``labels/{train,val}2014_ids.txt``: names alone, for mmsegmentation;
* ``labels/{train,val}2014.txt``: ``name class class ...``, without the pictures that have no
  object;
* ``masks/{train,val}2014/NAME.png``: of every picture, 0 background, k + 1 the k-th category in
  the order of ids; where objects overlap the smaller one is seen. They need pycocotools.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from multiprocessing import Pool
from pathlib import Path
from typing import Any

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import OneLineParser, fail, fail_on, run_command
from bas_mm.datasets import AnnotationError
from bas_mm.datasets.coco_instances import (
    class_of_category,
    labels_of_images,
    read_instances,
    sizes_of_images,
)
from bas_mm.datasets.coco_masks import CocoObject, class_mask_of, has_pycocotools
from bas_mm.datasets.errors import UNPACK_ANEW
from bas_mm.datasets.label_list_writer import write_ids, write_label_list
from bas_mm.datasets.picture_names import picture_stem
from bas_mm.utils.palette import encode_palette_png
from bas_mm.utils.picture_progress import PictureProgress
from bas_mm.utils.result_files import write_bytes
from bas_mm.utils.worker_processes import begin_worker, usable_cores

SPLITS = ('train2014', 'val2014')

# file, which picture it is, height, width, objects, whether crowds are ignored
Task = tuple[Path, str, int, int, list[CocoObject], bool]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = OneLineParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, help='the folder with annotations')
    parser.add_argument('--out', type=Path, help='folder of labels and masks; default: ROOT')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=SPLITS,
        default=SPLITS,
        metavar='SPLIT',
        help=f'only these; default: {" ".join(SPLITS)}',
    )
    parser.add_argument('--no-masks', action='store_true', help='write the label lists only')
    parser.add_argument(
        '--crowds',
        choices=('class', 'ignore'),
        default='class',
        help='whether crowds have the index of their class or 255; default: %(default)s',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=usable_cores(),
        help='processes that paint masks; default: %(default)s',
    )
    return parser.parse_args(argv)


def mask_tasks(
    content: dict[str, Any], classes: Sequence[str], file: str, folder: Path, ignore_crowds: bool
) -> Iterator[Task]:
    """What is to be painted for each picture."""
    index_of = class_of_category(content['categories'], classes, file)
    objects: dict[int, list[CocoObject]] = {image['id']: [] for image in content['images']}
    for item in content['annotations']:
        index = index_of[item['category_id']]
        crowd = bool(item.get('iscrowd', 0))
        found = CocoObject(index, item.get('segmentation'), crowd, item.get('id'))
        objects[item['image_id']].append(found)
    for image, size in zip(content['images'], sizes_of_images(content, file)):
        name = image['file_name']
        target, where = folder / f'{picture_stem(name)}.png', f'{file}, picture {name}'
        yield target, where, *size, objects[image['id']], ignore_crowds


def write_mask(task: Task) -> None:
    """Paint and write the mask of one picture."""
    target, where, height, width, objects, ignore_crowds = task
    try:
        mask = class_mask_of(objects, height, width, ignore_crowds)
    except ValueError as error:
        raise AnnotationError(
            f'{where}: {error}. {UNPACK_ANEW}, or take the annotation out'
        ) from None
    write_bytes(target, encode_palette_png(mask))


def write_masks(tasks: Sequence[Task], what: str, workers: int) -> None:
    """Paint and write all masks."""
    with PictureProgress(what, len(tasks)) as progress:
        if workers <= 1:
            for task in tasks:
                write_mask(task)
                progress.advance()
            return
        with Pool(workers, begin_worker) as pool:
            for _ in pool.imap_unordered(write_mask, tasks, chunksize=32):
                progress.advance()


def run(args: argparse.Namespace) -> None:
    """Convert as told."""
    if not args.no_masks and not has_pycocotools():
        fail(
            'masks are painted by pycocotools, which is not installed: pip install pycocotools, '
            'or take --no-masks for the label lists alone'
        )
    out = args.out or args.root
    for split in args.splits:
        file = str(args.root / 'annotations' / f'instances_{split}.json')
        content = read_instances(file)
        # With torch, which a path that is mistyped need not wait for.
        from bas_mm.datasets import COCO14MultiLabel

        classes = COCO14MultiLabel.METAINFO['classes']
        names, labels = labels_of_images(content, classes, file)
        folder, tasks = out / 'masks' / split, []
        if not args.no_masks:
            tasks = list(mask_tasks(content, classes, file, folder, args.crowds == 'ignore'))
        kept = [position for position, found in enumerate(labels) if found]
        target = out / 'labels' / f'{split}.txt'
        stems = [picture_stem(names[position]) for position in kept]
        write_ids(out / 'labels' / f'{split}_ids.txt', stems)
        write_label_list(target, stems, [labels[position] for position in kept], classes)
        bare = len(names) - len(kept)
        print(f'{target}: {len(kept)} pictures; {bare} without any object are left out')
        if not args.no_masks:
            write_masks(tasks, f'masks of {split}', args.workers)
            print(f'{folder}: {len(tasks)} masks')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    with fail_on(AnnotationError, OSError):
        run(args)


if __name__ == '__main__':
    run_command(main)
