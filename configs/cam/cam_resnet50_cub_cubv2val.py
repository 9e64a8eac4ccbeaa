# CUB-200-2011 with CUBV2 as `val`: θ and checkpoints may be chosen by it.
#
# CUBV2 comes as a split folder: its lists in data/CUBV2/metadata/val, its pictures below
# data/CUBV2, at the paths that image_ids.txt names. It has no picture of the release.
_base_ = './cam_resnet50_cub.py'

val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='SplitFolder',
        data_root='data/CUBV2/',
        split_dir='metadata/val',
        classes=200,
        test_mode=True,
        pipeline={{_base_.test_pipeline}},
    )
)
# Each θ is reported, and the best by Top-1 Loc + GT-Known.
val_evaluator = dict(thresholds=[step / 50 for step in range(1, 50)])
