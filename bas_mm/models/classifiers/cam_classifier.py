from bas_mm.registry import MODELS

from .class_activation_maps import ClassActivationMaps
from .localization_classifier import LocalizationClassifier


@MODELS.register_module()
class CAMClassifier(ClassActivationMaps, LocalizationClassifier):
    """Class activation maps with BAS's backbone and classifier: the baseline.

    Trained by the cross-entropy of score_1 alone; the map is ReLU of A[y], at the tail's size.
    """
