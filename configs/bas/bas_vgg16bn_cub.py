# BAS with VGG16 and batch norm: the split points are those of VGG16.
# α, β, K and θ are those of VGG16, not tuned for this network.
_base_ = './bas_vgg16_cub.py'

model = dict(
    backbone=dict(
        norm_cfg=dict(type='BN'),
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://vgg16_bn'),
    ),
)
