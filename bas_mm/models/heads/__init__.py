from .bas_head import BASHead
from .bas_seg_head import BASSegHead
from .cam_head import CAMHead
from .deeplabv2_head import DeepLabV2Head
from .multi_label_cam_head import MultiLabelCAMHead

__all__ = ['BASHead', 'BASSegHead', 'CAMHead', 'DeepLabV2Head', 'MultiLabelCAMHead']
