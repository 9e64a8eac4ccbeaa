"""CUB-200-2011 from the original release, unpacked to data/CUB_200_2011."""

dataset_type = 'CUB200'
data_root = 'data/CUB_200_2011/'

# Pillow's resize averages over all pixels, as torchvision's does with pictures of Pillow: what
# networks trained by the field's recipes have seen. 'cv2' is faster and does not.
resize = dict(type='LocResize', scale=(256, 256), backend='pillow')

train_pipeline = [
    dict(type='LoadLocImage'),
    resize,
    dict(type='LocRandomCrop', crop_size=224),
    dict(type='LocRandomFlip', prob=0.5),
    dict(type='PackLocalizationInputs'),
]
# Ten-crop class scores: put LocTenCrop in the place of LocCenterCrop.
test_pipeline = [
    dict(type='LoadLocImage'),
    resize,
    dict(type='LocCenterCrop', crop_size=224),
    dict(type='PackLocalizationInputs'),
]

# The recipe's batch of 32 is that of all GPUs together: with n GPUs set batch_size to 32 / n.
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    pin_memory=True,
    # Persistent workers would save nothing: EpochSeedHook starts them anew for each epoch, too.
    persistent_workers=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        with_boxes=False,
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='test',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
# The release has no third split: validation during training looks at the TEST split. It is there
# to watch a run only. Neither a threshold nor a checkpoint may be chosen by it.
val_dataloader = test_dataloader

# θ is the recipe's for all four backbones of the paper. With num_workers=1 a process of its own
# measures boxes while the network goes on.
test_evaluator = dict(type='LocalizationMetric', thresholds=0.1, num_workers=1)
val_evaluator = test_evaluator
