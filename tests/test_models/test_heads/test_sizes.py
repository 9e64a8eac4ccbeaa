"""Sizes of heads and of the generator that make no sense."""

import pytest

from bas_mm.registry import MODELS


@pytest.mark.parametrize('kind', ['CAMHead', 'MultiLabelCAMHead', 'ForegroundGenerator'])
@pytest.mark.parametrize('size', [-1, 0, 1.0, '8', None])
@pytest.mark.parametrize('key', ['num_classes', 'in_channels'])
def test_sizes_that_make_no_sense(kind, size, key):
    sizes = dict(num_classes=2, in_channels=3) | {key: size}
    with pytest.raises(
        ValueError, match=f'{key} must be a whole number of at least 1, got {size!r}'
    ):
        MODELS.build(dict(type=kind, **sizes))
