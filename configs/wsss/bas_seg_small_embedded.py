_base_ = [
    '../_base_/models/bas_seg_small.py',
    '../_base_/datasets/embedded_scenes.py',
    '../_base_/schedules/embedded_scenes_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(generator=dict(num_classes=4), head=dict(num_classes=4))

# Without MultiLabelMetric: in the loss of the classes only the differences of an image's scores
# count, so no fixed threshold, such as 0.5, tells which of them are there.
val_evaluator = [dict(type='mmpretrain.AveragePrecision')]
test_evaluator = val_evaluator

# BAS starts from a network that classifies, elsewhere from ImageNet's weights: before there are
# classes, L_area empties the maps of some of them for good. Here CAM's network serves, which is
# trained by
#   python tools/train.py configs/wsss/cam_seg_small_embedded.py
load_from = 'work_dirs/cam_seg_small_embedded/epoch_12.pth'

# A lower rate than CAM's, and two epochs more.
optim_wrapper = dict(optimizer=dict(lr=0.02))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='PolyLR', power=0.9, by_epoch=True, begin=0, end=14, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=14, val_interval=14)
default_hooks = dict(checkpoint=dict(interval=14))
