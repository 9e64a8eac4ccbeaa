# From labels to DeepLabv2 on PASCAL VOC 2012, on four GPUs:
#   python tools/wsss/run_pipeline.py configs/wsss/pipeline_resnet50_voc12.py --gpus 4
work_dir = 'work_dirs/wsss_voc12'

# Relative to this file.
cam = 'cam_resnet50_voc12.py'
bas = 'bas_seg_resnet50_voc12.py'
irn = 'irn_resnet50_voc12.py'
segmentor = '../deeplabv2/deeplabv2_r101_voc12aug-321x321_20k.py'
# The key of the segmentor's config that names the folder of pseudo masks.
mask_key = 'train_dataloader.dataset.data_prefix.seg_map_path'
