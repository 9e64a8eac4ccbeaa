# IRNet on ResNet50 without dilation: features at 1/4, 1/4, 1/8, 1/16 and 1/16, frozen.
model = dict(
    type='IRNet',
    data_preprocessor=dict(
        type='mmseg.SegDataPreProcessor',
        # ImageNet's, for RGB in 0 … 255; pictures are read as BGR.
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        # What is missing of the crop has the mean colour and counts in no pair.
        size=(512, 512),
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet50'),
    ),
    features=('stem', 'layer1', 'layer2', 'layer3', 'layer4'),
    in_channels=(64, 256, 512, 1024, 2048),
    strides=(4, 4, 8, 16, 16),
    # In points of the grid at 1/4.
    radius=10,
)
