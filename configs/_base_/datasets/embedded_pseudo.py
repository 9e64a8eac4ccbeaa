"""The embedded scenes for mmsegmentation: pseudo masks for training, the true masks of val.

The pictures of embedded_scenes.py, through mmsegmentation's own reader, in batches of crops.
mask_dir is the folder of pseudo masks; None trains on the true masks.
"""

dataset_type = 'SegmentationScenes'
data_root = 'data/synthetic_scenes'
mask_dir = 'work_dirs/wsss_small_embedded/masks'
# Everything that decides the pictures, as in embedded_scenes.py.
generation = dict(num_train=1000, num_val=200, num_classes=4, image_size=(112, 144), seed=0)

crop_size = (97, 97)
train_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LoadLabelMap'),
    dict(
        type='RandomChoice',
        transforms=[
            [dict(type='mmseg.Resize', scale_factor=0.75, keep_ratio=True)],
            [dict(type='mmseg.Resize', scale_factor=1.0, keep_ratio=True)],
            [dict(type='mmseg.Resize', scale_factor=1.25, keep_ratio=True)],
        ],
    ),
    dict(type='mmseg.RandomCrop', crop_size=crop_size),
    dict(type='mmseg.RandomFlip', prob=0.5),
    dict(type='mmseg.PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LoadLabelMap'),
    dict(type='mmseg.PackSegInputs'),
]

# Small pictures are read faster than worker processes start.
train_dataloader = dict(
    batch_size=10,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        mask_dir=mask_dir,
        pipeline=train_pipeline,
        **generation,
    ),
)
# Pictures of all sizes: one at a time.
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        pipeline=test_pipeline,
        test_mode=True,
        **generation,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
