# ResNet50 for segmentation: layer4 with stride 1, F after layer3 and the last features both at
# 1/16 of the picture. num_classes comes from the config that names the data.
_base_ = './imagenet_preprocessor.py'

model = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet50'),
    ),
    split=dict(point='layer3'),
)
