# A small ResNet from scratch, for small pictures on a CPU: F (32 channels at 1/4 of the picture)
# after layer1 of a narrow ResNet18, the tail layer2 (64 channels at 1/8).
_base_ = './imagenet_preprocessor.py'

model = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        deep_stem=True,
        stem_channels=16,
        base_channels=32,
        num_stages=2,
        out_indices=(1,),
        strides=(1, 2),
        dilations=(1, 1),
    ),
    split=dict(point='layer1'),
)
