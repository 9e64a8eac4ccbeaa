_base_ = './resnet50.py'

model = dict(
    type='CAMClassifier',
    head=dict(
        type='CAMHead',
        in_channels=2048,
    ),
    # θ of CAM's paper: 20 % of the map's maximum. This one is that of the boxes which are drawn;
    # the config that names the data gives the evaluators theirs.
    test_cfg=dict(topk=1, class_source='gt', threshold=0.2),
)
