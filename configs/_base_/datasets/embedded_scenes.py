"""The embedded scenes: small pictures in VOC layout, painted once into data/synthetic_scenes.

Four classes of animals, which differ most in the head, one to three animals per picture: 1000
training pictures, over which seeds are made, and 200 for validation.
"""

dataset_type = 'SyntheticScenes'
data_root = 'data/synthetic_scenes'
# Everything that decides the pictures, so that the splits cannot differ in it.
generation = dict(num_train=1000, num_val=200, num_classes=4, image_size=(112, 144), seed=0)

# What the steps after the network need to know about a picture.
pack = dict(
    type='mmpretrain.PackInputs',
    meta_keys=('sample_idx', 'image_id', 'img_path', 'ori_shape', 'img_shape', 'seg_map_path'),
)
# Landscape and portrait in one batch; the shares of the large recipe, 512 and 448.
resize = dict(type='LocResize', scale=(128, 128), interpolation='bicubic', backend='pillow')

train_pipeline = [
    dict(type='LoadLocImage'),
    resize,
    dict(type='mmcv.RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size=112),
    pack,
]
# VOC's config has another one for CAM; here it is the same.
cam_train_pipeline = train_pipeline
test_pipeline = [dict(type='LoadLocImage'), resize, pack]
# The scales and the mirror images are made where the seeds are, of the pictures as they are.
seed_pipeline = [dict(type='LoadLocImage'), pack]

# Small pictures are read faster than worker processes start.
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    drop_last=True,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        pipeline=train_pipeline,
        **generation,
    ),
)
val_dataloader = dict(
    batch_size=50,
    num_workers=0,
    persistent_workers=False,
    collate_fn=dict(type='default_collate'),
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
test_dataloader = val_dataloader

val_evaluator = [
    dict(type='mmpretrain.AveragePrecision'),
    dict(type='mmpretrain.MultiLabelMetric', thr=0.5),
]
test_evaluator = val_evaluator

# Pictures of all sizes: one at a time.
seed_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        test_mode=True,
        pipeline=seed_pipeline,
        **generation,
    ),
)
# Networks that saw one size of picture in training do not know animals of half or twice that.
seed_cfg = dict(scales=(1.0, 0.75, 1.25), flip=True)
# Background scores. VOC's go from 0.20 to 0.44, which would cut off CAM's best one here.
seed_evaluator = dict(thresholds=[step / 100 for step in range(4, 60, 2)])
# VOC's scores and CRF for IRNet's labels fit these pictures too: with them 92 % of the pixels that
# get a class have the right one, and 98 % of those that get the background are background.
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
