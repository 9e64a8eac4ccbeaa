# DeepLabv2: ResNet101 with layers 3 and 4 dilated (output stride 8), and the sum of four dilated
# convolutions. num_classes, the background among them, comes from the config that names the data.
model = dict(
    type='MultiScaleEncoderDecoder',
    data_preprocessor=dict(
        type='mmseg.SegDataPreProcessor',
        # ImageNet's, for RGB in 0 … 255.
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        # Pictures smaller than the crop are filled up with the mean colour, their masks with 255.
        size=(321, 321),
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='mmseg.ResNet',
        depth=101,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        out_indices=(3,),
        # Where a block strides: torchvision's weights belong to 'pytorch' (3×3 convolution), the
        # published Caffe weights to 'caffe' (1×1 convolution): deeplabv2_r101_caffe.py.
        style='pytorch',
        # As published, batch norms keep ImageNet's statistics (norm_eval) and their own weights
        # and biases (requires_grad). norm_eval=False trains the statistics.
        norm_eval=True,
        norm_cfg=dict(type='BN', requires_grad=False),
        init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet101'),
    ),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=2048,
        in_index=0,
        dilations=(6, 12, 18, 24),
        # Crops of 321 = 8·40 + 1 pixels: each score lies on an eighth pixel.
        align_corners=True,
    ),
    train_cfg=dict(scales=(1.0, 0.75, 0.5)),
    # crf=dict() adds the dense CRF: 10 iterations, Gaussian sxy 1 weight 3, bilateral sxy 67
    # srgb 3 weight 4. It needs `pip install pydensecrf2`. The key is not here: None could not be
    # replaced by a dict of a config that inherits.
    test_cfg=dict(scales=(0.5, 0.75, 1.0, 1.25, 1.5), flip=True),
)
