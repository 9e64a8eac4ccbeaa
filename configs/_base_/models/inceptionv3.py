# InceptionV3 with the strides that give 28×28: F after Mixed_6e, the tail Mixed_7a to 7c.
# num_classes comes from the config that names the data.
model = dict(
    data_preprocessor=dict(
        type='LocalizationDataPreprocessor',
        # ImageNet's, for RGB in 0 … 255.
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type='BASInceptionV3',
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://inception_v3_google'),
    ),
    split=dict(point='Mixed_6e'),
)
