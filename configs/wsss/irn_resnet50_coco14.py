_base_ = [
    '../_base_/models/irn_resnet50.py',
    '../_base_/datasets/irn_labels.py',
    '../_base_/schedules/irn_3e.py',
    '../_base_/irn_runtime.py',
]

train_dataloader = dict(
    dataset=dict(
        pictures=dict(type='COCO14MultiLabel', data_root='data/coco', split='train2014'),
        # Where the labels are; the step before writes them there.
        label_dir='work_dirs/wsss_coco14/irn_labels',
    )
)
# The masks that make_masks.py makes by this network: background score, pairs within the radius on
# the grid at 1/4, power of their affinities, steps of the walk, power of the seeds.
mask_cfg = dict(background=0.22, radius=5, beta=10, steps=256, power=1.5)
