# BAS-Seg: 10 epochs, batch 16 over all GPUs, polynomial decay.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='RecipeOptimWrapperConstructor',
    # The published run in effect had no momentum, and this rate belongs to that. It also left the
    # biases of batch norms untouched (train_norm_bias=False); here they are trained.
    optimizer=dict(type='SGD', lr=0.005, momentum=0, weight_decay=1e-4),
    paramwise_cfg=dict(
        backbone_weight=1, backbone_bias=1, new_weight=10, new_bias=10, train_norm_bias=True
    ),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, by_epoch=True, begin=0, end=10, convert_to_iter_based=True)
]

train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# Used by `tools/train.py --auto-scale-lr` when the batch over all GPUs is another.
auto_scale_lr = dict(enable=False, base_batch_size=16)
