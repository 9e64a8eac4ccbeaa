# BAS with ResNet18: BasicBlocks have a quarter of ResNet50's channels.
# α, β, K and θ are those of ResNet50, not tuned for this network.
_base_ = './bas_resnet50_cub.py'

model = dict(
    backbone=dict(
        depth=18, init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet18')
    ),
    generator=dict(in_channels=256),
    head=dict(in_channels=512),
)
