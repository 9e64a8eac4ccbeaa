"""Kangaroos and raccoons: a small real set of 233 training and 40 validation pictures.

Its folder (with images/ and metadata/) is named by the environment variable BAS_MM_CRITTERS, or
is data/critters.
"""

dataset_type = 'SplitFolder'
data_root = '{{$BAS_MM_CRITTERS:data/critters}}'
data_prefix = dict(img_path='images')
classes = ('kangaroo', 'raccoon')

resize = dict(type='LocResize', scale=(256, 256), backend='pillow')

train_pipeline = [
    dict(type='LoadLocImage'),
    resize,
    dict(type='LocRandomCrop', crop_size=224),
    dict(type='LocRandomFlip', prob=0.5),
    dict(type='PackLocalizationInputs'),
]
test_pipeline = [
    dict(type='LoadLocImage'),
    resize,
    dict(type='LocCenterCrop', crop_size=224),
    dict(type='PackLocalizationInputs'),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    # Persistent workers would save nothing: EpochSeedHook starts them anew for each epoch, too.
    persistent_workers=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=data_prefix,
        split_dir='metadata/train',
        classes=classes,
        with_boxes=False,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=20,
    num_workers=2,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=data_prefix,
        split_dir='metadata/val',
        classes=classes,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
# There is no test split: the same 40 pictures choose the threshold and are reported. Good for
# comparing two methods that are treated alike, too kind as a figure of its own.
test_dataloader = val_dataloader

val_evaluator = dict(type='LocalizationMetric', thresholds=[step / 20 for step in range(1, 20)])
test_evaluator = val_evaluator
