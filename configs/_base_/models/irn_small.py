# IRNet for small pictures on a CPU: narrow branches on the first three stages of a narrow ResNet18.
# No network has learnt these pictures before, so that the backbone is not frozen, as the paper has
# it, but learns from the labels too. To freeze the backbone that made the seeds instead, make it
# the backbone here, with init_cfg=dict(type='PretrainedBackbone', checkpoint=ITS_FILE).
_base_ = './irn_resnet50.py'

model = dict(
    data_preprocessor=dict(size=(112, 112)),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ResNet',
        depth=18,
        deep_stem=True,
        stem_channels=32,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    ),
    freeze_backbone=False,
    features=('stem', 'layer1', 'layer2', 'layer3'),
    in_channels=(32, 32, 64, 128),
    strides=(4, 4, 8, 16),
    boundary=dict(channels=16, groups=4),
    displacement=dict(
        channels=(16, 16, 32, 32), groups=(4, 4, 8, 8), joint_channels=32, joint_groups=8
    ),
    # A crop's grid has 28 × 28 points: with radius 10 it would have few anchors.
    radius=5,
)
