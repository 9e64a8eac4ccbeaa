"""The checkpoint to go on from, also after a kill at the worst moment."""

import pytest

from bas_mm.utils.last_checkpoint import find_last_checkpoint


@pytest.fixture
def folder(tmp_path):
    for name in ('epoch_2.pth', 'epoch_10.pth', 'best_gt_known_epoch_12.pth', 'epoch_30.pth.part'):
        (tmp_path / name).touch()
    return tmp_path


def test_what_is_noted(folder):
    for noted in (str(folder / 'epoch_2.pth'), 's3://bucket/epoch_7.pth'):
        (folder / 'last_checkpoint').write_text(f'{noted}\n')
        assert find_last_checkpoint(folder) == noted


@pytest.mark.parametrize('noted', ['', '/an/older/name/of/the/folder/epoch_10.pth'])
def test_the_highest_number_where_nothing_is_noted_that_is_there(folder, noted):
    (folder / 'last_checkpoint').write_text(noted)
    assert find_last_checkpoint(folder) == str(folder / 'epoch_10.pth')


def test_nothing_to_go_on_from(tmp_path):
    assert find_last_checkpoint(tmp_path / 'nowhere') is None
    (tmp_path / 'epoch_1.pth').touch()  # put there by hand
    assert find_last_checkpoint(tmp_path) is None
    (tmp_path / 'epoch_1.pth').unlink()
    (tmp_path / 'last_checkpoint').write_text('')
    assert find_last_checkpoint(tmp_path) is None
    (tmp_path / 'last_checkpoint').write_text('gone/epoch_3.pth')  # mmengine names it
    assert find_last_checkpoint(tmp_path) == 'gone/epoch_3.pth'
