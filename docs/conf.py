"""Sphinx builds the documentation: python -m sphinx -W -b html docs docs/_build/html"""

import os
import sys
from pathlib import Path
from typing import Any

# Autodoc imports the checkout, on a machine with or without a GPU.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')

from mmcv.transforms.utils import cache_randomness

from bas_mm import __version__

project = 'bas_mm'
copyright = 'the authors of bas_mm'
release = version = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'sphinx_copybutton',
]
exclude_patterns = ['_build']

myst_enable_extensions = ['colon_fence', 'dollarmath']
myst_heading_anchors = 3

html_theme = 'furo'
html_title = f'bas_mm {__version__}'

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
# NamedTuples have their attributes documented twice otherwise.
napoleon_use_ivar = True
autodoc_member_order = 'bysource'
autodoc_default_options = {'members': True, 'imported-members': True, 'show-inheritance': True}
# Types stand in the docstrings' own words, with shapes and ranges.
autodoc_typehints = 'none'
autodoc_class_signature = 'mixed'
# Defaults as the code writes them, a constant by its name: one has 1000 numbers.
autodoc_preserve_defaults = True


def _get(self: Any, instance: object, owner: type | None = None) -> Any:
    return self if instance is None else _bind(self, instance)


# mmcv's decorator of random methods cannot be looked at through the class, as Sphinx does.
_bind = cache_randomness.__get__
cache_randomness.__get__ = _get
