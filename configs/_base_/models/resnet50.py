# ResNet50, layer3 and layer4 with stride 1: F after layer3, the tail max-pool 2 and layer4.
# num_classes comes from the config that names the data.
_base_ = './imagenet_preprocessor.py'

model = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        strides=(1, 2, 1, 1),
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet50'),
    ),
    split=dict(point='layer3', bridge=dict(type='torch.nn.MaxPool2d', kernel_size=2, stride=2)),
)
