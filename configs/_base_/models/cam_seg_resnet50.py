_base_ = './seg_resnet50.py'

model = dict(
    type='MultiLabelCAMClassifier',
    head=dict(type='MultiLabelCAMHead', in_channels=2048),
)
