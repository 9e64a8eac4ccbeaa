# BAS with MobileNetV2: F is 14×14 after layer5 (at 28×28 it has 32 channels only).
# α, β, K and θ are those of MobileNetV1, not tuned for this network.
_base_ = './bas_mobilenetv1_cub.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.MobileNetV2',
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://mobilenet_v2'),
    ),
    split=dict(point='layer5'),
    generator=dict(in_channels=96),
    head=dict(in_channels=1280),
)
