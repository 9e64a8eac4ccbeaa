from .amc_loss import AMCLoss
from .positives_against_negatives_loss import PositivesAgainstNegativesLoss

__all__ = ['AMCLoss', 'PositivesAgainstNegativesLoss']
