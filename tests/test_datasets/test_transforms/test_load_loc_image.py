"""LoadLocImage refuses what is not a whole picture, and names it."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from threading import Event, Thread

import cv2
import mmcv
import mmcv.image.io
import numpy as np
import pytest
from PIL import Image, features

from bas_mm.datasets import AnnotationError, UnreadableImageError
from bas_mm.datasets.transforms.load_loc_image import LoadLocImage, _start_turbojpeg
from bas_mm.registry import TRANSFORMS


def read(path: Path, extra: dict | None = None, **settings) -> dict:
    transform = TRANSFORMS.build(dict(type='LoadLocImage', **settings))
    return transform(dict(img_path=str(path), **(extra or {})))


def error_of(path: Path, **settings) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        read(path, **settings)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize('name', ['a.jpg', 'a.png', 'a.bmp', 'a.webp'])
def test_whole_pictures(tmp_path, make_picture, name):
    make_picture(tmp_path / name, 60, 40)
    results = read(tmp_path / name)
    np.testing.assert_array_equal(results['img'], cv2.imread(str(tmp_path / name)))
    assert results['img'].dtype == np.uint8
    assert results['img_shape'] == results['ori_shape'] == (40, 60)


def test_float_and_pillow(tmp_path, make_picture):
    written = make_picture(tmp_path / 'a.png', 60, 40)
    results = read(tmp_path / 'a.png', to_float32=True, imdecode_backend='pillow')
    assert results['img'].dtype == np.float32
    np.testing.assert_array_equal(results['img'], written)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_grey_and_transparent_pictures_get_three_channels(tmp_path, backend):
    Image.new('L', (20, 10), 77).save(tmp_path / 'grey.jpg')
    Image.new('RGBA', (20, 10), (1, 2, 3, 255)).save(tmp_path / 'rgba.png')
    Image.new('CMYK', (20, 10), (0, 0, 0, 0)).save(tmp_path / 'cmyk.jpg')
    for name in ('grey.jpg', 'rgba.png', 'cmyk.jpg'):
        assert read(tmp_path / name, imdecode_backend=backend)['img'].shape == (10, 20, 3)


@pytest.mark.parametrize('name', ['a.png', 'a.tiff', 'a.pgm'])
@pytest.mark.parametrize('colours', [None, 3])
def test_pictures_of_16_bits_keep_their_levels(tmp_path, name, colours):
    """Pillow's conversion would make all levels from 255 of 65535 on white."""
    levels = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    if colours:
        if name == 'a.pgm':
            name = 'a.ppm'
        levels = np.dstack([levels] * colours)
    cv2.imwrite(str(tmp_path / name), levels)
    found = read(tmp_path / name, imdecode_backend='pillow')['img']
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, read(tmp_path / name)['img'])
    np.testing.assert_array_equal(found[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_orientation_tag_is_ignored(tmp_path, backend):
    """Boxes were taken from the pixels as they are stored."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (30, 10)).save(tmp_path / 'turned.jpg', exif=exif)
    assert read(tmp_path / 'turned.jpg', imdecode_backend=backend)['img_shape'] == (10, 30)


def test_real_truncated_photograph(bad_image):
    assert 'truncated' in error_of(bad_image)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('name', ['a.jpg', 'a.png'])
@pytest.mark.parametrize('share', [0.98, 0.7, 0.3, 0.02])
def test_cut_short(tmp_path, make_picture, backend, name, share):
    path = tmp_path / name
    make_picture(path, 120, 90)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    error_of(path, imdecode_backend=backend)


def test_cut_short_where_the_decoder_does_not_notice(bad_image, monkeypatch):
    """Some OpenCV releases give a picture with a grey rest; the file must be refused before."""
    monkeypatch.setattr('mmcv.imfrombytes', lambda *_, **__: np.zeros((393, 590, 3), np.uint8))
    assert 'truncated' in error_of(bad_image)


def test_padding_after_the_end_marker(tmp_path, make_picture):
    path = tmp_path / 'a.jpg'
    make_picture(path, 60, 40)
    whole = read(path)['img']
    for padding in (b'\0' * 20, b'\r\n', b'further data after the picture' * 9):
        content = path.read_bytes()
        padded = tmp_path / 'padded.jpg'
        padded.write_bytes(content + padding)
        np.testing.assert_array_equal(read(padded)['img'], whole)


def test_an_array_in_place_of_a_path():
    """As mmpretrain's inferencers hand it over."""
    with pytest.raises(ValueError, match=r'given no path.*use those of bas_mm\.apis'):
        LoadLocImage()(dict(img=np.zeros((4, 4, 3), np.uint8), img_shape=(4, 4)))


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('limit', [100, 2000])
def test_strict_decoding_beyond_the_limit_of_pillow(tmp_path, make_picture, monkeypatch, limit):
    """OpenCV decodes pictures that Pillow refuses, or warns of, for their size alone."""
    path = tmp_path / 'a.jpg'
    make_picture(path, 60, 40)
    path.write_bytes(path.read_bytes() + b'further data after the picture' * 9)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', limit)
    assert read(path)['img_shape'] == (40, 60)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_strict_decoding_only_without_end_marker(tmp_path, make_picture, monkeypatch):
    make_picture(tmp_path / 'a.jpg', 60, 40)
    monkeypatch.setattr('PIL.Image.open', lambda *_: pytest.fail('decoded twice'))
    assert read(tmp_path / 'a.jpg')['img_shape'] == (40, 60)


@pytest.mark.parametrize(
    'content', [b'', b'hello world', b'\xff\xd8\xff\xd9', b'\xff\xd8garbage\xff\xd9', b'\0' * 500]
)
@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_no_pictures(tmp_path, content, backend):
    path = tmp_path / 'a.jpg'
    path.write_bytes(content)
    message = error_of(path, imdecode_backend=backend)
    if not content:
        assert 'the file is empty' in message


@pytest.mark.parametrize('brand', [b'heic', b'mif1', b'avif'])
@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_pictures_of_telephones_under_another_name(tmp_path, brand, backend):
    path = tmp_path / 'a.jpg'
    head = b'\0\0\0\x18ftyp'
    path.write_bytes(head + brand + b'\0\0\0\0mif1heic' + bytes(100))
    said = 'it is a HEIC or AVIF picture, whatever its name says: convert it to JPEG'
    assert error_of(path, imdecode_backend=backend) == f'unreadable picture {path}: {said}'
    # A film.
    path.write_bytes(head + b'isom' + bytes(100))
    said = 'UnidentifiedImageError: cannot identify image file'
    assert error_of(path, imdecode_backend=backend) == f'unreadable picture {path}: {said}'


@pytest.mark.skipif(not features.check('avif'), reason='Pillow was built without AVIF')
def test_avif_where_the_decoder_knows_it(tmp_path):
    Image.new('RGB', (20, 10)).save(tmp_path / 'a.jpg', format='avif')
    assert read(tmp_path / 'a.jpg', imdecode_backend='pillow')['img'].shape == (10, 20, 3)


def test_missing_file_and_folder(tmp_path):
    error_of(tmp_path / 'none.jpg')
    (tmp_path / 'folder.jpg').mkdir()
    error_of(tmp_path / 'folder.jpg')


def test_size_must_agree_where_there_are_boxes(tmp_path, make_picture):
    path = tmp_path / 'a.jpg'
    make_picture(path, 60, 40)
    listed = dict(width=40, height=60)
    boxes = dict(gt_bboxes=np.zeros((1, 4)))
    with pytest.raises(AnnotationError, match='has 60x40 pixels, but its split says 40x60'):
        read(path, {**listed, **boxes})
    # The picture's, turned by a quarter.
    with pytest.raises(AnnotationError, match="as its file notes, set color_type='color'"):
        read(path, {**listed, **boxes})
    with pytest.raises(AnnotationError, match=r'cannot be trusted\. Correct'):
        read(path, {**listed, **boxes, 'width': 41})
    with pytest.raises(AnnotationError) as caught:
        read(path, {**listed, **boxes, 'width': 41, 'size_file': 'ann/a.xml'})
    assert str(caught.value) == (
        f'{path} has 60x40 pixels, but ann/a.xml says 41x60: its boxes cannot be trusted. Correct '
        'the size there, and the boxes, or set check_size=False in LoadLocImage'
    )
    assert read(path, {**listed, **boxes}, check_size=False)['img_shape'] == (40, 60)
    assert read(path, listed)['img_shape'] == (40, 60)
    assert read(path, boxes)['img_shape'] == (40, 60)
    assert read(path, dict(width=60, height=40, **boxes))['img_shape'] == (40, 60)


def test_size_must_agree_with_that_of_a_detectors_boxes(tmp_path):
    """As mmdetection gives them: boxes of the turned picture, which is read as stored."""
    path = tmp_path / 'turned.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (30, 10)).save(path, exif=exif)
    instances = [dict(bbox=[1, 2, 9, 28], bbox_label=0, ignore_flag=0)]
    upright = dict(width=10, height=30, instances=instances)
    with pytest.raises(AnnotationError) as caught:
        read(path, upright)
    assert str(caught.value) == (
        f'{path} has 30x10 pixels, but the file of its boxes says 10x30: its boxes cannot be '
        'trusted. If they are those of the picture turned as its file notes, set '
        "color_type='color' in LoadLocImage. Make that file anew, or set check_size=False in "
        'LoadLocImage'
    )
    assert read(path, upright, color_type='color')['img_shape'] == (30, 10)
    assert read(path, upright, check_size=False)['img_shape'] == (10, 30)
    # Where there is no box, none is wrong; nor is a size compared that is not known.
    assert read(path, {**upright, 'instances': []})['img_shape'] == (10, 30)
    assert read(path, dict(instances=instances))['img_shape'] == (10, 30)


def test_boxes_without_sizes_lie_in_the_picture(tmp_path, make_picture):
    """Those of a picture that its file turns are compared with no size before it is read."""
    path = tmp_path / 'a.jpg'
    make_picture(path, 60, 40)
    outside = dict(gt_bboxes=np.array([[0.0, 0, 60, 40], [5, 5, 20, 42]]), boxes_unchecked=True)
    with pytest.raises(AnnotationError, match='has 60x40 pixels, and a box of its split lies') as e:
        read(path, outside)
    assert str(path) in str(e.value)
    assert "set color_type='color' in LoadLocImage" in str(e.value)
    assert read(path, outside, check_size=False)['img_shape'] == (40, 60)
    # Those that were checked, or shall not be.
    assert read(path, dict(gt_bboxes=outside['gt_bboxes']))['img_shape'] == (40, 60)
    outside['gt_bboxes'] = outside['gt_bboxes'][:1]
    assert read(path, outside)['img_shape'] == (40, 60)


@pytest.fixture
def fresh_turbojpeg(monkeypatch):
    """mmcv without the library loaded; what a test loads is forgotten after it."""
    _start_turbojpeg.cache_clear()
    monkeypatch.setattr('mmcv.image.io.jpeg', None)
    yield
    _start_turbojpeg.cache_clear()


@pytest.mark.usefixtures('fresh_turbojpeg')
@pytest.mark.parametrize('missing', ['package', 'library'])
def test_turbojpeg_is_missing(monkeypatch, missing):
    def no_library():
        raise RuntimeError('Unable to locate turbojpeg library')

    monkeypatch.setattr('mmcv.image.io.TurboJPEG', None if missing == 'package' else no_library)
    with pytest.raises(ImportError) as caught:
        TRANSFORMS.build(dict(type='LoadLocImage', imdecode_backend='turbojpeg'))
    for part in ('pip install PyTurboJPEG', 'libturbojpeg', "imdecode_backend='cv2'"):
        assert part in str(caught.value)
    assert mmcv.image.io.imread_backend == 'cv2'


class Decoder:
    """Stands in for the library, with OpenCV's pixels; like it, it refuses CMYK."""

    calls = 0

    def decode(self, content, pixel_format):
        Decoder.calls += 1
        picture = Image.open(io.BytesIO(content))
        if picture.mode == 'CMYK':
            raise OSError('Unsupported color conversion request')
        return np.array(picture.convert('RGB'))[..., ::-1]


@pytest.mark.usefixtures('fresh_turbojpeg')
@pytest.mark.parametrize('real', [False, True])
def test_turbojpeg(tmp_path, make_picture, monkeypatch, real):
    if real:
        try:
            mmcv.image.io.TurboJPEG()
        except (TypeError, RuntimeError, OSError) as error:
            pytest.skip(f'the library libturbojpeg is not there: {error}')
    else:
        for name, value in dict(TurboJPEG=Decoder, TJPF_BGR=1, TJPF_GRAY=6, TJCS_RGB=0).items():
            monkeypatch.setattr(f'mmcv.image.io.{name}', value)
    make_picture(tmp_path / 'a.jpg', 60, 40)
    make_picture(tmp_path / 'a.png', 60, 40)
    # ILSVRC has a PNG and some CMYK pictures among its JPEG files.
    (tmp_path / 'png.JPEG').write_bytes((tmp_path / 'a.png').read_bytes())
    Image.new('CMYK', (20, 10), (9, 50, 99, 3)).save(tmp_path / 'cmyk.jpg')
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (30, 10), (200, 100, 50)).save(tmp_path / 'turned.jpg', exif=exif)
    Decoder.calls = 0
    for name in ('a.jpg', 'png.JPEG', 'cmyk.jpg', 'turned.jpg'):
        found = read(tmp_path / name, imdecode_backend='turbojpeg')['img']
        np.testing.assert_array_equal(found, read(tmp_path / name)['img'])
    assert Decoder.calls == (0 if real else 3)
    assert mmcv.image.io.imread_backend == 'cv2'
    for content in (b'', b'hello', b'\xff\xd8garbage\xff\xd9'):
        (tmp_path / 'bad.jpg').write_bytes(content)
        error_of(tmp_path / 'bad.jpg', imdecode_backend='turbojpeg')
    content = (tmp_path / 'a.jpg').read_bytes()
    (tmp_path / 'bad.jpg').write_bytes(content[: len(content) // 2])
    error_of(tmp_path / 'bad.jpg', imdecode_backend='turbojpeg')


@pytest.mark.usefixtures('fresh_turbojpeg')
def test_threads_leave_the_filters_of_warnings_alone(tmp_path, make_picture, monkeypatch):
    """Two decode at the same time: the one that began first must not end first."""
    began, second_ended = Event(), Event()

    class InTurn(Decoder):
        def decode(self, content, pixel_format):
            if not began.is_set():
                began.set()
                # Without a lock the second thread begins and waits while this one ends.
                second_ended.wait(0.2)
            else:
                second_ended.set()
                first.join(0.2)
            return super().decode(content, pixel_format)

    for name, value in dict(TurboJPEG=InTurn, TJPF_BGR=1, TJPF_GRAY=6, TJCS_RGB=0).items():
        monkeypatch.setattr(f'mmcv.image.io.{name}', value)
    make_picture(tmp_path / 'a.jpg', 60, 40)
    load = TRANSFORMS.build(dict(type='LoadLocImage', imdecode_backend='turbojpeg'))
    before = list(warnings.filters)
    first, second = (Thread(target=load.read, args=(str(tmp_path / 'a.jpg'),)) for _ in range(2))
    first.start()
    began.wait()
    second.start()
    for thread in (first, second):
        thread.join()
    assert warnings.filters == before


def test_repr():
    assert 'check_size=False' in repr(TRANSFORMS.build(dict(type='LoadLocImage', check_size=False)))


@pytest.mark.parametrize('setting', [dict(imdecode_backend='pil'), dict(color_type='rgb')])
def test_settings_that_are_not_there(setting):
    """Else each picture would be called unreadable."""
    (name, value), *_ = setting.items()
    with pytest.raises(ValueError, match=f"^{name}='{value}': .* are there$"):
        TRANSFORMS.build(dict(type='LoadLocImage', **setting))
