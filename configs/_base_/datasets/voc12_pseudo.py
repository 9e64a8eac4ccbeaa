"""PASCAL VOC 2012 with pseudo masks for training, and the true masks of val.

Training: train_aug, whose list tools/dataset_converters/voc12_lists.py makes, with the masks of
the steps before in place of the annotation: one palette PNG per picture, 0 background, k class k,
255 ignored. All paths are relative to the working directory.
"""

dataset_type = 'VOC12Segmentation'
data_root = 'data/VOCdevkit/VOC2012'
mask_dir = 'work_dirs/wsss_voc12/masks'

crop_size = (321, 321)
train_pipeline = [
    # Pixels as they are stored, as the masks have them.
    dict(type='LoadLocImage'),
    dict(type='LoadLabelMap'),
    dict(
        type='RandomChoice',
        transforms=[
            [dict(type='mmseg.Resize', scale_factor=0.5, keep_ratio=True)],
            [dict(type='mmseg.Resize', scale_factor=0.75, keep_ratio=True)],
            [dict(type='mmseg.Resize', scale_factor=1.0, keep_ratio=True)],
            [dict(type='mmseg.Resize', scale_factor=1.25, keep_ratio=True)],
            [dict(type='mmseg.Resize', scale_factor=1.5, keep_ratio=True)],
        ],
    ),
    dict(type='mmseg.RandomCrop', crop_size=crop_size),
    dict(type='mmseg.RandomFlip', prob=0.5),
    dict(type='mmseg.PackSegInputs'),
]
# The scales and the mirror images of a test are made by the model.
test_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LoadLabelMap'),
    dict(type='mmseg.PackSegInputs'),
]

# The recipe's batch of 10 is that of all GPUs together: with n GPUs set batch_size to 10 / n.
train_dataloader = dict(
    batch_size=10,
    num_workers=4,
    pin_memory=True,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        ann_file=f'{data_root}/ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(img_path=f'{data_root}/JPEGImages', seg_map_path=mask_dir),
        pipeline=train_pipeline,
    ),
)
# Pictures of all sizes: one at a time.
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        ann_file=f'{data_root}/ImageSets/Segmentation/val.txt',
        data_prefix=dict(
            img_path=f'{data_root}/JPEGImages', seg_map_path=f'{data_root}/SegmentationClass'
        ),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
