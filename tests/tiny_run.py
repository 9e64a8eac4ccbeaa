"""A tiny split folder of real PNG files and a config over it that a stock Runner trains."""

from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from tiny import tiny_model_cfg

CLASSES = ('red', 'green', 'blue', 'white')


def write_split_folder(root: Path, splits: dict[str, int], size: int = 48, seed: int = 0) -> Path:
    """Coloured squares on noise: ``splits`` maps a split's name to its number of pictures."""
    rng = np.random.default_rng(seed)
    colours = [(30, 30, 220), (30, 220, 30), (220, 30, 30), (230, 230, 230)]
    for split, count in splits.items():
        folder = root / 'metadata' / split
        folder.mkdir(parents=True)
        (root / 'images' / split).mkdir(parents=True)
        lines = {name: [] for name in ('image_ids', 'class_labels', 'image_sizes', 'localization')}
        for i in range(count):
            picture = rng.integers(0, 120, (size, size, 3)).astype(np.uint8)
            label = i % len(CLASSES)
            side = int(rng.integers(size // 3, size // 2))
            x, y = (int(v) for v in rng.integers(0, size - side, 2))
            picture[y : y + side, x : x + side] = colours[label]
            name = f'{split}/{i:04d}.png'
            cv2.imwrite(str(root / 'images' / name), picture)
            lines['image_ids'].append(name)
            lines['class_labels'].append(f'{name},{label}')
            lines['image_sizes'].append(f'{name},{size},{size}')
            lines['localization'].append(f'{name},{x},{y},{x + side - 1},{y + side - 1}')
        for name, rows in lines.items():
            (folder / f'{name}.txt').write_text('\n'.join(rows) + '\n')
    return root


def tiny_run_cfg(
    root: Path, work_dir: Path, kind: str = 'BASClassifier', epochs: int = 2, **test_cfg
) -> Config:
    """Config of a whole run on :func:`write_split_folder`'s files (splits train and test)."""

    def dataloader(split: str, train: bool) -> dict:
        flip = [dict(type='LocRandomFlip', prob=0.5)] if train else []
        return dict(
            batch_size=4,
            num_workers=0,
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=train),
            dataset=dict(
                type='SplitFolder',
                data_root=str(root),
                data_prefix=dict(img_path='images'),
                split_dir=f'metadata/{split}',
                classes=CLASSES,
                with_boxes=not train,
                test_mode=not train,
                pipeline=[
                    dict(type='LoadLocImage'),
                    *flip,
                    dict(type='PackLocalizationInputs'),
                ],
            ),
        )

    evaluator = dict(type='LocalizationMetric', thresholds=[0.2, 0.4, 0.6])
    return Config(
        dict(
            default_scope='bas_mm',
            model=tiny_model_cfg(kind, **test_cfg),
            train_dataloader=dataloader('train', True),
            val_dataloader=dataloader('test', False),
            test_dataloader=dataloader('test', False),
            val_evaluator=evaluator,
            test_evaluator=evaluator,
            train_cfg=dict(by_epoch=True, max_epochs=epochs, val_interval=epochs),
            val_cfg=dict(),
            test_cfg=dict(),
            optim_wrapper=dict(
                type='OptimWrapper',
                constructor='RecipeOptimWrapperConstructor',
                optimizer=dict(type='SGD', lr=0.002, momentum=0.9, nesterov=True),
            ),
            param_scheduler=dict(type='StepLR', by_epoch=True, step_size=80),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=1),
                checkpoint=dict(type='CheckpointHook', interval=1),
            ),
            custom_hooks=[dict(type='ClassCountHook'), dict(type='NonFiniteLossHook')],
            work_dir=str(work_dir),
            randomness=dict(seed=0),
            log_level='WARNING',
        )
    )
