"""A small IRNet, and pictures with IRNet's labels on disk."""

from pathlib import Path

import numpy as np
from PIL import Image

from bas_mm.utils.palette import encode_palette_png


def tiny_irn_cfg(radius: int = 3, crop: int = 48) -> dict:
    """Config of an IRNet over a ResNet18 with a few channels: features of IRNet's strides."""
    return dict(
        type='IRNet',
        data_preprocessor=dict(
            type='mmseg.SegDataPreProcessor',
            mean=[127.0] * 3,
            std=[64.0] * 3,
            bgr_to_rgb=True,
            size=(crop, crop),
        ),
        backbone=dict(
            type='mmpretrain.ResNet',
            depth=18,
            stem_channels=8,
            base_channels=8,
            strides=(1, 2, 2, 1),
        ),
        in_channels=(8, 8, 16, 32, 64),
        boundary=dict(channels=8, groups=2),
        displacement=dict(
            channels=(4, 8, 8, 8, 8), groups=(2, 4, 4, 4, 4), joint_channels=16, joint_groups=8
        ),
        radius=radius,
    )


def write_irn_pictures(root: Path, count: int = 4, seed: int = 0) -> Path:
    """Coloured rectangles on noise: ``root/JPEGImages`` and their labels in ``root/labels``.

    ``root/list.txt`` names them for :func:`pictures_cfg`.
    """
    rng = np.random.default_rng(seed)
    for folder in ('JPEGImages', 'labels'):
        (root / folder).mkdir(parents=True)
    for i in range(count):
        height, width = (40, 56) if i % 2 else (60, 36)
        picture = rng.integers(0, 90, (height, width, 3)).astype(np.uint8)
        labels = np.zeros((height, width), np.uint8)
        y, x = (int(v) for v in rng.integers(4, 14, 2))
        picture[y : y + 22, x : x + 18] = 90 + 50 * np.eye(3, dtype=np.uint8)[i % 3]
        labels[y - 3 : y + 25, x - 3 : x + 21] = 255
        labels[y : y + 22, x : x + 18] = 1 + i % 3
        Image.fromarray(picture).save(root / f'JPEGImages/pic_{i}.jpg', quality=95)
        (root / f'labels/pic_{i}.png').write_bytes(encode_palette_png(labels))
    (root / 'list.txt').write_text(''.join(f'pic_{i} {i % 3}\n' for i in range(count)))
    return root


def pictures_cfg(root: Path) -> dict:
    """Config of a data set of these pictures with their classes."""
    return dict(
        type='MultiLabelList',
        ann_file='list.txt',
        classes=3,
        data_root=str(root),
        data_prefix=dict(img_path='JPEGImages'),
    )
