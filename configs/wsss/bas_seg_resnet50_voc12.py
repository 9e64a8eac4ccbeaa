_base_ = [
    '../_base_/models/bas_seg_resnet50.py',
    '../_base_/datasets/voc12_multilabel.py',
    '../_base_/schedules/bas_seg_10e.py',
    '../_base_/default_runtime.py',
]

model = dict(generator=dict(num_classes=20), head=dict(num_classes=20))

# Without MultiLabelMetric: in the loss of the classes only the differences of an image's scores
# count, so no fixed threshold, such as 0.5, tells which of them are there.
val_evaluator = [dict(type='mmpretrain.AveragePrecision')]
test_evaluator = val_evaluator
