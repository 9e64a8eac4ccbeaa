# Stanford Dogs by CUB's recipe.
_base_ = [
    '../_base_/models/bas_mobilenetv1.py',
    '../_base_/datasets/stanford_dogs.py',
    '../_base_/schedules/cub_120e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    generator=dict(num_classes=120),
    head=dict(
        num_classes=120,
        loss_fg=dict(loss_weight=0.5),  # α
        loss_amc=dict(area_weight=1.9),  # β
    ),
    test_cfg=dict(topk=80, threshold=0.1),  # K, θ
)
val_evaluator = dict(thresholds=0.1)
test_evaluator = dict(thresholds=0.1)
