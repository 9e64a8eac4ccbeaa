# CUB-200-2011 by the measures that need no threshold: MaxBoxAccV2, and PxAP and pIoU on the
# release's segmentations (segmentations.tgz, unpacked to data/CUB_200_2011/segmentations).
#
# They look at the whole picture, so it is resized to the view and nothing is cropped in the test.
_base_ = './bas_resnet50_cub.py'

test_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LocResize', scale=(224, 224), backend='pillow'),
    dict(type='LoadLocMask'),
    dict(type='PackLocalizationInputs'),
]
test_dataloader = dict(dataset=dict(with_masks=True, pipeline=test_pipeline))
val_dataloader = test_dataloader

# Each has a process of its own, as in cub.py: a list takes the place of the base's evaluator.
test_evaluator = [dict(type='MaxBoxAccV2', num_workers=1), dict(type='PxAP', num_workers=1)]
val_evaluator = test_evaluator
