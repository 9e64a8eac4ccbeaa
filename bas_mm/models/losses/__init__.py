from .amc_loss import AMCLoss

__all__ = ['AMCLoss']
