# mmdetection's Faster R-CNN with its 12 epochs, one class for each of CUB's.
_base_ = [
    'mmdet::_base_/models/faster-rcnn_r50_fpn.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    '../_base_/datasets/cub_boxes.py',
    '../_base_/det_runtime.py',
]

model = dict(roi_head=dict(bbox_head=dict(num_classes=200)))
# The set is small: a validation of every epoch would take as long as training.
train_cfg = dict(val_interval=4)
