# From labels to a segmentor on the embedded scenes, in some minutes on 2 CPU cores:
#   python tools/wsss/run_pipeline.py configs/wsss/pipeline_small_embedded.py
work_dir = 'work_dirs/wsss_small_embedded'

# Relative to this file.
cam = 'cam_seg_small_embedded.py'
bas = 'bas_seg_small_embedded.py'
irn = 'irn_small_embedded.py'
segmentor = '../deeplabv2/deeplabv2_small_embedded.py'
# The key of the segmentor's config that names the folder of pseudo masks.
mask_key = 'train_dataloader.dataset.mask_dir'

# Nothing is pretrained here: BAS-Seg starts from CAM's network, and IRNet from BAS-Seg's.
bas_from_cam = True
irn_from = 'bas'
