# Stanford Cars by CUB's recipe. K is again the number of classes: the mean of all maps.
_base_ = [
    '../_base_/models/bas_resnet50.py',
    '../_base_/datasets/stanford_cars.py',
    '../_base_/schedules/cub_120e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    generator=dict(num_classes=196),
    head=dict(
        num_classes=196,
        loss_fg=dict(loss_weight=0.5),  # α
        loss_amc=dict(area_weight=1.5),  # β
    ),
    test_cfg=dict(topk=196, threshold=0.1),  # K, θ
)
val_evaluator = dict(thresholds=0.1)
test_evaluator = dict(thresholds=0.1)
