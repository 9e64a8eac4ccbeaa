"""OpenImages30k from its split folders: data/OpenImages30k/metadata/{train,val,test}.

Pictures and masks lie below data/OpenImages30k, at the paths that the lists name. Training pictures
are resized, cropped and loaded as CUB's.
"""

_base_ = './cub.py'

dataset_type = 'OpenImages30k'
data_root = 'data/OpenImages30k/'

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
    # CUB's data set has other arguments, so nothing is inherited from it.
    dataset=dict(
        _delete_=True,
        type=dataset_type,
        data_root=data_root,
        split_dir='metadata/train',
        with_boxes=False,
        pipeline={{_base_.train_pipeline}},
    ),
)
val_dataloader = dict(
    batch_size=64,
    dataset=dict(
        _delete_=True,
        type=dataset_type,
        data_root=data_root,
        split_dir='metadata/val',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    val_dataloader, dataset=dict(val_dataloader['dataset'], split_dir='metadata/test')
)

# There are masks and no boxes, so no θ: PxAP goes over all thresholds.
val_evaluator = [
    dict(type='PxAP', num_workers=1),  # in a process of its own, as in cub.py
    dict(type='mmpretrain.Accuracy', topk=(1, 5)),
]
test_evaluator = val_evaluator
