"""Folders of label maps, of which each picture must have one."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Sequence

from .errors import AnnotationError

__all__ = ['require_label_maps']


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
