_base_ = [
    '../_base_/models/bas_inceptionv3.py',
    '../_base_/datasets/ilsvrc.py',
    '../_base_/schedules/ilsvrc_9e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    generator=dict(num_classes=1000),
    head=dict(
        num_classes=1000,
        loss_fg=dict(loss_weight=1.0),  # α
        loss_amc=dict(area_weight=2.5),  # β
    ),
    test_cfg=dict(topk=1, threshold=0.25),  # K, θ
)
val_evaluator = dict(thresholds=0.25)
test_evaluator = dict(thresholds=0.25)
