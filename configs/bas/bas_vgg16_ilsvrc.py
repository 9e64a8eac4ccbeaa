_base_ = [
    '../_base_/models/bas_vgg16.py',
    '../_base_/datasets/ilsvrc.py',
    '../_base_/schedules/ilsvrc_9e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    generator=dict(num_classes=1000),
    head=dict(
        num_classes=1000,
        loss_fg=dict(loss_weight=0.05),  # α
        loss_amc=dict(area_weight=1.0),  # β
    ),
    test_cfg=dict(topk=1, threshold=0.45),  # K, θ
)
val_evaluator = dict(thresholds=0.45)
test_evaluator = dict(thresholds=0.45)
# Batch 256 over all GPUs: 64 on each of four.
train_dataloader = dict(batch_size=64)
auto_scale_lr = dict(base_batch_size=256)
