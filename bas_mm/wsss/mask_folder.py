"""A folder of pseudo masks."""

from .palette_folder import PaletteFolder

__all__ = ['MaskFolder']


class MaskFolder(PaletteFolder):
    """A folder of pseudo masks; ``masks.json`` says how they were made."""

    SETTINGS = 'masks.json'
    WHAT = 'masks'
    COMMAND = 'make_masks.py'
