"""Reading of COCO's ``instances`` files: which classes each picture has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .collector import paused_collector
from .errors import UNPACK_ANEW, AnnotationError, reading
from .picture_names import picture_stem

__all__ = [
    'LISTS_TOOL',
    'class_of_category',
    'labels_of_images',
    'read_instances',
    'sizes_of_images',
]

#: For messages: what makes the lists and the masks.
LISTS_TOOL = 'python tools/dataset_converters/coco14_lists.py COCO_FOLDER'


def read_instances(file: str) -> dict[str, Any]:
    """Read an ``instances`` file.

    Args:
        file: The JSON file, a byte order mark allowed.

    Returns:
        Its content; ``images``, ``annotations`` and ``categories`` are lists in it.

    Raises:
        AnnotationError: The file is missing, no JSON, or has not these lists.
    """
    try:
        with (
            reading(file, 'Correct the path', UNPACK_ANEW),
            open(file, encoding='utf-8-sig') as handle,
            paused_collector(),
        ):
            content = json.load(handle)
    except json.JSONDecodeError as error:
        raise AnnotationError.at(
            file, error.lineno, f'it is no JSON ({error.msg})', UNPACK_ANEW
        ) from None
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise AnnotationError.at(
                file, None, f'it has no list {key!r}', 'Use one of the files instances_*.json'
            )
    return content


def class_of_category(
    categories: Sequence[Mapping[str, Any]], classes: Sequence[str], file: str
) -> dict[int, int]:
    """Id of a category -> index of the class of its name.

    Args:
        categories: COCO's ``categories``: their ids have gaps.
        classes: Names of the classes.
        file: Where they come from, for messages.

    Raises:
        AnnotationError: A category is none of the classes.
    """
    indices = {name: index for index, name in enumerate(classes)}
    found: dict[int, int] = {}
    for entry, category in enumerate(categories, start=1):
        name = _field(category, 'name', entry, file, 'categories', str)
        if name not in indices:
            raise AnnotationError.at(
                file,
                entry,
                f'unknown class {name!r}',
                f'The classes must be all categories of the file, but there are {len(classes)}, '
                f'from {classes[0]} on: complete them, or for some categories write a list of '
                'pictures and classes (`labels`)',
                unit='entry of categories',
            )
        number = _field(category, 'id', entry, file, 'categories', (int, str))
        if found.setdefault(number, indices[name]) != indices[name]:
            raise AnnotationError.at(
                file,
                entry,
                f'the id {number} stood there before',
                UNPACK_ANEW,
                unit='entry of categories',
            )
    return found


def labels_of_images(
    content: Mapping[str, Any], classes: Sequence[str], file: str
) -> tuple[list[str], list[list[int]]]:
    """The classes of each picture.

    Crowds count as objects of their class.

    Args:
        content: What :func:`read_instances` found.
        classes: Names of the classes.
        file: Where it comes from, for messages.

    Returns:
        The file names of the pictures in their order, and the classes of each, ascending, each
        once.

    Raises:
        AnnotationError: An image or an object lacks a field; two images have one id, or one name
            but for folder and ending, by which files that are made of pictures are called; an
            object is of a picture or a category that is not there.
    """
    index_of = class_of_category(content['categories'], classes, file)
    names: list[str] = []
    stems: dict[str, Any] = {}
    found: dict[int, set[int]] = {}
    for entry, image in enumerate(content['images'], start=1):
        names.append(_field(image, 'file_name', entry, file, 'images', str))
        image_id = _field(image, 'id', entry, file, 'images', (int, str))
        if image_id in found:
            raise AnnotationError.at(
                file,
                entry,
                f'the image id {image_id} stood there before',
                UNPACK_ANEW,
                unit='image',
            )
        found[image_id] = set()
        other = stems.setdefault(picture_stem(names[-1]), image_id)
        if other != image_id:
            raise AnnotationError.at(
                file,
                entry,
                f'{names[-1]}, of the id {image_id}, has the name of the image {other}',
                'Take one of the two out, or rename its picture',
                unit='image',
            )
    for entry, item in enumerate(content['annotations'], start=1):
        try:
            found[item['image_id']].add(index_of[item['category_id']])
        except (KeyError, TypeError):
            _raise_bad_object(item, entry, file, found, index_of)
    return names, [sorted(labels) for labels in found.values()]


def sizes_of_images(content: Mapping[str, Any], file: str) -> list[tuple[int, int]]:
    """Height and width of each picture, of a file that :func:`labels_of_images` has judged.

    Raises:
        AnnotationError: One is missing, or no whole number above 0; the message has the image's id.
    """
    for entry, image in enumerate(content['images'], start=1):
        for key in ('height', 'width'):
            length = image.get(key)
            if type(length) is not int or length < 1:
                raise AnnotationError.at(
                    file,
                    entry,
                    f'{image["file_name"]}, of the id {image["id"]}, has the {key} {length!r}: a '
                    'whole number above 0 is needed',
                    UNPACK_ANEW,
                    unit='image',
                )
    return [(image['height'], image['width']) for image in content['images']]


def _field(
    item: Mapping[str, Any],
    key: str,
    entry: int,
    file: str,
    kind: str,
    of: type | tuple[type, ...],
) -> Any:
    try:
        value = item[key]
    except (KeyError, TypeError):
        problem = f'it has no {key!r}'
    else:
        if isinstance(value, of):
            return value
        needed = 'a text' if of is str else 'a whole number or a text'
        problem = f'its {key!r} is {value!r}: {needed} is needed'
    raise AnnotationError.at(file, entry, problem, UNPACK_ANEW, unit=f'entry of {kind}')


def _raise_bad_object(
    item: Any, entry: int, file: str, images: Mapping[int, Any], categories: Mapping[int, int]
) -> None:
    for key, known, kind in (
        ('image_id', images, 'image'),
        ('category_id', categories, 'category'),
    ):
        value = _field(item, key, entry, file, 'annotations', (int, str))
        if value not in known:
            raise AnnotationError.at(
                file, entry, f'there is no {kind} {value}', UNPACK_ANEW, unit='entry of annotations'
            ) from None
