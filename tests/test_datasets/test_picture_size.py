"""Sizes and orientations that the heads of picture files tell."""

import io

import pytest
from PIL import Image

from bas_mm.datasets.picture_size import picture_size_and_orientation


def write(path, orientation, **kwargs) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', (40, 30)).save(path, exif=exif, **kwargs)


@pytest.mark.parametrize('decode', [False, True])
@pytest.mark.parametrize('orientation', range(10))
def test_what_a_camera_notes(tmp_path, orientation, decode):
    write(tmp_path / 'a.jpg', orientation)
    known = orientation if 1 <= orientation <= 8 else 1
    assert picture_size_and_orientation(str(tmp_path / 'a.jpg'), decode) == (40, 30, known)


def test_notes_behind_the_pixels_of_a_png(tmp_path):
    path = tmp_path / 'a.png'
    write(path, 6)
    content = path.read_bytes()
    start = content.index(b'eXIf') - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], 'big')
    last = content.index(b'IEND') - 4
    path.write_bytes(content[:start] + content[end:last] + content[start:end] + content[last:])
    assert Image.open(io.BytesIO(path.read_bytes())).getexif()[0x0112] == 6
    assert picture_size_and_orientation(str(path)) == (40, 30, 1)
    assert picture_size_and_orientation(str(path), decode=True) == (40, 30, 6)
    # Cut short, it is found out by who decodes it.
    path.write_bytes(content[:start] + content[end : last - 20])
    assert picture_size_and_orientation(str(path)) == (40, 30, 1)
    assert picture_size_and_orientation(str(path), decode=True) == (0, 0, 1)


@pytest.mark.parametrize('decode', [False, True])
def test_damaged_notes_and_what_is_no_picture(tmp_path, decode):
    path = tmp_path / 'a.jpg'
    Image.new('RGB', (40, 30)).save(path, dpi=(72, 72), exif=b'Exif\0\0nothing of a TIFF')
    assert picture_size_and_orientation(str(path), decode) == (40, 30, 1)
    path.write_bytes(b'no picture')
    assert picture_size_and_orientation(str(path), decode) == (0, 0, 1)
    assert picture_size_and_orientation(str(tmp_path / 'b.jpg'), decode) == (0, 0, 1)
