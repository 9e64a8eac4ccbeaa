from .inception_v3 import BASInceptionV3
from .mobilenet_v1 import MobileNetV1

__all__ = ['BASInceptionV3', 'MobileNetV1']
