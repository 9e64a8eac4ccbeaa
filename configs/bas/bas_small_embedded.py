_base_ = [
    '../_base_/models/bas_small.py',
    '../_base_/datasets/embedded.py',
    '../_base_/schedules/embedded_30e.py',
    '../_base_/default_runtime.py',
]

# α, β and K (the mean of all maps) are the paper's for CUB with ResNet50; θ was chosen on val
# (seed 0).
model = dict(
    generator=dict(num_classes=8),
    head=dict(
        num_classes=8,
        loss_fg=dict(loss_weight=0.5),  # α
        loss_amc=dict(area_weight=1.5),  # β
    ),
    test_cfg=dict(topk=8, threshold=0.2),  # K, θ
)
test_evaluator = dict(thresholds=0.2)
