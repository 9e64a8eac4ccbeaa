"""Where torch.compile may be asked of our models."""

import pytest
import torch

from bas_mm.models.classifiers.class_map_classifier import COMPILE_TORCH
from bas_mm.utils.dependencies import parse_release

COMPILES = parse_release(torch.__version__) >= parse_release(COMPILE_TORCH)
needs_compile = pytest.mark.skipif(
    not COMPILES,
    reason=f'model.compile needs torch {COMPILE_TORCH}, here is {torch.__version__}',
)
