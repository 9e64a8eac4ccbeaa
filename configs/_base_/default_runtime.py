# Everything that does not depend on model, data or recipe.
default_scope = 'bas_mm'

default_hooks = dict(
    runtime_info=dict(type='DeferredRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='WholeCheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='LocalizationVisualizationHook', enable=False),
    boxes=dict(type='NeededBoxesHook'),
)
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='EmptyLoaderHook'),
    dict(type='EpochSeedHook'),
    dict(type='NonFiniteLossHook'),
]

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # Seconds a process waits for the others, who may have hours more to do where shares of the work
    # are uneven; torch's 10 minutes on GPUs would end the job after the work. Launchers end the
    # others at once where one fails.
    dist_cfg=dict(backend='nccl', timeout=6 * 3600),
)
# Where several GPUs are used, a classifier's batch norms share their statistics, without the waits
# of mmengine's sync_bn='torch'; model.sync_batch_norm=False switches that off.
sync_bn = None

visualizer = dict(type='LocalizationVisualizer', vis_backends=[dict(type='LocalVisBackend')])

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0, deterministic=False)
