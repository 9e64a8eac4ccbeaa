"""Small generated copies of the original releases, in their exact layouts and file formats.

Each writer returns the folder that is the reader's ``data_root``. What is written is also what
tests compare with, so the values stand in the open here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np


def write_picture(path: Path, width: int, height: int, seed: int = 0) -> np.ndarray:
    """Write a picture of smooth noise and return its pixels (BGR)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    img = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    assert cv2.imwrite(str(path), img)
    return img


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a gray picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), mask)


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')


def voc_xml(
    filename: str, width: int, height: int, objects: Sequence[tuple[str, Sequence[int]]]
) -> str:
    """The text of an annotation as ImageNet's tools wrote it: one tag per line, tabs."""
    lines = [
        '<annotation>',
        '\t<folder>val</folder>',
        f'\t<filename>{filename}</filename>',
        '\t<source>',
        '\t\t<database>ILSVRC_2012</database>',
        '\t</source>',
        '\t<size>',
        f'\t\t<width>{width}</width>',
        f'\t\t<height>{height}</height>',
        '\t\t<depth>3</depth>',
        '\t</size>',
        '\t<segmented>0</segmented>',
    ]
    for name, box in objects:
        lines += [
            '\t<object>',
            f'\t\t<name>{name}</name>',
            '\t\t<pose>Unspecified</pose>',
            '\t\t<truncated>0</truncated>',
            '\t\t<difficult>0</difficult>',
            '\t\t<bndbox>',
            *(
                f'\t\t\t<{tag}>{value}</{tag}>'
                for tag, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), box)
            ),
            '\t\t</bndbox>',
            '\t</object>',
        ]
    return '\n'.join([*lines, '</annotation>', ''])


def cells(values: Sequence, as_column: bool) -> np.ndarray:
    """A MATLAB cell array."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(-1, 1) if as_column else array.reshape(1, -1)


def structs(fields: dict[str, Sequence]) -> np.ndarray:
    """A MATLAB struct array of the shape 1 x n."""
    count = len(next(iter(fields.values())))
    array = np.empty((1, count), dtype=[(name, object) for name in fields])
    for name, values in fields.items():
        for position, value in enumerate(values):
            array[name][0, position] = value
    return array


def save_mat(path: Path, **variables: np.ndarray) -> None:
    """Write a MATLAB file, version 5."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(str(path), variables)


def write_cub(root: Path, num_classes: int = 2, size: tuple[int, int] = (60, 40)) -> Path:
    """CUB-200-2011 with its segmentations: two pictures per split, of the first two classes."""
    root = root / 'CUB_200_2011'
    names = [f'{number:03d}.Bird_{number}' for number in range(1, num_classes + 1)]
    paths = [f'{names[i % 2]}/Bird_{i}.jpg' for i in range(4)]
    for i, path in enumerate(paths):
        write_picture(root / 'images' / path, *size, seed=i)
        mask = np.zeros(size[::-1], dtype=np.uint8)
        # Three of five annotators, two of five.
        mask[5:20, 10:30] = 153
        mask[20:25, 10:30] = 102
        write_mask(root / 'segmentations' / path.replace('.jpg', '.png'), mask)
    write_lines(root / 'images.txt', [f'{i} {path}' for i, path in enumerate(paths, 1)])
    write_lines(root / 'classes.txt', [f'{i} {name}' for i, name in enumerate(names, 1)])
    write_lines(root / 'image_class_labels.txt', ['1 1', '2 2', '3 1', '4 2'])
    write_lines(root / 'train_test_split.txt', ['1 1', '2 1', '3 0', '4 0'])
    write_lines(
        root / 'bounding_boxes.txt',
        [f'{i} {i}.0 {i + 1}.0 20.5 {10 + i}.0' for i in range(1, 5)],
    )
    return root


def write_ilsvrc(root: Path, num_classes: int = 3) -> Path:
    """ILSVRC's CLS-LOC as Kaggle has it: two boxes in the first val picture."""
    base = root / 'ILSVRC'
    wnids = ['n01440764', 'n01443537', 'n02123045']
    for i, wnid in enumerate(wnids):
        for number in (18, 9):
            write_jpeg(base / f'Data/CLS-LOC/train/{wnid}/{wnid}_{number}.JPEG', 50, 40, seed=i)
    picture = base / f'Data/CLS-LOC/train/{wnids[0]}/{wnids[0]}_18.JPEG'
    for number in range(num_classes - len(wnids)):
        wnids.append(f'n{90000000 + number}')
        copy = base / f'Data/CLS-LOC/train/{wnids[-1]}/{wnids[-1]}_1.JPEG'
        copy.parent.mkdir()
        copy.write_bytes(picture.read_bytes())
    objects = {
        'ILSVRC2012_val_00000001': [(wnids[2], (0, 5, 30, 39)), (wnids[2], (10, 0, 49, 20))],
        'ILSVRC2012_val_00000002': [(wnids[0], (3, 4, 20, 30))],
        'ILSVRC2012_val_00000003': [(wnids[1], (1, 1, 50, 40))],
    }
    for i, (name, items) in enumerate(objects.items()):
        write_jpeg(base / f'Data/CLS-LOC/val/{name}.JPEG', 50, 40, seed=10 + i)
        file = base / f'Annotations/CLS-LOC/val/{name}.xml'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(voc_xml(name, 50, 40, items))
    write_lines(
        root / 'LOC_synset_mapping.txt',
        [f'{wnid} name {i}, other name' for i, wnid in enumerate(wnids)],
    )
    # As in the release, the pictures are not sorted there, and lines end with a space.
    write_lines(
        root / 'LOC_val_solution.csv',
        [
            'ImageId,PredictionString',
            *(
                f'{name},' + ''.join(f'{w} {" ".join(map(str, box))} ' for w, box in items)
                for name, items in reversed(objects.items())
            ),
        ],
    )
    return base


def write_jpeg(path: Path, width: int, height: int, seed: int = 0) -> None:
    """:func:`write_picture` to a name with the extension .JPEG."""
    plain = path.with_suffix('.jpg')
    write_picture(plain, width, height, seed)
    plain.rename(path)


def write_dogs(root: Path, num_classes: int = 3, size: tuple[int, int] = (48, 36)) -> Path:
    """Stanford Dogs: one training picture per class, test pictures of the first two classes."""
    root = root / 'StanfordDogs'
    wnids = [f'n0208{5620 + i}' for i in range(num_classes)]
    folders = [f'{wnid}-Breed_{i}' for i, wnid in enumerate(wnids)]
    pictures = {
        'train': [(f'{folder}/{wnids[i]}_10.jpg', i) for i, folder in enumerate(folders)],
        'test': [(f'{folders[i]}/{wnids[i]}_20.jpg', i) for i in (0, 1)],
    }
    for split, entries in pictures.items():
        for path, label in entries:
            write_picture(root / 'Images' / path, *size, seed=label)
            boxes = [(f'Breed_{label}', (label % 5, 2, 40, 30))]
            if split == 'test' and label == 0:
                boxes.append((f'Breed_{label}', (5, 6, 48, 36)))
            file = root / 'Annotation' / path.removesuffix('.jpg')
            file.parent.mkdir(parents=True, exist_ok=True)
            # Some files of the release have this place holder for a name.
            file.write_text(voc_xml('%s', *size, boxes))
        save_dog_list(root / f'lists/{split}_list.mat', entries)
    save_dog_list(root / 'lists/file_list.mat', [*pictures['train'], *pictures['test']])
    return root


def save_dog_list(file: Path, entries: Sequence[tuple[str, int]]) -> None:
    """Write a list of Stanford Dogs: paths, and classes counted from 0."""
    paths = [path for path, _ in entries]
    save_mat(
        file,
        file_list=cells(paths, as_column=True),
        annotation_list=cells([path.removesuffix('.jpg') for path in paths], as_column=True),
        labels=np.array([[label + 1.0] for _, label in entries]),
    )


CAR_BOXES = [(1, 2, 40, 30), (5, 6, 48, 36), (0, 3, 20, 20), (2, 2, 10, 12)]


def write_cars(root: Path, num_classes: int = 2, merged: bool = False) -> Path:
    """Stanford Cars in the form with ``devkit/``, or ``merged`` with ``cars_annos.mat``."""
    root = root / 'StanfordCars'
    # MATLAB stores these in the smallest type that holds them.
    boxes = {
        f'bbox_{axis}': [np.uint16(box[i]) for box in CAR_BOXES]
        for i, axis in enumerate(('x1', 'y1', 'x2', 'y2'))
    }
    labels = [np.uint8(1), np.uint8(2), np.uint8(2), np.uint8(1)]
    class_names = cells([f'Make Model {i}' for i in range(num_classes)], as_column=False)
    if merged:
        paths = [f'car_ims/{number:06d}.jpg' for number in range(1, 5)]
        fields = dict(relative_im_path=paths, **boxes, test=[np.uint8(i > 1) for i in range(4)])
        fields['class'] = labels
        save_mat(root / 'cars_annos.mat', annotations=structs(fields), class_names=class_names)
    else:
        paths = [f'cars_{split}/0000{i}.jpg' for split in ('train', 'test') for i in (1, 2)]
        save_mat(root / 'devkit/cars_meta.mat', class_names=class_names)
        for rows, file in (
            (slice(0, 2), 'devkit/cars_train_annos.mat'),
            (slice(2, 4), 'cars_test_annos_withlabels.mat'),
        ):
            fields = {name: values[rows] for name, values in boxes.items()}
            fields['class'] = labels[rows]
            fields['fname'] = [path.split('/')[1] for path in paths[rows]]
            save_mat(root / file, annotations=structs(fields))
    for i, path in enumerate(paths):
        write_picture(root / path, 48, 36, seed=i)
    return root


def write_aircraft(root: Path, num_variants: int = 3) -> Path:
    """FGVC-Aircraft: two pictures per split; the names of variants hold spaces and slashes."""
    root = root / 'fgvc-aircraft-2013b'
    data = root / 'data'
    names = ['F/A-18', 'DH-82 Tiger', *(f'Variant {i}' for i in range(2, num_variants))]
    keys = {'train': ['1025794', '0056978'], 'val': ['1340192', '0698580'], 'test': ['11', '12']}
    write_lines(data / 'variants.txt', names)
    labels = {split: [f'{a} {names[1]}', f'{b} {names[0]}'] for split, (a, b) in keys.items()}
    labels['trainval'] = [*labels['train'], *labels['val']]
    for split, lines in labels.items():
        write_lines(data / f'images_variant_{split}.txt', lines)
    boxes = []
    for i, key in enumerate(key for pair in keys.values() for key in pair):
        write_picture(data / 'images' / f'{key}.jpg', 64, 60, seed=i)
        boxes.append(f'{key} {i} 2 {40 + i} 50')
    write_lines(data / 'images_box.txt', boxes)
    return root


def write_split(
    folder: Path,
    entries: Sequence[tuple[str, int]],
    size: tuple[int, int],
    localization: Sequence[str] = (),
) -> None:
    """Write a split folder: ids with classes, all pictures of one size."""
    write_lines(folder / 'image_ids.txt', [image_id for image_id, _ in entries])
    write_lines(folder / 'class_labels.txt', [f'{image_id},{label}' for image_id, label in entries])
    width, height = size
    write_lines(
        folder / 'image_sizes.txt', [f'{image_id},{width},{height}' for image_id, _ in entries]
    )
    if localization:
        write_lines(folder / 'localization.txt', localization)


def write_openimages(root: Path) -> Path:
    """OpenImages30k: two pictures per split; masks, with an ignore region, in val and test."""
    root = root / 'OpenImages30k'
    for split in ('train', 'val', 'test'):
        entries = [(f'{split}/0bt_c3/{i}.jpg', i) for i in range(2)]
        masks = []
        for i, (image_id, _) in enumerate(entries):
            write_picture(root / image_id, 64, 48, seed=i)
            mask = np.zeros((48, 64), dtype=np.uint8)
            mask[10:30, 10:40] = 255
            names = [f'{split}/0bt_c3/{i}_{part}.png' for part in ('a', 'b', 'ignore')]
            for shift, name in enumerate(names):
                write_mask(root / name, np.roll(mask, 8 * shift, axis=1))
            masks += [f'{image_id},{names[0]},{names[2]}', f'{image_id},{names[1]},']
        write_split(root / 'metadata' / split, entries, (64, 48), masks if split != 'train' else ())
    return root


def write_box_split(root: Path, split: str, num_pictures: int = 2) -> None:
    """A split folder ``root/metadata/<split>`` whose pictures lie in ``root/<split>``."""
    entries = [(f'{split}/{i}/0.jpeg', i) for i in range(num_pictures)]
    for i, (image_id, _) in enumerate(entries):
        write_picture(root / image_id, 50, 40, seed=i)
    boxes = [f'{image_id},3,4,{20 + label},30' for image_id, label in entries]
    write_split(root / 'metadata' / split, entries, (50, 40), boxes)
