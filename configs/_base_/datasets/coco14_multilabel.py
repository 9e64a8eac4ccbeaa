"""COCO 2014 with the classes of each picture, from data/coco.

Training and seeds: train2014, the 82081 pictures of 82783 that have an object. Validation: the
classes of val2014. Masks for the evaluation of seeds: tools/dataset_converters/coco14_lists.py.
All else is as for VOC 2012.
"""

_base_ = './voc12_multilabel.py'

dataset_type = 'COCO14MultiLabel'
data_root = 'data/coco'

train_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split='train2014'),
)
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split='val2014'),
)
test_dataloader = val_dataloader
seed_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train2014',
        data_prefix=dict(_delete_=True, seg_map_path='masks/train2014'),
    ),
)
