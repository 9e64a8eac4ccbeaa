_base_ = './resnet50.py'

# α (loss_fg.loss_weight), β (loss_amc.area_weight), K (test_cfg.topk) and θ come from the config
# that names the data. θ is there twice: test_cfg.threshold is that of the boxes which are drawn,
# thresholds of the evaluators that of the figures.
model = dict(
    type='BASClassifier',
    generator=dict(
        type='ForegroundGenerator',
        in_channels=1024,
    ),
    head=dict(
        type='BASHead',
        in_channels=2048,
        loss_fg=dict(type='mmpretrain.CrossEntropyLoss'),
        loss_amc=dict(type='AMCLoss'),
    ),
    test_cfg=dict(class_source='gt'),
)
