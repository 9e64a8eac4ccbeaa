# Kangaroos and raccoons (a small real set, see the data config), ResNet18 from scratch.
_base_ = [
    '../_base_/models/bas_resnet50.py',
    '../_base_/datasets/critters.py',
    '../_base_/schedules/critters_20e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    # No weights are downloaded here. With a file of ImageNet weights the figures mean more:
    # model.backbone.init_cfg=dict(type='PretrainedBackbone', checkpoint=PATH)
    backbone=dict(depth=18, init_cfg=None),
    generator=dict(in_channels=256, num_classes=2),
    head=dict(
        in_channels=512,
        hidden_channels=256,
        num_classes=2,
        loss_fg=dict(loss_weight=0.5),  # α
        loss_amc=dict(area_weight=1.0),  # β
    ),
    test_cfg=dict(topk=1, threshold=0.3),  # K, θ
)
