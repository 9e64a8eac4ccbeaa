# From labels to DeepLabv2 on COCO 2014, on four GPUs:
#   python tools/wsss/run_pipeline.py configs/wsss/pipeline_resnet50_coco14.py --gpus 4
work_dir = 'work_dirs/wsss_coco14'

# Relative to this file.
cam = 'cam_resnet50_coco14.py'
bas = 'bas_seg_resnet50_coco14.py'
irn = 'irn_resnet50_coco14.py'
segmentor = '../deeplabv2/deeplabv2_r101_coco14-321x321_20k.py'
# The key of the segmentor's config that names the folder of pseudo masks.
mask_key = 'train_dataloader.dataset.data_prefix.seg_map_path'
