# IRNet for small pictures on a CPU: narrow branches on the network that made the seeds
# (seg_small.py). Its backbone goes on learning: it knows classes, not yet their boundaries.
_base_ = './irn_resnet50.py'

model = dict(
    data_preprocessor=dict(size=(112, 112)),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ResNet',
        depth=18,
        deep_stem=True,
        stem_channels=16,
        base_channels=32,
        num_stages=2,
        strides=(1, 2),
        dilations=(1, 1),
        out_indices=(1,),
        init_cfg=dict(
            type='PretrainedBackbone',
            checkpoint='work_dirs/wsss_small_embedded/bas/epoch_14.pth',
        ),
    ),
    freeze_backbone=False,
    features=('stem', 'layer1', 'layer2'),
    in_channels=(16, 32, 64),
    strides=(4, 4, 8),
    boundary=dict(channels=16, groups=4),
    displacement=dict(channels=(16, 16, 32), groups=(4, 4, 8), joint_channels=32, joint_groups=8),
    # A crop's grid has 28 × 28 points: with radius 10 it would have few anchors.
    radius=5,
)
