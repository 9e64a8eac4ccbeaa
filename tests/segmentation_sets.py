"""Small generated copies of PASCAL VOC 2012 and COCO 2014, in their layouts and file formats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from mmseg.datasets import PascalVOCDataset
from PIL import Image
from releases import voc_xml, write_lines, write_picture

from bas_mm.datasets import COCO14MultiLabel

# id -> width, height, objects (class, box counted from 1)
VOC_IMAGES = {
    '2007_000032': (60, 40, [('person', (5, 6, 20, 30)), ('dog', (15, 10, 50, 38))]),
    '2007_000039': (40, 60, [('aeroplane', (3, 4, 30, 50))]),
    '2008_000008': (50, 50, [('cat', (1, 1, 50, 20)), ('chair', (5, 25, 40, 50))]),
    '2009_000001': (64, 32, [('tvmonitor', (3, 3, 30, 30)), ('train', (31, 3, 60, 30))]),
}
VOC_LABELS = {
    '2007_000032': [11, 14],
    '2007_000039': [0],
    '2008_000008': [7, 8],
    '2009_000001': [18, 19],
}
# 2008_000008 has no mask in the devkit: it comes with the augmentation.
VOC_SPLITS = {
    'train': ['2007_000032', '2007_000039'],
    'val': ['2009_000001'],
    'trainval': ['2007_000032', '2007_000039', '2009_000001'],
}
VOC_NAMES = list(PascalVOCDataset.METAINFO['classes'][1:])


def write_mask_png(path: Path, mask: np.ndarray) -> None:
    """Write indices as an indexed PNG with some palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(mask.astype(np.uint8)).convert('P')
    picture.putdata(mask.ravel().tolist())
    picture.putpalette(list(range(256)) * 3)
    picture.save(path)


def write_voc(root: Path, train_aug: bool = True) -> Path:
    """Write a devkit of four pictures; ``cat`` is marked as difficult."""
    for seed, (image_id, (width, height, objects)) in enumerate(VOC_IMAGES.items()):
        write_picture(root / 'JPEGImages' / f'{image_id}.jpg', width, height, seed)
        text = voc_xml(f'{image_id}.jpg', width, height, objects)
        if image_id == '2008_000008':
            text = text.replace('<difficult>0', '<difficult>1', 1)
        write_lines(root / 'Annotations' / f'{image_id}.xml', text.splitlines())
        mask = np.zeros((height, width))
        for name, (x0, y0, x1, y1) in objects:
            mask[y0 - 1 : y1, x0 - 1 : x1] = VOC_NAMES.index(name) + 1
        if image_id != '2008_000008':
            write_mask_png(root / 'SegmentationClass' / f'{image_id}.png', mask)
        write_mask_png(root / 'SegmentationClassAug' / f'{image_id}.png', mask)
    for split, ids in VOC_SPLITS.items():
        write_lines(root / 'ImageSets' / 'Segmentation' / f'{split}.txt', ids)
    write_lines(root / 'ImageSets' / 'Main' / 'train.txt', [*VOC_SPLITS['train'], '2008_000008'])
    write_lines(root / 'ImageSets' / 'Main' / 'main_only.txt', ['2008_000008'])
    if train_aug:
        ids = [*VOC_SPLITS['train'], '2008_000008']
        write_lines(root / 'ImageSets' / 'Segmentation' / 'train_aug.txt', ids)
    return root


# The ids of COCO's 80 categories have gaps.
COCO_IDS = [k for k in range(1, 91) if k not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]


def coco_name(split: str, number: int) -> str:
    """The file name of a picture."""
    return f'COCO_{split}_{number:012d}.jpg'


def coco_content(split: str) -> dict:
    """What instances_SPLIT.json holds: four pictures, the third without objects.

    Picture 9 has a large square (person), a small one inside (cup) and a second person; picture
    25 a crowd of persons and a traffic light of two polygons; picture 34 a toothbrush.
    """
    sizes = {9: (40, 30), 25: (32, 24), 30: (20, 20), 34: (36, 36)}
    images = [
        dict(id=number, file_name=coco_name(split, number), width=width, height=height)
        for number, (width, height) in sizes.items()
    ]

    def square(x0, y0, x1, y1):
        return [x0, y0, x1, y0, x1, y1, x0, y1]

    def item(image_id, category, segmentation, area, iscrowd=0):
        return dict(
            image_id=image_id,
            category_id=category,
            segmentation=segmentation,
            area=area,
            iscrowd=iscrowd,
        )

    # Uncompressed run lengths go down the columns: the right half of 24 rows x 32 columns.
    crowd = dict(size=[24, 32], counts=[24 * 16, 24 * 16])
    annotations = [
        item(9, 47, [square(10, 10, 15, 15)], 25),
        item(9, 1, [square(5, 5, 25, 25)], 400),
        item(9, 1, [square(30, 5, 38, 20)], 120),
        item(25, 1, crowd, 384, iscrowd=1),
        item(25, 10, [square(18, 2, 22, 8), square(18, 12, 22, 18)], 48),
        item(34, 90, [square(0, 0, 36, 18)], 648),
    ]
    for number, annotation in enumerate(annotations):
        annotation['id'] = number
    names = COCO14MultiLabel.METAINFO['classes']
    # Not in the order of the ids: only the ids count.
    categories = [dict(id=k, name=name) for k, name in zip(COCO_IDS, names)][::-1]
    return dict(images=images, annotations=annotations, categories=categories)


COCO_LABELS = {9: [0, 41], 25: [0, 9], 34: [79]}


def write_coco(root: Path) -> Path:
    """Write pictures and annotations of both splits."""
    for split in ('train2014', 'val2014'):
        content = coco_content(split)
        for image in content['images']:
            path = root / split / image['file_name']
            write_picture(path, image['width'], image['height'], image['id'])
        (root / 'annotations').mkdir(exist_ok=True)
        (root / 'annotations' / f'instances_{split}.json').write_text(json.dumps(content))
    return root
