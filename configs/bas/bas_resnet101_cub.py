# BAS with ResNet101: only the depth differs from ResNet50.
# α, β, K and θ are those of ResNet50, not tuned for this network.
_base_ = './bas_resnet50_cub.py'

model = dict(
    backbone=dict(
        depth=101, init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet101')
    ),
)
