"""The embedded set for a detector: boxes of a BAS model to train on, true boxes for the figures.

tools/det/make_boxes.py writes the boxes; docs/detector.md has all commands.
"""

boxes_dir = 'work_dirs/det_embedded/'

dataset_type = 'bas_mm.SyntheticParts'
data_root = 'data/synthetic_parts'
# As in embedded.py.
generation = dict(num_train=1200, num_val=200, num_test=400, image_size=96, seed=0)

train_pipeline = [
    # Reads pixels as they are stored: the boxes were predicted on these.
    dict(type='bas_mm.LoadLocImage'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='bas_mm.LoadLocImage'),
    # The view of the BAS model is the picture as it is.
    dict(type='bas_mm.KeepLocalizationTruth'),
    # Changes no picture: mmdetection's heads ask for the scale_factor that it notes.
    dict(type='Resize', scale=(96, 96)),
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

train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
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
val_dataloader = dict(
    batch_size=50,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        test_mode=True,
        pipeline=test_pipeline,
        **generation,
    ),
)
test_dataloader = dict(val_dataloader, dataset=dict(val_dataloader['dataset'], split='test'))

val_evaluator = dict(type='bas_mm.DetectionLocalizationMetric')
test_evaluator = dict(type='bas_mm.DetectionLocalizationMetric')
