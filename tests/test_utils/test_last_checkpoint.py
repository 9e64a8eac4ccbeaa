"""The checkpoint to go on from, also after a kill at the worst moment."""

import os
import shutil

import pytest

from bas_mm.utils.last_checkpoint import find_last_checkpoint, has_checkpoints, repair_note


@pytest.fixture
def folder(tmp_path):
    names = ('iter_2000.pth', 'epoch_12.pth', 'epoch_2.pth', 'best_x_epoch_12.pth', 'epoch_3.pth.x')
    for second, name in enumerate(names):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (second, second))
    return tmp_path


def note(folder, text):
    (folder / 'last_checkpoint').write_text(text)


def test_what_is_noted(folder):
    for noted in (str(folder / 'epoch_12.pth'), 's3://bucket/epoch_7.pth'):
        note(folder, f'{noted}\n')
        assert find_last_checkpoint(folder) == noted


def test_whether_a_training_was_here(folder, tmp_path_factory):
    assert has_checkpoints(folder)
    other = tmp_path_factory.mktemp('other')
    (other / 'best_x_epoch_1.pth').touch()
    (other / 'vis_data').mkdir()
    assert not has_checkpoints(other)
    assert not has_checkpoints(other / 'nowhere')
    # A note of nothing that is there says nothing.
    for noted, known in (
        ('', False),
        ('gone/net_7.pth', False),
        (str(folder / 'net_7.pth'), False),
        (str(folder / 'epoch_12.pth'), True),
        ('s3://bucket/net_7.pth', True),
    ):
        note(other, noted)
        assert has_checkpoints(other) == known
    (other / 'net_7.pth').touch()
    note(other, 'gone/net_7.pth')
    assert has_checkpoints(other)


@pytest.mark.parametrize(
    ('noted', 'expected'),
    [
        ('', 'epoch_2.pth'),  # of all that are numbered the last one written
        ('/an/older/name/epoch_12.pth', 'epoch_12.pth'),
        ('/an/older/name/best_x_epoch_12.pth', 'best_x_epoch_12.pth'),
    ],
)
def test_what_a_kill_or_a_new_name_of_the_folder_leaves(folder, noted, expected):
    note(folder, noted)
    assert find_last_checkpoint(folder) == str(folder / expected)
    repair_note(folder)
    assert (folder / 'last_checkpoint').read_text() == str(folder / expected)


def test_files_with_names_of_ones_own(folder):
    for second, name in enumerate(('net-9.pth', 'net-10.pth', 'best_x_net-10.pth')):
        (folder / name).touch()
        os.utime(folder / name, (60 + second, 60 + second))
    note(folder, '')
    assert find_last_checkpoint(folder) == str(folder / 'epoch_2.pth')
    for path in (*folder.glob('epoch_*.pth'), *folder.glob('iter_*.pth')):
        path.unlink()
    assert find_last_checkpoint(folder) == str(folder / 'net-10.pth')


def test_a_copy_has_checkpoints_of_its_own(folder, tmp_path_factory):
    note(folder, str(folder / 'epoch_12.pth'))
    copy = tmp_path_factory.mktemp('copy') / 'of_it'
    shutil.copytree(folder, copy)
    assert find_last_checkpoint(copy) == str(copy / 'epoch_12.pth')
    # Elsewhere, as CheckpointHook.out_dir has it; what is here is of a run before.
    store = tmp_path_factory.mktemp('store')
    shutil.move(folder / 'epoch_12.pth', store)
    note(folder, str(store / 'epoch_12.pth'))
    shutil.copy(copy / 'epoch_12.pth', folder)
    assert find_last_checkpoint(folder) == str(store / 'epoch_12.pth')
    (copy / 'epoch_12.pth').unlink()
    assert find_last_checkpoint(copy) == str(folder / 'epoch_12.pth')


def test_a_note_in_another_encoding(folder):
    (folder / 'last_checkpoint').write_bytes(b'/M\xfcller/epoch_12.pth')
    repair_note(folder)
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'epoch_2.pth')


def test_nothing_to_go_on_from(tmp_path):
    (tmp_path / 'best_x_epoch_3.pth').touch()
    with pytest.raises(FileNotFoundError, match='last_checkpoint is not there: the training in'):
        find_last_checkpoint(tmp_path)
    repair_note(tmp_path)
    assert not (tmp_path / 'last_checkpoint').exists()
    for noted, said in (('', 'it is empty'), ('gone/epoch_3.pth', 'gone/epoch_3.pth')):
        note(tmp_path, noted)
        with pytest.raises(FileNotFoundError, match=f'names no checkpoint that is there: {said}'):
            repair_note(tmp_path)
