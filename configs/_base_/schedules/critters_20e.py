# 233 pictures from scratch: 20 epochs; one learning rate, as no weight is pretrained.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=5e-4, nesterov=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='MultiStepLR', by_epoch=True, milestones=[15], gamma=0.1),
]

train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=5)
val_cfg = dict()
test_cfg = dict()

# Used by `tools/train.py --auto-scale-lr` when the batch over all GPUs is another.
auto_scale_lr = dict(enable=False, base_batch_size=32)
