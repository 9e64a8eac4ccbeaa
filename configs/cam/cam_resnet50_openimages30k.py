_base_ = [
    '../_base_/models/cam_resnet50.py',
    '../_base_/datasets/openimages30k.py',
    '../_base_/schedules/openimages_50e.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=100))
