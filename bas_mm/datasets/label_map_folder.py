"""Folders of label maps, of which each picture must have one."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bas_mm.utils.class_names import require_same_order
from bas_mm.utils.folder_settings import read_settings

from .errors import AnnotationError

__all__ = ['require_classes_of_masks', 'require_label_maps']


def require_label_maps(folder: str, names: Sequence[str], what: str, advice: str) -> None:
    """Raise an AnnotationError unless a folder has all these files; it is listed once.

    Args:
        folder: The folder.
        names: The pictures' files, below it.
        what: What a picture has there, for the message.
        advice: How one comes to it.
    """
    there = set(os.listdir(folder)) if osp.isdir(folder) else set()
    # Names with a folder are not in the listing.
    missing = [n for n in names if n not in there and not osp.isfile(osp.join(folder, n))]
    if missing:
        raise AnnotationError.at(
            folder,
            None,
            f'{len(missing)} of {len(names)} pictures have no {what}, the first is {missing[0]}',
            advice,
        )


def require_classes_of_masks(folder: str, classes: Sequence[str], what: str) -> None:
    """Raise an AnnotationError where masks were made with the classes in another order.

    What they were made with is in ``masks.json``, which ``make_masks.py`` writes; those of masks
    without it are not known.

    Args:
        folder: The folder of the masks.
        classes: The classes that their reader takes the values from 1 on for.
        what: Whose these are, for the message.
    """
    made_with = None
    # Masks of others have no such file, or one of their own.
    with suppress(ValueError):
        made_with = read_settings(folder, 'masks.json').get('classes')
    if isinstance(made_with, list):
        noted = str(Path(folder, 'masks.json'))
        advice = 'give the classes in the order of the masks, or make the masks anew'
        try:
            require_same_order(classes, what, made_with, noted, advice)
        except ValueError as error:
            raise AnnotationError(str(error)) from None
