# Kangaroos and raccoons (a small real set, see the data config), half a ResNet18 from scratch.
_base_ = [
    '../_base_/models/bas_resnet50.py',
    '../_base_/datasets/critters.py',
    '../_base_/schedules/critters_10e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    # Half of ResNet18's channels, so that it trains on a CPU in minutes, and no ImageNet weights.
    # With a GPU take ResNet18 and its weights: bas_resnet18_cub.py has them.
    backbone=dict(depth=18, stem_channels=32, base_channels=32, init_cfg=None),
    generator=dict(in_channels=128, num_classes=2),
    head=dict(
        in_channels=256,
        hidden_channels=128,
        num_classes=2,
        loss_fg=dict(loss_weight=0.5),  # α
        loss_amc=dict(area_weight=0.5),  # β
    ),
    # K (the mean of all maps), and θ of the boxes that are drawn: figures go over many θ.
    test_cfg=dict(topk=2, threshold=0.3),
)
