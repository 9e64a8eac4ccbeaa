"""Masks in all formats that people have: the same object in each."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from bas_mm.datasets import UnreadableImageError
from bas_mm.datasets.mask_file import decode_mask

OBJECT = np.zeros((9, 13), bool)
OBJECT[2:7, 3:11] = True


def png(picture: Image.Image, **options: object) -> bytes:
    handle = io.BytesIO()
    picture.save(handle, 'png', **options)
    return handle.getvalue()


def palette(*colours: tuple[int, int, int]) -> Image.Image:
    picture = Image.fromarray(OBJECT.astype(np.uint8)).convert('P')
    picture.putdata(OBJECT.astype(np.uint8).ravel())
    picture.putpalette([level for colour in colours for level in colour])
    return picture


def alpha(mode: str) -> Image.Image:
    picture = Image.fromarray(OBJECT.astype(np.uint8) * 255).convert(mode)
    picture.putalpha(Image.fromarray((~OBJECT).astype(np.uint8) * 255))
    return picture


FILES = {
    '8 bits': png(Image.fromarray(OBJECT.astype(np.uint8) * 255)),
    '8 bits, 0 and 1': png(Image.fromarray(OBJECT.astype(np.uint8))),
    '1 bit': png(Image.fromarray(OBJECT)),
    '16 bits, 0 and 1': png(Image.fromarray(OBJECT.astype(np.uint16))),
    '16 bits': png(Image.fromarray(OBJECT.astype(np.uint16) * 65535)),
    'colours': png(Image.fromarray(OBJECT[..., None] * np.array([0, 0, 1], np.uint8))),
    'palette': png(palette((0, 0, 0), (0, 0, 4))),
    'palette, 1 bit': png(palette((0, 0, 0), (128, 0, 0)), bits=1),
    'gray and alpha': png(alpha('LA')),
    'colours and alpha': png(alpha('RGBA')),
    'bmp': cv2.imencode('.bmp', OBJECT.astype(np.uint8))[1].tobytes(),
    '16 bits tiff': cv2.imencode('.tiff', OBJECT.astype(np.uint16))[1].tobytes(),
}


@pytest.mark.parametrize('kind', FILES)
def test_the_same_object_in_every_format(kind):
    found = decode_mask(FILES[kind], 0, 'm.png')
    assert found.dtype == bool
    np.testing.assert_array_equal(found, OBJECT)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_threshold_is_a_level_of_255(dtype):
    step = np.iinfo(dtype).max // 255
    levels = (np.array([[0, 126, 127, 128, 255]]) * step).astype(dtype)
    content = png(Image.fromarray(levels))
    assert decode_mask(content, 127, 'm.png').tolist() == [[False, False, False, True, True]]
    assert decode_mask(content, 254, 'm.png').tolist() == [[False, False, False, False, True]]


@pytest.mark.parametrize('kind', ['png', 'jpeg'])
def test_orientation_is_ignored(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    handle = io.BytesIO()
    Image.fromarray(OBJECT.astype(np.uint8) * 255).save(handle, kind, exif=exif)
    np.testing.assert_array_equal(decode_mask(handle.getvalue(), 127, 'm.png'), OBJECT)


def test_colours_of_a_jpeg_are_its_luminance():
    handle = io.BytesIO()
    picture = np.kron(OBJECT, np.ones((8, 8)))[..., None] * np.array([200, 0, 0])
    Image.fromarray(picture.astype(np.uint8)).save(handle, 'jpeg')
    gray = cv2.imdecode(np.frombuffer(handle.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)
    for threshold in (0, 30):
        found = decode_mask(handle.getvalue(), threshold, 'm.jpg')
        np.testing.assert_array_equal(found, gray > threshold)


def test_what_is_no_mask_is_named():
    tiffs = [cv2.imencode('.tiff', OBJECT.astype(t))[1].tobytes() for t in ('float32', 'int16')]
    reasons = dict(zip((b'', b'no picture', *tiffs), ('decoded', 'decoded', 'float32', 'int16')))
    for content, reason in reasons.items():
        with pytest.raises(UnreadableImageError, match=f'a/m.png.*{reason}'):
            decode_mask(content, 0, 'a/m.png')
