# IRNet: 3 epochs, batch 32 over all GPUs, polynomial decay. The frozen backbone learns nothing.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='RecipeOptimWrapperConstructor',
    # Without momentum, as the published run of the maps had it.
    optimizer=dict(type='SGD', lr=0.1, momentum=0, weight_decay=1e-4),
    # The displacement branch learns ten times as fast as the rest.
    paramwise_cfg=dict(
        backbone_weight=1,
        backbone_bias=1,
        new_weight=1,
        new_bias=1,
        custom_keys=dict(displacement_branch=dict(lr_mult=10)),
    ),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, by_epoch=True, begin=0, end=3, convert_to_iter_based=True)
]

# There is nothing to validate before the masks are made.
train_cfg = dict(by_epoch=True, max_epochs=3)

# Used by `tools/train.py --auto-scale-lr` when the batch over all GPUs is another.
auto_scale_lr = dict(enable=False, base_batch_size=32)
