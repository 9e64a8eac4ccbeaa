from abc import abstractmethod

import torch
import torch.nn as nn
from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample

from bas_mm.models.functional import z
from bas_mm.models.splits import BackboneSplit
from bas_mm.registry import MODELS


class ClassMapClassifier(ImageClassifier):
    """A classifier of class maps over a backbone that is split in a front and a tail.

    Common to BAS and CAM, for one label per image and for several: what runs where. A subclass
    says which losses there are, which maps localize, and what a prediction is.

    Args:
        backbone (dict): an mmpretrain backbone (``type='mmpretrain.ResNet'`` …) or one of ours.
        split (dict): where it is split; arguments of :class:`BackboneSplit`.
        head (dict): classifier of class maps with its losses.
        data_preprocessor (dict, optional): default type :class:`LocalizationDataPreprocessor`.
        init_cfg (dict, optional): initialisation.

    Raises:
        ValueError: an impossible split; the message names the key.
    """

    def __init__(
        self,
        backbone: dict,
        split: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if not isinstance(data_preprocessor, nn.Module):
            data_preprocessor = dict(data_preprocessor or {})
            data_preprocessor.setdefault('type', 'LocalizationDataPreprocessor')
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(
            backbone=MODELS.build(backbone),
            head=MODELS.build(head),
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        self.split = BackboneSplit(self.backbone, **split)

    @abstractmethod
    def maps(
        self,
        features: torch.Tensor,
        class_maps: torch.Tensor,
        classes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The maps that localize, of all classes or of K per image.

        Args:
            features (Tensor): F, (N, C_F, h, w).
            class_maps (Tensor): A, (N, C, h', w').
            classes (Tensor, optional): (N, K), int64. Default: all.

        Returns:
            Tensor: (N, K or C, ...) maps, not negative, not normalised.
        """

    def localization_maps(
        self, inputs: torch.Tensor, classes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """:meth:`maps` straight from images; nothing is computed that they do not need.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            classes (Tensor, optional): (N, K), int64. Default: all.

        Returns:
            Tensor: (N, K or C, h, w) maps, not negative, not normalised.
        """
        features, tail_features = self.extract_feat(inputs)
        return self.maps(features, self.head(tail_features), classes)

    def extract_feat(self, inputs: torch.Tensor, stage: str = 'neck') -> tuple[torch.Tensor, ...]:
        """F and the tail's features: (N, 3, H, W) -> (N, C_F, h, w), (N, C_tail, h', w').

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            stage (str): there is no neck; 'backbone' and 'neck' give the same.
        """
        features = self.split.front(self.backbone, inputs)
        return features, self.split.tail(self.backbone, features)

    def forward(
        self,
        inputs: torch.Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = 'tensor',
    ):
        """The entry of training and testing.

        Args:
            inputs (Tensor): (N, 3, H, W), or what else the subclass's ``predict`` takes.
            data_samples (list[DataSample], optional): labels; needed with ``mode='loss'``.
            mode (str): 'loss', 'predict' or 'tensor'.

        Returns:
            ``dict`` of loss terms; ``list[DataSample]``; or the tuple score_1 (N, C) and maps of
            all classes (N, C, h, w).
        """
        if mode == 'tensor':
            features, tail_features = self.extract_feat(inputs)
            class_maps = self.head(tail_features)
            return z(class_maps), self.maps(features, class_maps)
        return super().forward(inputs, data_samples, mode)
