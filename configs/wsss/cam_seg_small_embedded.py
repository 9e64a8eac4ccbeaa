_base_ = [
    '../_base_/models/cam_seg_small.py',
    '../_base_/datasets/embedded_scenes.py',
    '../_base_/schedules/embedded_scenes_12e.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=4))
default_hooks = dict(checkpoint=dict(interval=12))
