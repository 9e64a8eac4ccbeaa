"""The whole pipeline by its command on a few small pictures; killed in any step, the same masks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('pydensecrf', reason='pydensecrf2, the extra `crf`, is not installed')

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
TOOL = CONFIGS.parent / 'tools/wsss/run_pipeline.py'
SET = dict(num_train=6, num_val=2, image_size=(56, 72))
# What makes the embedded configs small.
EPOCH = """
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = []
default_hooks = dict(checkpoint=dict(interval=1), logger=dict(interval=1))
"""
SMALL = f'small = dict({", ".join(f"{k}={v}" for k, v in SET.items())})\n'
LOADERS = f"""
{SMALL}
train_dataloader = dict(batch_size=2, dataset=small)
val_dataloader = dict(batch_size=2, dataset=small)
test_dataloader = dict(batch_size=2, dataset=small)
"""
SEEDS = """
seed_dataloader = dict(dataset=small)
seed_cfg = dict(scales=(1.0, 0.5))
"""
CONFIG_TEXTS = {
    'cam': ('wsss/cam_small_embedded.py', LOADERS + SEEDS + EPOCH),
    'bas': ('wsss/bas_seg_small_embedded.py', LOADERS + SEEDS + EPOCH),
    'irn': (
        'wsss/irn_small_embedded.py',
        SMALL
        + 'train_dataloader = dict(batch_size=2, dataset=dict(pictures=small))\n'
        + EPOCH.replace(', val_interval=1', '')
        + 'mask_cfg = dict(steps=16)\n',
    ),
    'segmentor': (
        'deeplabv2/deeplabv2_small_embedded.py',
        # Pictures of all sizes: batches of one where they are not cropped.
        LOADERS.replace('loader = dict(batch_size=2, ', 'loader = dict(')
        + 'train_cfg = dict(max_iters=2, val_interval=2)\nparam_scheduler = []\n'
        + 'default_hooks = dict(checkpoint=dict(interval=2))\n',
    ),
}
MAKING = ('cam', 'bas', 'cam_seeds', 'bas_seeds', 'fused_seeds', 'irn_labels', 'irn', 'masks')


def _write_configs(folder: Path) -> Path:
    for key, (base, text) in CONFIG_TEXTS.items():
        (folder / f'{key}.py').write_text(f'_base_ = [{str(CONFIGS / base)!r}]\n{text}')
    lines = [f'{key} = "{key}.py"' for key in CONFIG_TEXTS]
    lines += ['mask_key = "train_dataloader.dataset.mask_dir"', 'bas_from_cam = True']
    lines += ['irn_from = "bas"']
    (folder / 'pipeline.py').write_text('\n'.join(lines) + '\n')
    return folder / 'pipeline.py'


def _start(config: Path, cwd: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, str(TOOL), str(config), '--work-dir', 'work', *options]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _run(config: Path, cwd: Path, *options: str) -> str:
    process = _start(config, cwd, '--num-workers', '1', *options)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    return out


def _masks(work: Path) -> dict[str, np.ndarray]:
    masks = {p.name: np.array(Image.open(p)) for p in sorted((work / 'masks').glob('*.png'))}
    assert len(masks) == SET['num_train']
    return masks


@pytest.mark.slow
def test_whole_pipeline_and_the_same_masks_after_kills(tmp_path):
    config = _write_configs(tmp_path)
    once, killed = tmp_path / 'once', tmp_path / 'killed'
    once.mkdir()
    killed.mkdir()
    out = _run(config, once)
    for name in ('CAM seeds', 'BAS seeds', 'fused seeds', 'pseudo masks', 'segmentor'):
        assert f'| {name} ' in out
    sheet = np.array(Image.open(once / 'work/sheet.png'))
    assert sheet.shape[0] > 3 * 100
    assert sheet.std() > 10
    again = _run(config, once, '--pictures', '0')
    assert again.count('done before') == 12

    # The same pictures are not painted again.
    (killed / 'data').symlink_to(once / 'data')
    state = killed / 'work/pipeline.json'
    for step in MAKING:
        process = _start(config, killed, '--num-workers', '1', '--until', 'masks')
        until = time.monotonic() + 300
        while True:
            steps = json.loads(state.read_text())['steps'] if state.exists() else {}
            if steps.get(step, {}).get('status') == 'running':
                break
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(2.5)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    _run(config, killed, '--until', 'masks')
    expected, found = _masks(once / 'work'), _masks(killed / 'work')
    for name, mask in expected.items():
        assert np.array_equal(found[name], mask), name
