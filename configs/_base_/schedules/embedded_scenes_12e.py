# The embedded scenes: 12 epochs from scratch, batch 16, polynomial decay. Unlike the recipe of
# pretrained networks it has momentum, and one rate for all weights.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='PolyLR', power=0.9, by_epoch=True, begin=0, end=12, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=12, val_interval=12)
val_cfg = dict()
test_cfg = dict()

# Used by `tools/train.py --auto-scale-lr` when the batch over all GPUs is another.
auto_scale_lr = dict(enable=False, base_batch_size=16)
