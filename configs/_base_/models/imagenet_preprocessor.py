# Colours as ImageNet's pretrained networks expect them.
model = dict(
    data_preprocessor=dict(
        type='LocalizationDataPreprocessor',
        # ImageNet's, for RGB in 0 … 255; pictures are read as BGR.
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
)
