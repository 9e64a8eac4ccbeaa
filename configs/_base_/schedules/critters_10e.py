# 233 pictures from scratch: 10 epochs of 8 steps; learning rate ×0.1 after 8.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=5e-4, nesterov=True),
    # No weight is pretrained, so the backbone has the classifier's rate. BAS's generator is slower:
    # at the same rate L_area empties the maps before there are classes that would hold them.
    paramwise_cfg=dict(custom_keys={'generator': dict(lr_mult=0.1)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='MultiStepLR', by_epoch=True, milestones=[8], gamma=0.1),
]

train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=5)
val_cfg = dict()
test_cfg = dict()

# Used by `tools/train.py --auto-scale-lr` when the batch over all GPUs is another.
auto_scale_lr = dict(enable=False, base_batch_size=32)
