"""OpenImages30k: a split folder with masks."""

from __future__ import annotations

from pathlib import Path

from edits import error_of, replace_line
from releases import write_openimages

from bas_mm.datasets import OpenImages30k


def test_masks_and_labels(tmp_path):
    root = write_openimages(tmp_path)
    dataset = OpenImages30k('metadata/test', data_root=str(root), test_mode=True)
    assert len(dataset.metainfo['classes']) == 100
    info = dataset.get_data_info(1)
    assert (info['image_id'], info['gt_label']) == ('test/0bt_c3/1.jpg', 1)
    folder = root / 'test/0bt_c3'
    assert [Path(path) for path in info['mask_paths']] == [folder / '1_a.png', folder / '1_b.png']
    assert Path(info['ignore_path']) == folder / '1_ignore.png'
    train = OpenImages30k('metadata/train', data_root=str(root), with_boxes=False)
    assert 'mask_paths' not in train.get_data_info(0)


def test_errors(tmp_path):
    root = write_openimages(tmp_path)
    file = root / 'metadata/test/localization.txt'
    (root / 'test/0bt_c3/1_b.png').unlink()
    message = error_of(OpenImages30k, 'metadata/test', str(root))
    assert message.startswith(f'{file}, line 4: test/0bt_c3/1_b.png is listed, but there is no')
    replace_line(file, 4, 'test/0bt_c3/1.jpg,,')
    message = error_of(OpenImages30k, 'metadata/test', str(root))
    assert message.startswith(f'{file}, line 4: no mask is named')
    file.write_text('test/0bt_c3/0.jpg,1,2,3,4\ntest/0bt_c3/1.jpg,1,2,3,4\n')
    message = error_of(OpenImages30k, 'metadata/test', str(root))
    assert message.startswith(f'{file}, line 1: boxes where masks were expected')
