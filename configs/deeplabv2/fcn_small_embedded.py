# An ordinary model of mmsegmentation on the same pseudo masks: name its classes with their scope.
_base_ = './deeplabv2_small_embedded.py'

model = dict(
    _delete_=True,
    type='mmseg.EncoderDecoder',
    data_preprocessor=_base_.model.data_preprocessor,
    backbone=_base_.model.backbone,
    decode_head=dict(
        type='mmseg.FCNHead',
        in_channels=128,
        in_index=0,
        channels=64,
        num_convs=1,
        concat_input=False,
        norm_cfg=dict(type='BN'),
        num_classes=5,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
