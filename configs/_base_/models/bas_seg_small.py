_base_ = './seg_small.py'

model = dict(
    type='BASSegClassifier',
    generator=dict(type='ForegroundGenerator', in_channels=32, bias=False),
    head=dict(
        type='BASSegHead',
        in_channels=64,
        loss_fg=dict(type='mmpretrain.CrossEntropyLoss', loss_weight=0.2),  # α
        loss_amc=dict(type='AMCLoss', area_weight=1.2),  # β
    ),
)
