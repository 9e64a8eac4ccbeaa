from .foreground_generator import ForegroundGenerator

__all__ = ['ForegroundGenerator']
