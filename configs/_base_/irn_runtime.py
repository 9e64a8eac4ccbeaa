# default_runtime.py for IRNet: no classes to count, no boxes to draw, and the mean of the
# displacement field over the training pictures as they are, once training is over.
_base_ = './default_runtime.py'

default_hooks = dict(
    _delete_=True,
    runtime_info=dict(type='DeferredRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='WholeCheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
custom_hooks = [
    dict(type='EmptyLoaderHook'),
    dict(type='EpochSeedHook'),
    dict(type='NonFiniteLossHook'),
    dict(
        type='DisplacementMeanHook',
        pipeline=[
            dict(type='LoadLocImage'),
            dict(type='mmseg.PackSegInputs', meta_keys=('image_id', 'img_path', 'ori_shape')),
        ],
    ),
]
