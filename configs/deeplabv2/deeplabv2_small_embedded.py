_base_ = [
    '../_base_/models/deeplabv2_small.py',
    '../_base_/datasets/embedded_pseudo.py',
    '../_base_/schedules/deeplabv2_20k.py',
    '../_base_/segmentation_runtime.py',
]

model = dict(decode_head=dict(num_classes=5))

# From scratch and in little time: the recipe's SGD, made for pretrained weights, gets half as far.
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.01),
    paramwise_cfg=dict(new_weight=1, new_bias=1),
)
param_scheduler = [dict(type='PolyLR', power=0.9, by_epoch=False, begin=0, end=400)]
train_cfg = dict(max_iters=400, val_interval=400)
default_hooks = dict(checkpoint=dict(interval=400))
