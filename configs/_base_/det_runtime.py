# What detectors of mmdetection need that does not depend on model, data or recipe. Names without a
# scope are mmdetection's; those of this package have theirs, as in type='bas_mm.CUB200'.
default_scope = 'mmdet'

default_hooks = dict(
    runtime_info=dict(type='bas_mm.DeferredRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='bas_mm.WholeCheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='bas_mm.DetectionVisualizationHook'),
)
custom_hooks = [
    # A detector has the classes of its data sets; those without classes leave this one out.
    dict(type='NumClassCheckHook'),
    dict(type='bas_mm.EmptyLoaderHook'),
    dict(type='bas_mm.EpochSeedHook'),
    dict(type='bas_mm.NonFiniteLossHook'),
]

env_cfg = dict(
    # Pictures of many sizes: cuDNN would look for the fastest kernels anew at each of them.
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # Seconds a process waits for the others, who may have hours more to do where shares of the work
    # are uneven; torch's 10 minutes on GPUs would end the job after the work. Launchers end the
    # others at once where one fails.
    dist_cfg=dict(backend='nccl', timeout=6 * 3600),
)

visualizer = dict(type='bas_mm.LocalizationVisualizer', vis_backends=[dict(type='LocalVisBackend')])
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0, deterministic=False)
