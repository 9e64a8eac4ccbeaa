_base_ = [
    '../_base_/models/deeplabv2_r101.py',
    '../_base_/datasets/coco14_pseudo.py',
    '../_base_/schedules/deeplabv2_20k.py',
    '../_base_/segmentation_runtime.py',
]

model = dict(decode_head=dict(num_classes=81))

# Of val2014 the first 500 pictures, to watch a run. All 40,504, with ten views of each, would cost
# more at each validation than the training does. The test is of all.
val_dataloader = dict(dataset=dict(indices=500))
