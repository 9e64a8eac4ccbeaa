# ResNet50, layer3 and layer4 with stride 1: F after layer3, the tail max-pool 2 and layer4.
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
        type='mmpretrain.ResNet',
        depth=50,
        strides=(1, 2, 1, 1),
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet50'),
    ),
    split=dict(point='layer3', bridge=dict(type='torch.nn.MaxPool2d', kernel_size=2, stride=2)),
)
