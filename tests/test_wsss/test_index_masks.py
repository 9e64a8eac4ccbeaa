"""Masks in files: palette pictures and grey ones; files that are none are named."""

import numpy as np
import pytest
from PIL import Image
from seed_samples import write_mask

from bas_mm.wsss.index_masks import read_index_mask


def test_masks_of_indices(tmp_path):
    values = np.array([[0, 1, 255]], dtype=np.uint8)
    write_mask(tmp_path / 'p.png', values)
    Image.fromarray(values).save(tmp_path / 'l.png')
    for name in ('p', 'l'):
        np.testing.assert_array_equal(read_index_mask(tmp_path / f'{name}.png'), values)


def test_what_is_no_mask_is_named(tmp_path):
    path = tmp_path / 'm.png'
    with pytest.raises(ValueError, match=f'^there is no mask {path}$'):
        read_index_mask(path)
    path.write_bytes(b'none')
    with pytest.raises(ValueError, match=f'^the mask {path} cannot be read: '):
        read_index_mask(path)
    Image.new('RGB', (2, 2)).save(path)
    with pytest.raises(ValueError, match=f'^{path}: a mask holds indices'):
        read_index_mask(path)
