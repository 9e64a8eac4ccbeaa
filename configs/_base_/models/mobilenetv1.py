# MobileNetV1: F after the 12th block (stem and 11 depthwise blocks), the tail its last two blocks.
# num_classes comes from the config that names the data.
_base_ = './imagenet_preprocessor.py'

model = dict(
    # torchvision has no MobileNetV1: give the file of your ImageNet weights, e.g.
    # --cfg-options model.backbone.init_cfg.checkpoint=checkpoints/mobilenet_v1.pth
    backbone=dict(
        type='MobileNetV1',
        init_cfg=dict(type='PretrainedBackbone', checkpoint='checkpoints/mobilenet_v1.pth'),
    ),
    split=dict(point='block11'),
)
