"""COCO 2014 with pseudo masks for training, and masks of the objects of val2014.

Training: the pictures of train2014 that have an object, with the masks of the steps before: one
palette PNG per picture, 0 background, k class k, 255 ignored. All paths are relative to the
working directory. tools/dataset_converters/coco14_lists.py makes labels/train2014_ids.txt and the
masks of val2014.
"""

_base_ = './voc12_pseudo.py'

dataset_type = 'COCO14Segmentation'
data_root = 'data/coco'
mask_dir = 'work_dirs/wsss_coco14/masks'
# COCO names no colours; mmsegmentation draws some, always the same.
metainfo = dict(
    classes=(
        'background',
        'person',
        'bicycle',
        'car',
        'motorcycle',
        'airplane',
        'bus',
        'train',
        'truck',
        'boat',
        'traffic light',
        'fire hydrant',
        'stop sign',
        'parking meter',
        'bench',
        'bird',
        'cat',
        'dog',
        'horse',
        'sheep',
        'cow',
        'elephant',
        'bear',
        'zebra',
        'giraffe',
        'backpack',
        'umbrella',
        'handbag',
        'tie',
        'suitcase',
        'frisbee',
        'skis',
        'snowboard',
        'sports ball',
        'kite',
        'baseball bat',
        'baseball glove',
        'skateboard',
        'surfboard',
        'tennis racket',
        'bottle',
        'wine glass',
        'cup',
        'fork',
        'knife',
        'spoon',
        'bowl',
        'banana',
        'apple',
        'sandwich',
        'orange',
        'broccoli',
        'carrot',
        'hot dog',
        'pizza',
        'donut',
        'cake',
        'chair',
        'couch',
        'potted plant',
        'bed',
        'dining table',
        'toilet',
        'tv',
        'laptop',
        'mouse',
        'remote',
        'keyboard',
        'cell phone',
        'microwave',
        'oven',
        'toaster',
        'sink',
        'refrigerator',
        'book',
        'clock',
        'vase',
        'scissors',
        'teddy bear',
        'hair drier',
        'toothbrush',
    )
)

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        ann_file=f'{data_root}/labels/train2014_ids.txt',
        data_prefix=dict(img_path=f'{data_root}/train2014', seg_map_path=mask_dir),
    )
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        # No list: every picture of the folder.
        ann_file='',
        data_prefix=dict(
            img_path=f'{data_root}/val2014', seg_map_path=f'{data_root}/masks/val2014'
        ),
    )
)
test_dataloader = val_dataloader
