# DeepLabv2 for small pictures on a CPU, from scratch: the first three stages of a narrow ResNet18
# at output stride 8, the last of them dilated, and smaller dilations in the head: 24 would reach
# past all sides of these pictures.
_base_ = './deeplabv2_r101.py'

model = dict(
    data_preprocessor=dict(size=(97, 97)),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ResNet',
        depth=18,
        deep_stem=True,
        stem_channels=16,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        out_indices=(2,),
    ),
    decode_head=dict(in_channels=128, dilations=(1, 2, 4, 6)),
    test_cfg=dict(scales=(0.75, 1.0, 1.25)),
)
