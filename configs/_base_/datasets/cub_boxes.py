"""CUB-200-2011 for a detector: boxes of a BAS model to train on, true boxes for the figures.

tools/det/make_boxes.py writes the boxes; docs/detector.md has all commands.
"""

boxes_dir = 'work_dirs/det_cub/'

dataset_type = 'bas_mm.CUB200'
data_root = 'data/CUB_200_2011/'

scale = (800, 512)
train_pipeline = [
    # Reads pixels as they are stored: the boxes were predicted on these.
    dict(type='bas_mm.LoadLocImage'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='bas_mm.LoadLocImage'),
    # The true boxes as they are in the view of the BAS model: what cub.py's test pipeline has
    # between reading and packing.
    dict(
        type='bas_mm.KeepLocalizationTruth',
        view=[
            dict(type='LocResize', scale=(256, 256)),
            dict(type='LocCenterCrop', crop_size=224),
        ],
    ),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(
        type='PackDetInputs',
        meta_keys=(
            'image_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
            'localization',
        ),
    ),
]

# The batch of 16 is that of all GPUs together: with n GPUs set batch_size to 16 / n.
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type='CocoDataset',
        ann_file=boxes_dir + 'boxes.json',
        metainfo=dict(classes=boxes_dir + 'boxes_classes.txt'),
        # The file has the paths of the pictures as the data set of the BAS model has them.
        data_prefix=dict(img=''),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='test',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
# As in cub.py: validation looks at the TEST split, to watch a run only. Nothing may be chosen
# by it.
val_dataloader = test_dataloader

test_evaluator = dict(type='bas_mm.DetectionLocalizationMetric')
val_evaluator = test_evaluator
