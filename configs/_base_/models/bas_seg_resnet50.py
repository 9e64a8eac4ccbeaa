_base_ = './seg_resnet50.py'

model = dict(
    type='BASSegClassifier',
    generator=dict(type='ForegroundGenerator', in_channels=1024, bias=False),
    head=dict(
        type='BASSegHead',
        in_channels=2048,
        loss_fg=dict(type='mmpretrain.CrossEntropyLoss', loss_weight=0.2),  # α
        loss_amc=dict(type='AMCLoss', area_weight=1.2),  # β
    ),
)
