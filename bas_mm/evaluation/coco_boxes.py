"""Predicted boxes as the content of a COCO file, which detectors are trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ['coco_boxes']


def coco_boxes(pictures: Sequence[Mapping[str, Any]], categories: Sequence[str]) -> dict[str, list]:
    """The content of a COCO file with at most one predicted box per picture.

    Args:
        pictures (Sequence[Mapping]): Each with ``file_name``; ``width`` and ``height`` in pixels;
            ``box``, x0, y0, x1, y1 in pixels of the original picture, x1 and y1 one past the last
            column and row, or None; and, where there is a box, ``category``, an index into
            ``categories``, and ``score``.
        categories (Sequence[str]): Names of the classes.

    Returns:
        dict[str, list]: ``images``, ``annotations`` and ``categories``. Ids count from 1: those of
        the pictures in their order, that of a category is its index + 1. A picture without a box
        is among the images and has no annotation. ``bbox`` is x0, y0, width, height; an annotation
        has its ``score`` too.

    Examples:
        >>> content = coco_boxes([dict(file_name='a.jpg', width=9, height=8, box=(1, 2, 5, 4),
        ...                            category=0, score=0.75)], ['object'])
        >>> content['annotations'][0]['bbox'], content['annotations'][0]['area']
        ([1, 2, 4, 2], 8)
    """
    images, annotations = [], []
    for image_id, picture in enumerate(pictures, start=1):
        about = {key: picture[key] for key in ('file_name', 'width', 'height')}
        images.append({'id': image_id, **about})
        if picture['box'] is None:
            continue
        x0, y0, x1, y1 = picture['box']
        annotations.append(
            {
                'id': len(annotations) + 1,
                'image_id': image_id,
                'category_id': picture['category'] + 1,
                'bbox': [x0, y0, x1 - x0, y1 - y0],
                'area': (x1 - x0) * (y1 - y0),
                'iscrowd': 0,
                'score': picture['score'],
            }
        )
    return {
        'images': images,
        'annotations': annotations,
        'categories': [{'id': i, 'name': name} for i, name in enumerate(categories, start=1)],
    }
