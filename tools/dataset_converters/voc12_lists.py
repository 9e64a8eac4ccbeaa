"""Make the list train_aug of PASCAL VOC 2012, and the list of its classes.

    python tools/dataset_converters/voc12_lists.py data/VOCdevkit/VOC2012 \\
        --sbd data/benchmark_RELEASE
    python tools/dataset_converters/voc12_lists.py data/VOCdevkit/VOC2012 \\
        --masks SegmentationClassAug

train_aug is VOC's train together with train and val of SBD (Semantic Boundaries Dataset), without
the pictures of VOC's val: 10582 of them. The ids come from the release of SBD, or from the names
of a folder of augmented masks. Into ImageSets/Segmentation of the devkit, or --out, go

* ``train_aug.txt``: one id per line;
* ``train_aug_labels.txt``: ``id class class ...``, from the XML files of the devkit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import OneLineParser, fail, fail_on, run_command, warn
from bas_mm.datasets import AnnotationError
from bas_mm.datasets.label_list_writer import write_ids, write_label_list
from bas_mm.datasets.label_lists import read_ids

NAME = 'train_aug'
EXPECTED = 10582
SEGMENTATION = Path('ImageSets', 'Segmentation')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = OneLineParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('devkit', type=Path, help='the folder with JPEGImages and Annotations')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--sbd', type=Path, help='the release of SBD: dataset/{train,val}.txt')
    source.add_argument(
        '--masks',
        type=Path,
        help='a folder of masks ID.png of all pictures, below the devkit if it is there',
    )
    parser.add_argument(
        '--out', type=Path, help='folder of the two lists; default: ImageSets/Segmentation'
    )
    return parser.parse_args(argv)


def ids_of_sbd(folder: Path) -> set[str]:
    """All ids of SBD's release."""
    place = folder / 'dataset' if (folder / 'dataset').is_dir() else folder
    return {name for split in ('train', 'val') for name in read_ids(str(place / f'{split}.txt'))[0]}


def ids_of_masks(folder: Path) -> set[str]:
    """The ids of a folder of masks."""
    ids = {path.stem for path in folder.glob('*.png')}
    if not ids:
        fail(f'{folder} has no masks ID.png')
    return ids


def labels_of(
    devkit: Path, ids: Sequence[str], ids_file: Path
) -> tuple[list[list[int]], Sequence[str]]:
    """The classes of pictures, and their names; the list that will be ``ids_file`` is not yet.

    The reader checks that each picture is there and what its XML says.
    """
    from bas_mm.datasets import VOC12MultiLabel

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, ids_file.name)
        write_ids(file, ids)
        try:
            dataset = VOC12MultiLabel(str(devkit), str(file))
        except AnnotationError as error:
            # The list is gone when somebody looks for it.
            told = str(error).replace(str(file), f'{ids_file} (not written)')
            raise AnnotationError(told) from None
        labels = [dataset.get_data_info(position)['gt_label'] for position in range(len(dataset))]
    return labels, dataset.metainfo['classes']


def run(args: argparse.Namespace) -> None:
    """Convert as told."""
    own = {
        split: read_ids(str(args.devkit / SEGMENTATION / f'{split}.txt'))[0]
        for split in ('train', 'val')
    }
    if args.sbd is not None:
        found, source = ids_of_sbd(args.sbd), args.sbd
    else:
        source = args.devkit / args.masks
        source = source if source.is_dir() else args.masks
        found = ids_of_masks(source)
    ids = sorted((found | set(own['train'])) - set(own['val']))

    folder = args.out or args.devkit / SEGMENTATION
    ids_file, labels_file = folder / f'{NAME}.txt', folder / f'{NAME}_labels.txt'
    labels, classes = labels_of(args.devkit, ids, ids_file)
    write_label_list(labels_file, ids, labels, classes)
    write_ids(ids_file, ids)
    print(f'{ids_file}: {len(ids)} pictures\n{labels_file}: their classes')
    if len(ids) != EXPECTED:
        warn(
            f'{NAME} has {EXPECTED} pictures, this list {len(ids)}: {source} is not the '
            f'whole set, or {args.devkit / SEGMENTATION} is not that of 2012'
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    with fail_on(AnnotationError, OSError):
        run(args)


if __name__ == '__main__':
    run_command(main)
