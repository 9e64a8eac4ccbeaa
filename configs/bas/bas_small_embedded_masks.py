# The embedded set by every measure: boxes and masks of the test pictures are read together.
_base_ = './bas_small_embedded.py'

test_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='LoadLocMask'),
    dict(type='PackLocalizationInputs'),
]
test_dataloader = dict(dataset=dict(localization='both', pipeline=test_pipeline))
test_evaluator = [
    dict(type='LocalizationMetric', thresholds=0.2),
    dict(type='MaxBoxAccV2', with_max_box_acc=True),
    dict(type='PxAP'),
]
