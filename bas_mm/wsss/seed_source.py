"""A folder of seeds as the input of a later step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bas_mm.utils.class_names import require_same_order
from bas_mm.utils.folder_settings import read_settings

from .making_commands import seed_command
from .output_folder import OutputFolder
from .seed_file import SeedFile

__all__ = ['SeedSource']


class SeedSource:
    """Seeds that ``make_seeds.py`` or ``fuse_seeds.py`` made; others, without settings, too.

    Args:
        folder (str | Path): The folder.

    Raises:
        ValueError: There is no such folder, or its ``seeds.json`` cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ValueError(f'there is no folder of seeds {folder}: {self._advice()}')
        #: What ``seeds.json`` says; empty where there is none.
        self.made_with = read_settings(self.folder, 'seeds.json')

    def path(self, image_id: str) -> Path:
        """The seed file of a picture."""
        return SeedFile.path(self.folder, image_id)

    def require(self, image_ids: Sequence[str]) -> None:
        """Raise a ValueError unless there is a file for each of these pictures."""
        missing = [image_id for image_id in image_ids if not self.path(image_id).is_file()]
        if missing:
            raise ValueError(
                f'{len(missing)} of {len(image_ids)} pictures have no seeds, the first is '
                f'{self.path(missing[0])}: {self._advice()}'
            )

    def require_classes(self, classes: Sequence[str], what: str) -> None:
        """Raise a ValueError where the seeds were made with the classes in another order.

        Args:
            classes (Sequence[str]): Classes of the pictures that the seeds are read for. Those of
                seeds without ``seeds.json`` are not known.
            what (str): Whose these are, for the message.
        """
        made_with = self.made_with.get('classes')
        if isinstance(made_with, list):
            require_same_order(
                *(classes, what, made_with, str(self.folder / 'seeds.json')),
                'give the classes in the order of the seeds, or make the seeds anew',
            )

    def settings(self, out: OutputFolder) -> dict[str, Any]:
        """What the seeds were made with, for the settings of what is made of them.

        Args:
            out (OutputFolder): The folder of what is made.

        Returns:
            dict[str, Any]: ``seeds.KEY`` for each key of ``seeds.json``. Of seeds without it only
            their folder is known: ``seeds``.
        """
        found = {f'seeds.{key}': value for key, value in self.made_with.items()}
        return found or {'seeds': out.place_of(self.folder)}

    def _advice(self) -> str:
        return f'make them with {seed_command(self.folder)}'
