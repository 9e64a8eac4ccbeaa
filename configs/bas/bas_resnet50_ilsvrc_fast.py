# The ILSVRC recipe with all that makes it faster on a GPU; docs/benchmarks.md says what each is.
_base_ = './bas_resnet50_ilsvrc.py'

model = dict(channels_last=True, compile=True)
optim_wrapper = dict(
    # bfloat16 has float32's range: nothing to scale. float16: dtype='float16',
    # loss_scale='dynamic'.
    type='AmpOptimWrapper',
    dtype='bfloat16',
    loss_scale=1.0,
    optimizer=dict(fused=True),
)
# One look at the loss in 50 iterations, where each look waits for the device.
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='EpochSeedHook'),
    dict(type='NonFiniteLossHook', interval=50),
]
train_dataloader = dict(num_workers=8, pin_memory=True)
