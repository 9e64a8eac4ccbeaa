# BAS with EfficientNet-B0: F is 14×14 after layer4, the tail ends at 7×7.
# α, β, K and θ are those of MobileNetV1, not tuned for this network.
_base_ = './bas_mobilenetv1_cub.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.EfficientNet',
        arch='b0',
        # The file of mmpretrain's ImageNet weights (its model zoo names it).
        init_cfg=dict(type='PretrainedBackbone', checkpoint='checkpoints/efficientnet-b0.pth'),
    ),
    split=dict(point='layer4'),
    generator=dict(in_channels=112),
    head=dict(in_channels=1280),
)
