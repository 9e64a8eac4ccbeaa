# BAS with ResNeXt50 (32×4d): the stages have the names and channels of ResNet50.
# α, β, K and θ are those of ResNet50, not tuned for this network.
_base_ = './bas_resnet50_cub.py'

model = dict(
    backbone=dict(
        type='mmpretrain.ResNeXt',
        groups=32,
        width_per_group=4,
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnext50_32x4d'),
    ),
)
