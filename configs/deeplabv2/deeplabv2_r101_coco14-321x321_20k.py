_base_ = [
    '../_base_/models/deeplabv2_r101.py',
    '../_base_/datasets/coco14_pseudo.py',
    '../_base_/schedules/deeplabv2_20k.py',
    '../_base_/segmentation_runtime.py',
]

model = dict(decode_head=dict(num_classes=81))
