# VGG16 without batch norm and without pool5: F after conv4_3, the tail from pool4 to conv5_3.
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
        type='mmpretrain.VGG',
        depth=16,
        with_last_pool=False,
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://vgg16'),
    ),
    split=dict(point='conv4_3'),
)
