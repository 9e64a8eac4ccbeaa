"""Which commands make a folder of seeds or masks, for messages on what is missing there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bas_mm.utils.folder_settings import read_settings

__all__ = ['mask_command', 'seed_command']


def seed_command(folder: str | Path) -> str:
    """What makes the seeds of a folder: fused ones if ``seeds.json`` says so.

    Args:
        folder (str | Path): The folder; it need not exist.

    Returns:
        str: The command, or both where there is no ``seeds.json`` that can be read.
    """
    made = f'tools/wsss/make_seeds.py CONFIG CHECKPOINT {folder}'
    fused = f'tools/wsss/fuse_seeds.py SEEDS MAPS {folder}'
    with suppress(ValueError):
        settings = read_settings(folder, 'seeds.json')
        if 'fuse' in settings:
            return f'{fused}, after make_seeds.py where SEEDS lack the picture or its classes'
        if settings:
            return made
    return f'{made}, or fused ones with {fused}'


def mask_command(folder: str | Path) -> str:
    """What makes the pseudo masks of a folder."""
    return f'tools/wsss/make_masks.py IRN_CONFIG CHECKPOINT SEEDS {folder}'
