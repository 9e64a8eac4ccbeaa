_base_ = './seg_small.py'

model = dict(
    type='MultiLabelCAMClassifier',
    head=dict(type='MultiLabelCAMHead', in_channels=64),
)
