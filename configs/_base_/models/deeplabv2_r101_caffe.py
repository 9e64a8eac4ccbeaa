# DeepLabv2 for the published Caffe weights and their PyTorch ports, which
# tools/model_converters/deeplabv2_to_bas_mm.py brings into our names: stride in the 1×1
# convolutions, BGR pictures in 0 … 255 less their mean.
_base_ = './deeplabv2_r101.py'

model = dict(
    data_preprocessor=dict(
        mean=[104.008, 116.669, 122.675],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
    ),
    # The converted file goes to load_from, or, for its backbone alone, to init_cfg:
    # dict(type='PretrainedBackbone', checkpoint=PATH).
    backbone=dict(style='caffe', init_cfg=None),
)
