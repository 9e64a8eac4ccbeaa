_base_ = [
    '../_base_/models/bas_resnet50.py',
    '../_base_/datasets/openimages30k.py',
    '../_base_/schedules/openimages_50e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    generator=dict(num_classes=100),
    head=dict(
        num_classes=100,
        loss_fg=dict(loss_weight=0.5),  # α
        loss_amc=dict(area_weight=1.5),  # β
    ),
    test_cfg=dict(topk=1),  # K; there is no θ, as the data config says
)
