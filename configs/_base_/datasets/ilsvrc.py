"""ILSVRC 2012 from split folders: data/ILSVRC/metadata/{train,test}, pictures below data/ILSVRC.

The ids in image_ids.txt are paths below data/ILSVRC, such as train/n01440764/n01440764_18.JPEG.
"""

dataset_type = 'ILSVRC'
data_root = 'data/ILSVRC/'

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

# The recipe's batch of 128 is that of all GPUs together (VGG16: 256). 32 per GPU is for 4 GPUs;
# with n GPUs set batch_size to 128 / n.
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    pin_memory=True,
    # EpochSeedHook starts persistent ones anew each epoch, too.
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
test_dataloader = dict(
    batch_size=32,
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
# Validation during training looks at the TEST split (ImageNet's validation pictures). It is there
# to watch a run only. Neither a threshold nor a checkpoint may be chosen by it: whoever has the
# protocol's split metadata/val (train-fullsup) should set val_dataloader.dataset.split_dir to it.
val_dataloader = test_dataloader

# The recipe's fixed threshold of ResNet50 and InceptionV3; VGG16 has 0.45, MobileNetV1 0.5.
# A process of its own measures boxes while the network goes on.
test_evaluator = dict(type='LocalizationMetric', thresholds=0.25, num_workers=1)
val_evaluator = test_evaluator
