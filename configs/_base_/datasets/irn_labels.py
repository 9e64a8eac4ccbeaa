"""Pictures with IRNet's labels, from the folder that tools/wsss/make_irn_labels.py fills.

The config that names the set gives train_dataloader.dataset its pictures, the data set over which
the seeds were made, and label_dir, the folder of labels.
"""

train_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LoadLabelMap'),
    dict(type='RandomScale', ratio_range=(0.5, 1.5), interpolation='bicubic', backend='pillow'),
    dict(type='mmcv.RandomFlip', prob=0.5),
    # Smaller pictures are filled up by the data preprocessor.
    dict(type='mmseg.RandomCrop', crop_size=(512, 512)),
    dict(type='mmseg.PackSegInputs', meta_keys=('image_id', 'img_path', 'ori_shape', 'img_shape')),
]

# The recipe's batch of 32 is that of all GPUs together: with n GPUs set batch_size to 32 / n.
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    pin_memory=True,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    drop_last=True,
    dataset=dict(type='IRNLabelDataset', pipeline=train_pipeline),
)
