# Multi-label CAM: 5 epochs, batch 16 over all GPUs, the classifier at ten times the rate.
_base_ = './bas_seg_10e.py'

optim_wrapper = dict(optimizer=dict(lr=0.1))
param_scheduler = [
    dict(type='PolyLR', power=0.9, by_epoch=True, begin=0, end=5, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=5)
