_base_ = [
    '../_base_/models/cam_small.py',
    '../_base_/datasets/embedded.py',
    '../_base_/schedules/embedded_30e.py',
    '../_base_/default_runtime.py',
]

# θ was chosen on val (seed 0).
model = dict(head=dict(num_classes=8), test_cfg=dict(threshold=0.15))
test_evaluator = dict(thresholds=0.15)
