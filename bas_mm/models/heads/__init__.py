from .bas_head import BASHead
from .cam_head import CAMHead

__all__ = ['BASHead', 'CAMHead']
