# The ILSVRC recipe with what makes it faster on GPUs; docs/benchmarks.md says what each is.
# model.compile=True is possible too, on one GPU and on several.
_base_ = './bas_resnet50_ilsvrc.py'

model = dict(channels_last=True)
optim_wrapper = dict(
    # bfloat16 has float32's range: nothing to scale, and no step waits to hear whether it was too
    # much. float16: dtype='float16', loss_scale=dict(init_scale=2.0**12). From the usual 2.0**16
    # L_bas of an untrained network overflows now and then, and such a step is left out.
    type='AmpOptimWrapper',
    dtype='bfloat16',
    loss_scale=dict(enabled=False),
    optimizer=dict(fused=True),
)
train_pipeline = [
    dict(type='LoadLocImage'),
    # Within one grey level of the recipe's Pillow. Tests keep Pillow.
    dict(type='LocResize', scale=(256, 256), backend='torchvision'),
    dict(type='LocRandomCrop', crop_size=224),
    dict(type='LocRandomFlip', prob=0.5),
    dict(type='PackLocalizationInputs'),
]
train_dataloader = dict(num_workers=8, dataset=dict(pipeline=train_pipeline))
