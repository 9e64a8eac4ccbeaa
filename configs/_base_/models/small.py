# A small ResNet from scratch, for small pictures on a CPU: the stem of three 3×3 convolutions and
# the first stage of ResNet18. F (16 channels) after the stem at 1/4 of the picture; the tail is
# layer1, whose stride of 2 leaves no need of a bridge (64 channels at 1/8).
_base_ = './imagenet_preprocessor.py'

model = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        deep_stem=True,
        stem_channels=16,
        base_channels=64,
        num_stages=1,
        out_indices=(0,),
        strides=(2,),
        dilations=(1,),
    ),
    split=dict(point='stem'),
)
