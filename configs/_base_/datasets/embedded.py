"""The embedded set: 96-pixel pictures, painted once into data/synthetic_parts, not downloaded.

Eight classes of animals, which differ most in the head; 1200 training pictures with class labels,
200 that may choose θ, 400 that are reported.
"""

dataset_type = 'SyntheticParts'
data_root = 'data/synthetic_parts'
# Everything that decides the pictures, so that the splits cannot differ in it.
generation = dict(num_train=1200, num_val=200, num_test=400, image_size=96, seed=0)

train_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LocRandomFlip', prob=0.5),
    dict(type='PackLocalizationInputs'),
]
# The pictures are the network's view: nothing is resized or cropped.
test_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='PackLocalizationInputs'),
]

# Small pictures are read faster than worker processes start.
train_dataloader = dict(
    batch_size=32,
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
test_dataloader = dict(val_dataloader, dataset=dict(val_dataloader['dataset'], split='test'))

# θ is chosen on val. The config of a model gives the one that was chosen to test_evaluator.
val_evaluator = dict(type='LocalizationMetric', thresholds=[step / 20 for step in range(1, 20)])
test_evaluator = dict(type='LocalizationMetric')
