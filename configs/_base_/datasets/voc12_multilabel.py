"""PASCAL VOC 2012 with the classes of each picture, from the devkit in data/VOCdevkit/VOC2012.

Training and seeds: train_aug, 10582 pictures, whose list tools/dataset_converters/voc12_lists.py
makes. Validation: the classes of the pictures of val.
"""

dataset_type = 'VOC12MultiLabel'
data_root = 'data/VOCdevkit/VOC2012'

# What the steps after the network need to know about a picture.
pack = dict(
    type='mmpretrain.PackInputs',
    meta_keys=('sample_idx', 'image_id', 'img_path', 'ori_shape', 'img_shape', 'seg_map_path'),
)
# Pillow's resize averages over all pixels when it makes a picture smaller; 'cv2' does not.
resize = dict(type='LocResize', scale=(512, 512), interpolation='bicubic', backend='pillow')

# BAS-Seg.
train_pipeline = [
    dict(type='LoadLocImage'),
    resize,
    dict(type='mmcv.RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size=448),
    pack,
]
# CAM: the long side is 320 to 640 pixels, what is missing of the crop has ImageNet's mean colour.
cam_train_pipeline = [
    dict(type='LoadLocImage'),
    dict(
        type='mmcv.RandomResize',
        scale=(640, 640),
        ratio_range=(0.5, 1.0),
        keep_ratio=True,
        interpolation='bicubic',
        backend='pillow',
    ),
    dict(type='mmcv.RandomFlip', prob=0.5),
    dict(
        type='mmpretrain.RandomCrop',
        crop_size=512,
        pad_if_needed=True,
        # Pictures are BGR here.
        pad_val=(104, 116, 124),
    ),
    pack,
]
test_pipeline = [dict(type='LoadLocImage'), resize, pack]
# The scales and the mirror images are made where the seeds are.
seed_pipeline = [dict(type='LoadLocImage'), pack]

# The recipe's batch of 16 is that of all GPUs together: with n GPUs set batch_size to 16 / n.
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    pin_memory=True,
    # Persistent workers would save nothing: EpochSeedHook starts them anew for each epoch, too.
    persistent_workers=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    drop_last=True,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train_aug',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = [
    dict(type='mmpretrain.AveragePrecision'),
    dict(type='mmpretrain.MultiLabelMetric', thr=0.5),
]
test_evaluator = val_evaluator

# Pictures of all sizes: one at a time.
seed_dataloader = dict(
    batch_size=1,
    num_workers=4,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train_aug',
        # SegmentationClass has the masks of `train` only of these pictures: the seeds of those are
        # the ones that are evaluated.
        data_prefix=dict(seg_map_path='SegmentationClass'),
        test_mode=True,
        pipeline=seed_pipeline,
    ),
)
seed_cfg = dict(scales=(1.0, 0.5, 1.5, 2.0), flip=True)
# Background scores: each is reported, and the best.
seed_evaluator = dict(thresholds=[step / 100 for step in range(20, 45)])
# IRNet's labels: the background scores above which a class is sure and below which none is, and the
# dense CRF that refines both.
irn_label_cfg = dict(
    foreground=0.30,
    background=0.17,
    crf=dict(
        iterations=10,
        gaussian_sxy=3.0,
        gaussian_weight=3.0,
        bilateral_sxy=50.0,
        bilateral_srgb=5.0,
        bilateral_weight=10.0,
    ),
)
