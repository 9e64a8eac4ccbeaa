"""A folder of IRNet's labels."""

from .palette_folder import PaletteFolder

__all__ = ['IRNLabelFolder']


class IRNLabelFolder(PaletteFolder):
    """A folder of IRNet's labels; ``irn_labels.json`` says how they were made."""

    SETTINGS = 'irn_labels.json'
    WHAT = 'labels'
    COMMAND = 'make_irn_labels.py'
