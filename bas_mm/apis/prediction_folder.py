"""Where an inferencer writes what it found."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bas_mm.utils.palette import encode_palette_png
from bas_mm.utils.result_files import (
    TEMPORARY_PREFIX,
    write_array,
    write_bytes,
    write_json,
    write_picture,
)

__all__ = ['PICTURE_KINDS', 'PREDICTIONS', 'PredictionFolder']

#: The file of all predictions.
PREDICTIONS = 'predictions.json'
#: The folders that hold pictures: drawings and masks.
PICTURE_KINDS = ('vis', 'masks')


class PredictionFolder:
    """A folder with ``predictions.json``, and a folder for each other kind of file.

    Files are written atomically, pictures as they come, the predictions at the end.

    Args:
        folder (str | Path): The folder; it is made where it does not exist.

    Raises:
        OSError: It cannot be made or written to. Better now than after all the work.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=TEMPORARY_PREFIX):
                pass
        except OSError as error:
            raise OSError(
                f'out_dir: nothing can be written to {self.folder} ({error.strerror}); choose '
                'another folder'
            ) from error

    def place(self, kind: str, name: str, suffix: str) -> tuple[str, Path]:
        """Where a file about a picture goes: its path in the folder, and its whole path.

        Args:
            kind (str): 'vis', 'maps' ...
            name (str): Of the picture.
            suffix (str): Ending of the file.
        """
        relative = f'{kind}/{name}{suffix}'
        return relative, self.folder / relative

    def write_array(self, kind: str, name: str, array: np.ndarray) -> str:
        """Write an array as .npy; gives its path in the folder."""
        relative, path = self.place(kind, name, '.npy')
        write_array(path, array)
        return relative

    def write_picture(self, kind: str, name: str, picture: np.ndarray) -> str:
        """Write a picture, (H, W) grey or (H, W, 3) RGB, as PNG; gives its path in the folder."""
        relative, path = self.place(kind, name, '.png')
        write_picture(path, picture)
        return relative

    def write_label_map(self, kind: str, name: str, labels: np.ndarray) -> str:
        """Write labels, (H, W) uint8, as palette PNG; gives its path in the folder."""
        relative, path = self.place(kind, name, '.png')
        write_bytes(path, encode_palette_png(labels))
        return relative

    def write_predictions(
        self,
        predictions: Sequence[dict[str, Any]] = (),
        unreadable: Sequence[dict[str, Any]] = (),
        complete: bool = False,
    ) -> None:
        """Write ``predictions.json``.

        Args:
            predictions (Sequence[dict]): Those that there are.
            unreadable (Sequence[dict]): ``image`` and ``error`` of pictures that have none.
            complete (bool): Whether these are all pictures. Defaults to False: the file of a run
                that has begun, or was stopped.
        """
        content = dict(
            predictions=list(predictions), unreadable=list(unreadable), complete=complete
        )
        write_json(self.folder / PREDICTIONS, content)
