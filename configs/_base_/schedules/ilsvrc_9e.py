# ILSVRC: 9 epochs, learning rate ×0.1 every 3; batch 128 over all GPUs (VGG16: 256).
optim_wrapper = dict(
    type='OptimWrapper',
    # lr is that of the backbone's weights. Its biases have 2 times as much, the weights of the new
    # layers 10 times and their biases 20 times.
    constructor='RecipeOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=5e-4, nesterov=True),
)
param_scheduler = dict(type='StepLR', by_epoch=True, step_size=3, gamma=0.1)

train_cfg = dict(by_epoch=True, max_epochs=9, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# Used by `tools/train.py --auto-scale-lr` when the batch over all GPUs is another.
auto_scale_lr = dict(enable=False, base_batch_size=128)
