"""A folder of seeds: what it was made with, and which pictures are done."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bas_mm.evaluation.result_files import write_json

from .seed_file import SeedFile, read_seed_classes

__all__ = ['SeedFolder', 'weights_digest']

# Temporary files of result_files.write_bytes, and how old one is when no process writes it still.
_TEMPORARY = re.compile(r'\..+\.npz\..+')
_ABANDONED_SECONDS = 600


class SeedFolder:
    """A folder of seed files that all were made in one way.

    ``seeds.json`` in it says in which. Work that was stopped goes on only where nothing of it has
    changed, so that no folder mixes seeds of two checkpoints.

    Args:
        folder (str | Path): The folder; it need not exist.
    """

    SETTINGS = 'seeds.json'

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def open(self, settings: Mapping[str, Any], overwrite: bool = False) -> None:
        """Write the settings, or compare them with those that are there. One process does it.

        Args:
            settings (Mapping): Plain Python values that decide what the seeds are.
            overwrite (bool): Whether all seeds that are there are deleted. Defaults to False.

        Raises:
            ValueError: The folder has seeds of other settings, or files that are no seeds of ours,
                or its settings cannot be read.
        """
        settings = json.loads(json.dumps(settings))  # tuples become lists, as in the file
        self.folder.mkdir(parents=True, exist_ok=True)
        self._delete_temporaries()
        path = self.folder / self.SETTINGS
        if path.exists():
            if not overwrite:
                self._compare(path, settings)
                return
            # Before the new settings are there: what is stopped in between is not mixed.
            for file in self.folder.rglob('*.npz'):
                file.unlink()
        elif next(self.folder.rglob('*.npz'), None) is not None:
            # Not even --overwrite deletes files that may be somebody else's.
            raise ValueError(
                f'{self.folder} has .npz files but no {self.SETTINGS}: make_seeds.py did not '
                'write them. Choose another folder'
            )
        write_json(path, settings)

    def path(self, image_id: str) -> Path:
        """The seed file of a picture."""
        return SeedFile.path(self.folder, image_id)

    def is_done(self, image_id: str, classes: Sequence[int]) -> bool:
        """Whether the whole file of a picture is there, with the maps of these classes."""
        found = read_seed_classes(self.path(image_id))
        return found is not None and np.array_equal(found, sorted(classes))

    def _compare(self, path: Path, settings: dict) -> None:
        try:
            there = json.loads(path.read_text(encoding='utf-8'))
        except (OSError, ValueError) as error:
            raise ValueError(f'{path} cannot be read: {error}') from None
        if not isinstance(there, dict):
            raise ValueError(f'{path} holds no settings')
        keys = [key for key in {**settings, **there} if settings.get(key) != there.get(key)]
        if keys:
            pairs = '; '.join(
                f'{key}: {_short(there.get(key))} there, {_short(settings.get(key))} now'
                for key in keys
            )
            raise ValueError(
                f'{self.folder} has seeds of other settings ({pairs}). Choose another folder, or '
                'delete them by --overwrite'
            )

    def _delete_temporaries(self) -> None:
        """Delete what killed processes left; a young one may be another process's work."""
        limit = time.time() - _ABANDONED_SECONDS
        for file in self.folder.rglob('.*'):
            if _TEMPORARY.fullmatch(file.name) and os.stat(file).st_mtime < limit:
                file.unlink(missing_ok=True)


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of a model's weights and buffers, with their names: which checkpoint it has."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        array = value.detach().cpu().contiguous()
        digest.update(f'{name} {tuple(array.shape)} {array.dtype}\n'.encode())
        # As bytes: NumPy has no bfloat16.
        digest.update(array.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 70 else f'{text[:67]}...'
