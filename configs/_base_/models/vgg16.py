# VGG16 without batch norm and without pool5: F after conv4_3, the tail from pool4 to conv5_3.
# num_classes comes from the config that names the data.
_base_ = './imagenet_preprocessor.py'

model = dict(
    backbone=dict(
        type='mmpretrain.VGG',
        depth=16,
        with_last_pool=False,
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://vgg16'),
    ),
    split=dict(point='conv4_3'),
)
