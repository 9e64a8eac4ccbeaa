_base_ = [
    '../_base_/models/cam_seg_resnet50.py',
    '../_base_/datasets/coco14_multilabel.py',
    '../_base_/schedules/cam_seg_5e.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=80))
train_dataloader = dict(dataset=dict(pipeline={{_base_.cam_train_pipeline}}))
