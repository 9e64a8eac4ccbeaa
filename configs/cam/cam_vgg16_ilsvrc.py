_base_ = [
    '../_base_/models/cam_vgg16.py',
    '../_base_/datasets/ilsvrc.py',
    '../_base_/schedules/ilsvrc_9e.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=1000))
val_evaluator = dict(thresholds=0.2)
test_evaluator = dict(thresholds=0.2)
# Batch 256 over all GPUs: 64 on each of four.
train_dataloader = dict(batch_size=64)
auto_scale_lr = dict(base_batch_size=256)
