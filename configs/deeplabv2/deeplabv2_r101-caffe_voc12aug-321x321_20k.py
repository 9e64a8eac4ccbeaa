# From published Caffe weights or their PyTorch ports, after
#   python tools/model_converters/deeplabv2_to_bas_mm.py SRC deeplabv2_r101_caffe.pth
# load_from takes all of it; the published COCO weights with another number of classes leave the
# head as it was initialised.
_base_ = [
    '../_base_/models/deeplabv2_r101_caffe.py',
    '../_base_/datasets/voc12_pseudo.py',
    '../_base_/schedules/deeplabv2_20k.py',
    '../_base_/segmentation_runtime.py',
]

model = dict(decode_head=dict(num_classes=21))
load_from = 'deeplabv2_r101_caffe.pth'
