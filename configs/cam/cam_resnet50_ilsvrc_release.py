# ILSVRC from the original release (see bas_mm.datasets.ILSVRCRelease) in place of split folders.
_base_ = './cam_resnet50_ilsvrc.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ILSVRCRelease',
        data_root='data/ILSVRC',
        split='train',
        with_boxes=False,
        pipeline={{_base_.train_pipeline}},
    )
)
# ImageNet's validation pictures are the benchmark's test split.
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ILSVRCRelease',
        data_root='data/ILSVRC',
        split='val',
        test_mode=True,
        pipeline={{_base_.test_pipeline}},
    )
)
val_dataloader = test_dataloader
