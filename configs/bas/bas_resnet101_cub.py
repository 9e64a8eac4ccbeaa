# BAS with ResNet101: only the depth differs from ResNet50.
_base_ = './bas_resnet50_cub.py'

model = dict(
    backbone=dict(
        depth=101, init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet101')
    ),
)
