"""bas_mm: Background Activation Suppression for OpenMMLab, as a plug-in.

Importing the package compares the installed torch, mmengine, mmcv, mmpretrain and mmseg with the
ranges bas_mm works with. It reads package metadata only; none of the libraries is imported.
"""

from .utils.dependencies import check_dependencies
from .version import __version__

__all__ = ['__version__']

check_dependencies()
