# InceptionV3 with the strides that give 28×28: F after Mixed_6e, the tail Mixed_7a to 7c.
# num_classes comes from the config that names the data.
_base_ = './imagenet_preprocessor.py'

model = dict(
    backbone=dict(
        type='BASInceptionV3',
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://inception_v3_google'),
    ),
    split=dict(point='Mixed_6e'),
)
