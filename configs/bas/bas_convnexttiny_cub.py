# BAS with ConvNeXt-Tiny: F is 14×14 after stage3, the tail ends at 7×7.
# α, β, K and θ are those of ResNet50, not tuned for this network.
_base_ = './bas_resnet50_cub.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ConvNeXt',
        arch='tiny',
        # The file of mmpretrain's ImageNet weights (its model zoo names it).
        init_cfg=dict(type='PretrainedBackbone', checkpoint='checkpoints/convnext-tiny.pth'),
    ),
    split=dict(_delete_=True, point='stage3'),
    generator=dict(in_channels=384),
    head=dict(in_channels=768),
)
