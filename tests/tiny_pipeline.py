"""The embedded segmentation pipeline on eight small pictures, an epoch each."""

from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
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
    'cam': ('wsss/cam_seg_small_embedded.py', LOADERS + SEEDS + EPOCH),
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


def write_pipeline(folder: Path) -> Path:
    """Write the configs into a folder; gives the pipeline's."""
    for key, (base, text) in CONFIG_TEXTS.items():
        (folder / f'{key}.py').write_text(f'_base_ = [{str(CONFIGS / base)!r}]\n{text}')
    lines = [f'{key} = "{key}.py"' for key in CONFIG_TEXTS]
    lines += ['mask_key = "train_dataloader.dataset.mask_dir"', 'bas_from_cam = True']
    lines += ['irn_from = "bas"']
    (folder / 'pipeline.py').write_text('\n'.join(lines) + '\n')
    return folder / 'pipeline.py'
