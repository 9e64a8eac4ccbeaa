"""Which pictures an inferencer is given."""

import io
import os
import re
from pathlib import PurePosixPath

import cv2
import numpy as np
import pytest
from PIL import Image

from bas_mm.apis.picture_input import list_pictures
from bas_mm.apis.prediction_folder import PredictionFolder


def names(inputs):
    return [picture.name for picture in list_pictures(inputs)]


def test_a_folder_gives_its_pictures_of_all_levels_in_order(tmp_path):
    for name in ('b.PNG', 'a.jpg', 'sub/c.jpeg', 'sub/a.jpg', 'notes.txt', '.hidden.jpg'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'')
    found = list_pictures(tmp_path)
    assert [picture.name for picture in found] == ['a', 'b', 'sub/a', 'sub/c']
    assert [picture.source for picture in found] == [
        str(tmp_path / name) for name in ('a.jpg', 'b.PNG', 'sub/a.jpg', 'sub/c.jpeg')
    ]
    assert names([str(tmp_path), 'x.jpg']) == ['a', 'b', 'sub/a', 'sub/c', 'x']


def test_links_that_lead_nowhere_are_pictures_all_the_same(tmp_path):
    """What cannot be read is named, not left out."""
    (tmp_path / 'a.jpg').touch()
    (tmp_path / 'b.jpg').symlink_to(tmp_path / 'gone.jpg')
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub/c.jpg').symlink_to('c.jpg')
    (tmp_path / 'sub/d').symlink_to('gone')
    (tmp_path / 'more').symlink_to('sub')
    os.mkfifo(tmp_path / 'e.jpg')  # to read from it would take for ever
    assert names(tmp_path) == ['a', 'b', 'more/c', 'sub/c']


def test_links_that_lead_back_up_are_not_followed(tmp_path):
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub/a.jpg').touch()
    (tmp_path / 'sub/here').symlink_to('.')
    (tmp_path / 'sub/up').symlink_to('..')
    assert names(tmp_path) == ['sub/a']


def test_drawings_of_an_earlier_run_are_no_pictures(tmp_path):
    for name in ('a.jpg', 'vis/b.png', 'found/vis/a.png', 'found/masks/a.png', 'found/own/c.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert len(names(tmp_path)) == 5
    PredictionFolder(tmp_path / 'found').write_predictions()
    assert names(tmp_path) == ['a', 'found/own/c', 'vis/b']


def test_names_differ():
    assert names(['p/a.jpg', 'p/a.png', 'q/a.jpg', 'a-2.jpg']) == [
        'a.jpg',
        'a.png',
        'a-2.jpg',
        'a-2',
    ]
    assert len(set(names(['p/a.jpg', 'q/a.jpg', 'a-2.jpg', 'r/a-2.jpg', 'a-2-2']))) == 5
    array = np.zeros((2, 3, 3), np.uint8)
    assert names([array, 'v1.5', array]) == ['000000', 'v1.5', '000002']
    assert [p.image for p in list_pictures([array, 'v1.5', array])] == [0, 'v1.5', 2]


def test_many_of_one_name(monkeypatch):
    """Each search goes on where the one before it ended."""
    tries, with_name = [], PurePosixPath.with_name
    monkeypatch.setattr(
        PurePosixPath, 'with_name', lambda *args: tries.append(args) or with_name(*args)
    )
    found = names([f'{k}/a.jpg' for k in range(500)])
    assert found == ['a.jpg', *[f'a-{k}.jpg' for k in range(2, 501)]]
    assert len(tries) == 499


def test_any_iterable(tmp_path):
    (tmp_path / 'a.jpg').touch()
    assert names(tmp_path.glob('*.jpg')) == names(path for path in ['a.jpg']) == ['a']
    assert names({'b.jpg': 1}.keys()) == ['b']


def test_urls():
    url = 'https://example.com/a%20b/c%20d.jpg?size=2'
    assert list_pictures(url) == [(url, url, 'c d')]
    with pytest.raises(ValueError, match='ftp://x/a.jpg: mmengine has no file backend'):
        list_pictures('ftp://x/a.jpg')


@pytest.mark.parametrize(
    ('inputs', 'error', 'message'),
    [
        ([], ValueError, 'no picture'),
        (np.zeros((4, 4), np.uint8), ValueError, r'picture 0: an array must be \(H, W, 3\) uint8'),
        (['a', np.zeros((4, 4, 3))], ValueError, r'picture 1: .* float64'),
        ([7], TypeError, 'got int'),
        *(
            (data, TypeError, rf'got {kind}: give cv2\.imdecode\(np\.frombuffer\(data, ')
            for kind, data in [
                ('bytes', b'a.jpg'),
                ('bytearray', bytearray(b'a.jpg')),
                ('memoryview', memoryview(b'a.jpg')),
                ('bytes', ['a.jpg', b'a.jpg']),
            ]
        ),
        *(
            (file, TypeError, rf'got {type(file).__name__}: give its name, or cv2\.imdecode')
            for file in (io.BytesIO(b'a.jpg\nb.jpg'), io.StringIO('a.jpg'))
        ),
        (['a.jpg', io.BytesIO(b'a.jpg')], TypeError, 'got BytesIO: give its name'),
        ({'a.jpg'}, TypeError, 'given in an order, as a list, got set'),
        ({'a.jpg': 1}, TypeError, 'given in an order, as a list, got dict'),
        (
            Image.new('RGB', (4, 4)),
            TypeError,
            r"got Image: give np.asarray\(im.convert\('RGB'\)\)\[..., ::-1\]",
        ),
    ],
)
def test_what_is_no_picture(inputs, error, message):
    with pytest.raises(error, match=message):
        list_pictures(inputs)


def test_the_advice_for_bytes_and_files_gives_a_picture(tmp_path):
    path = tmp_path / 'a.png'
    Image.new('RGB', (5, 4), (9, 8, 7)).save(path)
    data = path.read_bytes()
    for given in (data, io.BytesIO(data)):
        with pytest.raises(TypeError) as caught:
            list_pictures(given)
        code = re.search(r'(cv2.*\)) of', str(caught.value))[1]
        (picture,) = list_pictures(eval(code, dict(cv2=cv2, np=np, data=data, file=given)))
        np.testing.assert_array_equal(picture.source, cv2.imread(str(path)))
    with open(path) as file, pytest.raises(TypeError, match='got TextIOWrapper: give its name'):
        list_pictures(file)


def test_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match=f'folder {tmp_path} has no picture'):
        list_pictures(tmp_path)
