_base_ = [
    '../_base_/models/irn_small.py',
    '../_base_/datasets/irn_labels.py',
    '../_base_/schedules/irn_3e.py',
    '../_base_/irn_runtime.py',
]

train_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LoadLabelMap'),
    dict(type='RandomScale', ratio_range=(0.75, 1.25)),
    dict(type='mmcv.RandomFlip', prob=0.5),
    dict(type='mmseg.RandomCrop', crop_size=(112, 112)),
    dict(type='mmseg.PackSegInputs', meta_keys=('image_id', 'img_path', 'ori_shape', 'img_shape')),
]
train_dataloader = dict(
    batch_size=16,
    # Small pictures are read faster than worker processes start.
    num_workers=0,
    dataset=dict(
        pictures=dict(
            type='SyntheticScenes',
            data_root='data/synthetic_scenes',
            split='train',
            # As in embedded_scenes.py.
            num_train=1000,
            num_val=200,
            num_classes=4,
            image_size=(112, 144),
            seed=0,
        ),
        # Where the labels are; the step before writes them there.
        label_dir='work_dirs/wsss_small_embedded/irn_labels',
        pipeline=train_pipeline,
    ),
)
# A small network: momentum, and one rate for all.
optim_wrapper = dict(
    optimizer=dict(lr=0.02, momentum=0.9),
    paramwise_cfg=dict(custom_keys=dict(displacement_branch=dict(lr_mult=1))),
)
auto_scale_lr = dict(base_batch_size=16)
# The keys are explained in irn_resnet50_voc12.py. A network that has seen few pictures draws faint
# boundaries, so the power of the affinities (beta) is higher.
mask_cfg = dict(background=0.17, radius=5, beta=20, steps=256, power=1.5)
