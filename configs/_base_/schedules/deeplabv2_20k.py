# DeepLabv2: 20000 iterations, batch 10 over all GPUs, polynomial decay.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='RecipeOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=2.5e-4, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(backbone_weight=1, backbone_bias=1, new_weight=10, new_bias=20),
)
param_scheduler = [dict(type='PolyLR', power=0.9, by_epoch=False, begin=0, end=20000)]

train_cfg = dict(type='IterBasedTrainLoop', max_iters=20000, val_interval=5000)
val_cfg = dict()
test_cfg = dict()

# Used by `tools/train.py --auto-scale-lr` when the batch over all GPUs is another.
auto_scale_lr = dict(enable=False, base_batch_size=10)
