_base_ = [
    '../_base_/models/cam_resnet50.py',
    '../_base_/datasets/stanford_cars.py',
    '../_base_/schedules/cub_120e.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=196))
val_evaluator = dict(thresholds=0.2)
test_evaluator = dict(thresholds=0.2)
