from .class_count_hook import ClassCountHook
from .non_finite_loss_hook import NonFiniteLossHook

__all__ = ['ClassCountHook', 'NonFiniteLossHook']
