from .boundary_branch import BoundaryBranch
from .displacement_branch import DisplacementBranch
from .irnet import IRNet
from .mean_shift import MeanShift
from .published_names import published_irn_to_bas_mm

__all__ = [
    'BoundaryBranch',
    'DisplacementBranch',
    'IRNet',
    'MeanShift',
    'published_irn_to_bas_mm',
]
