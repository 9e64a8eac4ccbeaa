_base_ = './small.py'

model = dict(
    type='CAMClassifier',
    head=dict(
        type='CAMHead',
        in_channels=64,
        hidden_channels=64,
    ),
    test_cfg=dict(topk=1, class_source='gt'),
)
