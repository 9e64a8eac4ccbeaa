# A small ResNet from scratch, for small pictures on a CPU: ResNet18 with a quarter of its channels
# and without its last stage. F (32 channels) after layer2 at 1/4 of the picture; the tail is
# layer3, whose stride of 2 leaves no need of a bridge (64 channels at 1/8).
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
        depth=18,
        num_stages=3,
        out_indices=(2,),
        stem_channels=16,
        base_channels=16,
        strides=(1, 1, 2),
        dilations=(1, 1, 1),
    ),
    split=dict(point='layer2'),
)
