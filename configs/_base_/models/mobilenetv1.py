# MobileNetV1: F after the 12th block (stem and 11 depthwise blocks), the tail its last two blocks.
# num_classes comes from the config that names the data.
model = dict(
    data_preprocessor=dict(
        type='LocalizationDataPreprocessor',
        # ImageNet's, for RGB in 0 … 255.
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    # torchvision has no MobileNetV1: give the file of your ImageNet weights, e.g.
    # --cfg-options model.backbone.init_cfg.checkpoint=checkpoints/mobilenet_v1.pth
    backbone=dict(
        type='MobileNetV1',
        init_cfg=dict(type='PretrainedBackbone', checkpoint='checkpoints/mobilenet_v1.pth'),
    ),
    split=dict(point='block11'),
)
