"""OpenImages30k from its split folders: data/OpenImages30k/metadata/{train,val,test}.

Pictures and masks lie below data/OpenImages30k, at the paths that the lists name.
"""

dataset_type = 'OpenImages30k'
data_root = 'data/OpenImages30k/'

train_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LocResize', scale=(256, 256), backend='pillow'),
    dict(type='LocRandomCrop', crop_size=224),
    dict(type='LocRandomFlip', prob=0.5),
    dict(type='PackLocalizationInputs'),
]
# The whole picture: pixel metrics count all of its pixels.
test_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LocResize', scale=(224, 224), backend='pillow'),
    dict(type='LoadLocMask'),
    dict(type='PackLocalizationInputs'),
]

# The recipe's batch of 64 is that of all GPUs together: with n GPUs set batch_size to 64 / n.
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    pin_memory=True,
    # Persistent workers would save nothing: EpochSeedHook starts them anew for each epoch, too.
    persistent_workers=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split_dir='metadata/train',
        with_boxes=False,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split_dir='metadata/val',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=4,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split_dir='metadata/test',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)

# There are masks and no boxes, so no θ: PxAP goes over all thresholds.
val_evaluator = [
    dict(type='PxAP', num_workers=1),  # in a process of its own, as in cub.py
    dict(type='mmpretrain.Accuracy', topk=(1, 5)),
]
test_evaluator = val_evaluator
