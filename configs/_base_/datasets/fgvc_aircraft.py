"""FGVC-Aircraft from the original release, unpacked to data/fgvc-aircraft-2013b. Else as CUB.

The lowest 20 rows of the pictures are a banner. To cut it off, put
``dict(type='LocCropBottom', pixels=20)`` behind ``LoadLocImage`` in both pipelines.
"""

_base_ = './cub.py'

dataset_type = 'FGVCAircraft'
data_root = 'data/fgvc-aircraft-2013b/'

# The release has a split of its own for choosing thresholds and checkpoints, so `test` is left
# alone until the end. For figures beside those of papers that train on both set split='trainval',
# and choose nothing by `val` then.
train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='train'))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='val'))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='test'))
