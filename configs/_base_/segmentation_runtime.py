# default_runtime.py for mmsegmentation's models: counted in iterations, drawn as masks.
_base_ = './default_runtime.py'

default_hooks = dict(
    # All but LocalizationVisualizationHook, which draws boxes.
    _delete_=True,
    runtime_info=dict(type='DeferredRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='WholeCheckpointHook', interval=2000, by_epoch=False, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
log_processor = dict(type='LogProcessor', by_epoch=False)
visualizer = dict(type='mmseg.SegLocalVisualizer')
