"""Batches that cannot be made of pictures, and settings that a loader refuses."""

import cv2
import numpy as np
import pytest
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.utils.input_errors import describe_input_error


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize('phase', ['train', 'val'])
def test_pictures_of_several_sizes(tmp_path, workers, phase):
    data = write_split_folder(tmp_path / 'data', dict(train=8, test=4))
    for path in sorted((data / 'images' / dict(train='train', val='test')[phase]).iterdir())[1:]:
        cv2.imwrite(str(path), np.zeros((24, 20, 3), np.uint8))
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    loader = cfg[f'{phase}_dataloader']
    loader.num_workers = workers
    loader.batch_size = 4
    loader.sampler.shuffle = False
    loader.collate_fn = dict(type='default_collate')
    loader.dataset.check_files = False  # of which no list knows
    loader.dataset.pipeline = [
        dict(type='LoadLocImage', check_size=False),
        dict(type='PackLocalizationInputs'),
    ]
    with pytest.raises(Exception) as caught:
        Runner.from_cfg(cfg).train()
    said = describe_input_error(caught.value, dict(cfg.items()))
    where = f'{phase}_dataloader.dataset.pipeline'
    assert said.startswith(f'{where}: the pictures of a batch have several sizes')
    assert ('and [3, 24, 20] (channels, height, width): let it resize' in said) == (not workers)
    assert '\n' not in said


def test_settings_that_a_loader_refuses(description):
    said = description(val_dataloader__persistent_workers=True, val_dataloader__num_workers=0)
    assert said.startswith('val_dataloader: persistent_workers option needs num_workers > 0')
    assert '\n' not in said
