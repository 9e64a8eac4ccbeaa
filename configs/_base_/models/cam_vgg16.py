_base_ = './vgg16.py'

model = dict(
    type='CAMClassifier',
    head=dict(
        type='CAMHead',
        in_channels=512,
        init_cfg=dict(type='Normal', layer='Conv2d', std=0.02),
    ),
    # θ of CAM's paper: 20 % of the map's maximum. This one is that of the boxes which are drawn;
    # the config that names the data gives the evaluators theirs.
    test_cfg=dict(topk=1, class_source='gt', threshold=0.2),
)
