_base_ = [
    '../_base_/models/bas_small.py',
    '../_base_/datasets/embedded.py',
    '../_base_/schedules/embedded_15e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    generator=dict(num_classes=8),
    head=dict(
        num_classes=8,
        loss_fg=dict(loss_weight=0.1),  # α
        loss_amc=dict(area_weight=0.6),  # β
    ),
    test_cfg=dict(topk=8, threshold=0.3),  # K, θ
)
test_evaluator = dict(thresholds=0.3)
