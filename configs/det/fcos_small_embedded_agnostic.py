# The same on boxes without classes. Where class_scores names a file of class scores, such as
# make_boxes.py --scores writes, Top-1 and Top-5 are reported by them.
_base_ = './fcos_small_embedded.py'

model = dict(bbox_head=dict(num_classes=1))
train_dataloader = dict(
    dataset=dict(
        ann_file='work_dirs/det_embedded/boxes_agnostic.json', metainfo=dict(classes=('object',))
    )
)
val_evaluator = dict(class_agnostic=True)
test_evaluator = dict(class_agnostic=True)
default_hooks = dict(visualization=dict(class_agnostic=True))
# Without the check that the detector has the classes of the test set.
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != 'NumClassCheckHook']
