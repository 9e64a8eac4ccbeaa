"""Palette pictures: VOC's colours, and indices that come back as they were."""

from __future__ import annotations

import numpy as np
import pytest
from mmseg.datasets import PascalVOCDataset
from PIL import Image

from bas_mm.utils.palette import colour_map, encode_palette_png, read_palette_png


def test_colours_are_those_of_voc():
    np.testing.assert_array_equal(colour_map(21), PascalVOCDataset.METAINFO['palette'])
    assert colour_map().shape == (256, 3)
    assert len(np.unique(colour_map(), axis=0)) == 256
    assert colour_map()[255].tolist() == [224, 224, 192]
    with pytest.raises(ValueError, match='1 to 256'):
        colour_map(257)


def test_indices_come_back(tmp_path):
    mask = np.arange(256, dtype=np.uint8).reshape(8, 32)
    file = tmp_path / 'a.png'
    # Not contiguous either.
    for written in (mask, mask[:, ::-2]):
        file.write_bytes(encode_palette_png(written))
        np.testing.assert_array_equal(read_palette_png(str(file)), written)
    with Image.open(file) as picture:
        assert picture.mode == 'P'
        assert picture.getpalette()[3:6] == [128, 0, 0]


def test_what_is_no_mask(tmp_path):
    with pytest.raises(ValueError, match='uint8'):
        encode_palette_png(np.zeros((4, 4), dtype=np.int64))
    file = tmp_path / 'a.png'
    for mode in ('RGB', '1'):
        Image.new(mode, (4, 4)).save(file)
        with pytest.raises(ValueError, match=rf'a\.png.*the mode {mode}'):
            read_palette_png(str(file))
