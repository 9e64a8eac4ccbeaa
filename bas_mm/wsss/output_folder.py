"""What the folders of all steps share: the settings that their files were made with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bas_mm.utils.folder_lock import alone_in
from bas_mm.utils.folder_settings import read_settings
from bas_mm.utils.result_files import delete_abandoned, write_json

__all__ = ['OutputFolder']

# A folder below with one of these files is one of its own.
_ALL_SETTINGS = ('seeds.json', 'masks.json', 'irn_labels.json')


class OutputFolder:
    """A folder with one file per picture, all made in one way.

    A JSON file in it says in which. Work that was stopped goes on only where nothing of it has
    changed, so that no folder mixes the files of two checkpoints.

    Args:
        folder (str | Path): The folder; it need not exist.
    """

    #: File of the settings.
    SETTINGS: str
    #: Ending of the pictures' files.
    SUFFIX: str
    #: What the files are, and which command makes them.
    WHAT: str
    COMMAND: str

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def open(self, settings: Mapping[str, Any], overwrite: bool = False) -> None:
        """Write the settings, or compare them with those that are there. One process does it.

        Args:
            settings (Mapping): Plain Python values that decide what the files hold.
            overwrite (bool): Whether all files that are there are deleted. Defaults to False.

        Raises:
            ValueError: The folder has files of other settings, or files that are not ours, or its
                settings cannot be read.
        """
        settings = json.loads(json.dumps(settings))  # tuples become lists, as in the file
        self.folder.mkdir(parents=True, exist_ok=True)
        delete_abandoned(self._own_files())
        path = self.folder / self.SETTINGS
        if path.exists():
            if not overwrite:
                self._compare(settings)
                return
            # Before the new settings are there: what is stopped in between is not mixed.
            for file in self.files():
                file.unlink()
        elif next(self.files(), None) is not None:
            # Not even --overwrite deletes files that may be somebody else's.
            raise ValueError(
                f'{self.folder} has {self.SUFFIX} files but no {self.SETTINGS}: {self.COMMAND} did '
                'not write them. Choose another folder'
            )
        write_json(path, settings)

    @contextmanager
    def opened(self, settings: Mapping[str, Any], overwrite: bool = False) -> Iterator[None]:
        """:meth:`open`, and hold the folder against other commands while its files are made.

        Two commands of other settings would each write some of them. Where the folder was deleted
        meanwhile, it has only the files that were made since.

        Args:
            settings (Mapping): See :meth:`open`.
            overwrite (bool): See :meth:`open`. Defaults to False.

        Raises:
            ValueError: See :meth:`open`; and at the end, where the settings are gone.
            FolderInUseError: Another command holds the folder.
        """
        with alone_in(self.folder):
            self.open(settings, overwrite)
            yield
            if not (self.folder / self.SETTINGS).exists():
                raise ValueError(
                    f'{self.folder} was deleted while its {self.WHAT} were made: it has only the '
                    'last of them. Delete it once more, and begin anew'
                )

    def files(self) -> Iterator[Path]:
        """The pictures' files that are there, without those of other folders' results below."""
        return (file for file in self._own_files() if file.name.endswith(self.SUFFIX))

    def _own_files(self) -> Iterator[Path]:
        for place, folders, names in os.walk(self.folder):
            folders[:] = [
                name
                for name in folders
                if not any(os.path.exists(os.path.join(place, name, s)) for s in _ALL_SETTINGS)
            ]
            yield from (Path(place, name) for name in names)

    def path(self, image_id: str) -> Path:
        """The file of a picture."""
        return self.folder / f'{image_id}{self.SUFFIX}'

    def place_of(self, folder: str | Path) -> str:
        """Where another folder lies, for the settings.

        Args:
            folder (str | Path): A folder that is read.

        Returns:
            str: Below this folder's parent its path from there, so that both may be moved
            together; of others the whole path.
        """
        parent, other = _resolve_parent(self.folder).parent, _resolve_parent(folder)
        return (other.relative_to(parent) if other.is_relative_to(parent) else other).as_posix()

    def _compare(self, settings: dict) -> None:
        there = read_settings(self.folder, self.SETTINGS)
        keys = [key for key in {**settings, **there} if settings.get(key) != there.get(key)]
        if keys:
            pairs = '; '.join(
                f'{key}: {_short(there.get(key))} there, {_short(settings.get(key))} now'
                for key in keys
            )
            raise ValueError(
                f'{self.folder} has {self.WHAT} of other settings ({pairs}). Choose another '
                'folder, or delete them by --overwrite'
            )


def _resolve_parent(path: str | Path) -> Path:
    """The whole path; if it is itself a link, where that leads does not matter."""
    path = Path(os.path.abspath(path))
    return path.parent.resolve() / path.name


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 70 else f'{text[:67]}...'
