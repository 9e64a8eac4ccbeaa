"""ILSVRC 2012 from split folders: data/ILSVRC/metadata/{train,test}, pictures below data/ILSVRC.

The ids in image_ids.txt are paths below data/ILSVRC, such as train/n01440764/n01440764_18.JPEG.
Pictures are resized, cropped and loaded as CUB's.
"""

_base_ = './cub.py'

dataset_type = 'ILSVRC'
data_root = 'data/ILSVRC/'

# The recipe's batch of 128 is that of all GPUs together (VGG16: 256). 32 per GPU is for 4 GPUs;
# with n GPUs set batch_size to 128 / n.
train_dataloader = dict(
    batch_size=32,
    # CUB's data set has other arguments, so nothing is inherited from it.
    dataset=dict(
        _delete_=True,
        type=dataset_type,
        data_root=data_root,
        split_dir='metadata/train',
        with_boxes=False,
        pipeline={{_base_.train_pipeline}},
    ),
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type=dataset_type,
        data_root=data_root,
        split_dir='metadata/test',
        test_mode=True,
        pipeline={{_base_.test_pipeline}},
    ),
)
# Validation during training looks at the TEST split (ImageNet's validation pictures). It is there
# to watch a run only. Neither a threshold nor a checkpoint may be chosen by it: whoever has the
# protocol's split metadata/val (train-fullsup) should set val_dataloader.dataset.split_dir to it.
val_dataloader = test_dataloader

# θ is the recipe's for ResNet50 and InceptionV3; VGG16 has 0.45, MobileNetV1 0.5.
test_evaluator = dict(thresholds=0.25)
val_evaluator = test_evaluator
