from .boundary_branch import BoundaryBranch
from .displacement_branch import DisplacementBranch
from .irnet import IRNet
from .mean_shift import MeanShift

__all__ = [
    'BoundaryBranch',
    'DisplacementBranch',
    'IRNet',
    'MeanShift',
]
