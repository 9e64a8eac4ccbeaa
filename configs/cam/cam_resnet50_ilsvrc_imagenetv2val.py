# ILSVRC with ImageNetV2 as `val`: θ and checkpoints may be chosen by it.
#
# ImageNetV2 comes as a split folder: its lists in data/ImageNetV2/metadata/val, its pictures below
# data/ImageNetV2, at the paths that image_ids.txt names. Classes as in ILSVRC's lists.
_base_ = './cam_resnet50_ilsvrc.py'

val_dataloader = dict(dataset=dict(data_root='data/ImageNetV2/', split_dir='metadata/val'))
# Each θ is reported, and the best by Top-1 Loc + GT-Known.
val_evaluator = dict(thresholds=[step / 50 for step in range(1, 50)])
