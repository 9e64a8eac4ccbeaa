"""LocalizationVisualizationHook: which pictures, from what, under which names."""

from types import SimpleNamespace
from uuid import uuid4

import cv2
import pytest
import torch
from mmpretrain.structures import DataSample

from bas_mm.engine.hooks import LocalizationVisualizationHook
from bas_mm.visualization import LocalizationVisualizer


@pytest.fixture(autouse=True)
def visualizer():
    return LocalizationVisualizer.get_instance(f'hook_test_{uuid4()}')


def batch(ids, crops=False):
    """Inputs, BGR, with blue in proportion to the index; ten crops told apart by red."""
    inputs = torch.zeros(len(ids), 10, 3, 224, 224, dtype=torch.uint8)
    for crop in range(10):
        inputs[:, crop, 2] = crop
    inputs[:, :, 0] = 200
    samples = []
    for image_id in ids:
        sample = DataSample(metainfo={'image_id': image_id}).set_gt_label(0)
        sample.set_field(torch.rand(28, 28), 'pred_map')
        samples.append(sample)
    return {'inputs': inputs if crops else inputs[:, 4]}, samples


def runner(tmp_path, epoch=0):
    return SimpleNamespace(log_dir=str(tmp_path / 'log'), epoch=epoch, iter=epoch * 7)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file())


def test_every_third_picture_over_uneven_batches(tmp_path):
    hook = LocalizationVisualizationHook(enable=True, interval=3, out_dir=str(tmp_path))
    for _ in range(2):  # a second test counts from 0 again
        hook.before_test_epoch(None)
        start = 0
        for size in (4, 4, 2):
            data, samples = batch([f'test/{i}.jpg' for i in range(start, start + size)])
            hook.after_test_iter(runner(tmp_path), 0, data, samples)
            start += size
    assert files(tmp_path) == [f'test/{i}.jpg.png' for i in (0, 3, 6, 9)]


def test_processes_share_the_same_pictures(tmp_path, monkeypatch):
    for rank in range(2):
        monkeypatch.setattr(
            'bas_mm.engine.hooks.localization_visualization_hook.get_dist_info',
            lambda rank=rank: (rank, 2),
        )
        hook = LocalizationVisualizationHook(enable=True, interval=3, out_dir=str(tmp_path))
        hook.before_test_epoch(None)
        data, samples = batch([f'{i}.jpg' for i in range(rank, 10, 2)])
        hook.after_test_iter(runner(tmp_path), 0, data, samples)
    assert files(tmp_path) == [f'{i}.jpg.png' for i in (0, 3, 6, 9)]


@pytest.mark.parametrize('crops', [False, True])
def test_the_view_is_drawn_in_its_colours(crops, tmp_path):
    hook = LocalizationVisualizationHook(enable=True, interval=1, out_dir=str(tmp_path))
    data, samples = batch(['a.jpg'], crops)
    hook.after_test_iter(runner(tmp_path), 0, data, samples)
    drawing = cv2.imread(str(tmp_path / 'a.jpg.png'))
    # Blue as in the input; of ten crops the fifth, the centre one.
    assert (drawing[:224, :224] == (200, 0, 4)).all()


def test_ids_that_differ_in_suffix_or_leave_the_folder(tmp_path):
    out = tmp_path / 'out'
    hook = LocalizationVisualizationHook(enable=True, interval=1, out_dir=str(out))
    ids = ['a.jpg', 'a.png', '../../b.jpg', '/c.jpg', 'd/./e.jpg', '..']
    hook.after_test_iter(runner(tmp_path), 0, *batch(ids))
    expected = ['a.jpg.png', 'a.png.png', '__/__/b.jpg.png', 'c.jpg.png', 'd/e.jpg.png']
    assert files(tmp_path) == sorted(f'out/{name}' for name in [*expected, '__.png'])


def test_validation_keeps_the_epochs_apart(tmp_path):
    hook = LocalizationVisualizationHook(enable=True, interval=1)
    for epoch in (1, 2):
        hook.before_val_epoch(None)
        hook.after_val_iter(runner(tmp_path, epoch), 0, *batch(['a.jpg']))
    names = [f'log/localization/epoch_{epoch}/a.jpg.png' for epoch in (1, 2)]
    assert files(tmp_path) == names


def test_off_by_default(tmp_path):
    hook = LocalizationVisualizationHook(out_dir=str(tmp_path))
    hook.after_test_iter(runner(tmp_path), 0, *batch(['a.jpg']))
    assert files(tmp_path) == []


def test_bad_settings_and_inputs(tmp_path):
    with pytest.raises(ValueError, match='interval'):
        LocalizationVisualizationHook(interval=0)
    with pytest.raises(ValueError, match='channel_order'):
        LocalizationVisualizationHook(channel_order='hsv')
    hook = LocalizationVisualizationHook(enable=True, interval=1, out_dir=str(tmp_path))
    data, samples = batch(['a.jpg'])
    with pytest.raises(ValueError, match='uint8'):
        hook.after_test_iter(runner(tmp_path), 0, {'inputs': data['inputs'].float()}, samples)
