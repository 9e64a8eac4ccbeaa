"""Folders of palette pictures: one map of indices per picture."""

from __future__ import annotations

import os
from pathlib import Path

from .output_folder import OutputFolder

__all__ = ['PaletteFolder', 'is_whole_png']

# Signature and head of a palette picture of 8 bits, without its size and checksum; and its end.
_START, _KIND, _END = b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR', b'\x08\x03', b'\0\0\0\0IEND\xaeB`\x82'


class PaletteFolder(OutputFolder):
    """A folder of palette PNGs that were made from other files."""

    SUFFIX = '.png'

    def is_done(self, image_id: str, source: Path) -> bool:
        """Whether the whole file of a picture is there, and not older than what it is made from.

        Args:
            image_id (str): The picture.
            source (Path): The file that it is made from; it exists.
        """
        path = self.path(image_id)
        try:
            younger = os.stat(path).st_mtime_ns >= os.stat(source).st_mtime_ns
        except FileNotFoundError:
            return False
        return younger and is_whole_png(path)


def is_whole_png(path: Path) -> bool:
    """Whether a file begins and ends as a palette PNG of 8 bits does; a quick look."""
    with open(path, 'rb') as file:
        head = file.read(26)
        file.seek(max(0, os.fstat(file.fileno()).st_size - len(_END)))
        return head.startswith(_START) and head.endswith(_KIND) and file.read() == _END
