"""Stanford Cars from the original release, unpacked to data/StanfordCars. Else as CUB."""

_base_ = './cub.py'

dataset_type = 'StanfordCars'
data_root = 'data/StanfordCars/'

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
# There is no third split: validation looks at the TEST split, to watch a run only. Neither a
# threshold nor a checkpoint may be chosen by it.
val_dataloader = test_dataloader
