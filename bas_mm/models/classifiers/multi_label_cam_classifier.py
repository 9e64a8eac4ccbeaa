from bas_mm.registry import MODELS

from .class_activation_maps import ClassActivationMaps
from .multi_label_classifier import MultiLabelClassifier


@MODELS.register_module()
class MultiLabelCAMClassifier(ClassActivationMaps, MultiLabelClassifier):
    """Class activation maps of images with several labels: the seeds' baseline.

    Map: ReLU of the class maps. ``head`` is a :class:`MultiLabelCAMHead`.
    """
