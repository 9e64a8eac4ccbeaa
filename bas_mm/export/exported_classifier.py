"""What is exported: a classifier with its preprocessing before it and plain tensors behind it."""

import copy

import torch
from mmpretrain.models.utils.data_preprocessor import ClsDataPreprocessor
from torch import nn

from bas_mm.models.classifiers import (
    ClassMapClassifier,
    LocalizationClassifier,
    MultiLabelClassifier,
)
from bas_mm.models.functional import at_least_float32, z

from .errors import ExportError

__all__ = ['MAPS', 'ExportedClassifier']

#: Which maps an exported classifier gives.
MAPS = ('predicted', 'given', 'all')


class ExportedClassifier(nn.Module):
    """RGB pictures in, class scores and localization maps out, in one traceable forward pass.

    Scores and maps are those of the classifier's ``predict`` for pictures without labels; the
    normalisation is done by its own data preprocessor.

    Args:
        model (ClassMapClassifier): The classifier, on the CPU. It is set to evaluation.
        maps (str, optional): 'predicted', the mean over the K classes with the highest score
            (``model.test_cfg.topk``); 'given', the map of one class per picture, a second input;
            'all', the maps of all classes. Default: 'predicted', with several labels per picture
            'all'.

    Raises:
        ExportError: The model is none of those, or 'predicted' is asked of a model of several
            labels, which has no K.
    """

    def __init__(self, model: nn.Module, maps: str | None = None) -> None:
        super().__init__()
        if not isinstance(model, (LocalizationClassifier, MultiLabelClassifier)):
            raise ExportError(
                f'{type(model).__name__} cannot be exported; BASClassifier, CAMClassifier, '
                'BASSegClassifier and MultiLabelCAMClassifier can'
            )
        if not isinstance(model.data_preprocessor, ClsDataPreprocessor):
            raise ExportError(
                f'the data preprocessor {type(model.data_preprocessor).__name__} cannot be '
                'exported; LocalizationDataPreprocessor can'
            )
        self.multi_label = isinstance(model, MultiLabelClassifier)
        if maps is None:
            maps = 'all' if self.multi_label else 'predicted'
        if maps not in MAPS:
            raise ExportError(f'maps={maps!r}: give {", ".join(MAPS)}')
        if maps == 'predicted' and self.multi_label:
            raise ExportError(
                f"{type(model).__name__} has no model.test_cfg.topk, so that maps='predicted' "
                "means nothing; give 'all' or 'given'"
            )
        self.model: ClassMapClassifier = model
        self.maps = maps
        # Pictures are BGR everywhere else, here RGB: colours change places where they otherwise
        # would not. The copy shares mean and std.
        self.preprocessor = copy.copy(model.data_preprocessor)
        self.preprocessor.to_rgb = not model.data_preprocessor.to_rgb
        self.eval()

    @property
    def num_classes(self) -> int:
        """C."""
        return self.model.head.num_classes

    @property
    def topk(self) -> int | None:
        """K of 'predicted' maps, from 1 to C; None with other maps."""
        if self.maps != 'predicted':
            return None
        topk = self.model.test_cfg.topk
        return self.num_classes if topk == -1 else topk

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the arguments of :meth:`forward`."""
        return ('images', 'classes') if self.maps == 'given' else ('images',)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of what :meth:`forward` returns."""
        return ('scores', 'maps') if self.maps == 'all' else ('scores', 'map')

    def forward(
        self, images: torch.Tensor, classes: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores and maps of pictures.

        Args:
            images (Tensor): (N, 3, H, W) uint8, RGB.
            classes (Tensor, optional): (N,) int64 in [0, C); with maps 'given' only.

        Returns:
            tuple[Tensor, Tensor]: float32 scores (N, C) in (0, 1), softmax or, with several
            labels, sigmoid of score_1; float32 maps (N, h, w), or (N, C, h, w) of all classes, not
            negative, not normalised, at the network's size.
        """
        features, class_maps = self._features(images)
        score1 = z(class_maps)
        scores = score1.sigmoid() if self.multi_label else score1.softmax(1)
        if self.maps == 'given':
            chosen = classes[:, None]
        elif self.topk in (None, self.num_classes):
            chosen = None
        elif self.topk == 1:
            chosen = score1.argmax(1, keepdim=True)
        else:
            # Not top_classes, whose sort ONNX lacks: of equal scores ONNX's TopK takes the first.
            chosen = score1.topk(self.topk, dim=1).indices
        maps = at_least_float32(self.model.maps(features, class_maps, chosen))
        if self.maps != 'all':
            maps = maps.mean(1)
        return scores.float(), maps.float()

    def score1(self, images: torch.Tensor) -> torch.Tensor:
        """score_1, what the K classes are chosen by: (N, 3, H, W) to (N, C), any range."""
        return z(self._features(images)[1])

    def _features(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """F and the class maps A."""
        inputs = self.preprocessor({'inputs': images})['inputs']
        features, tail_features = self.model.extract_feat(inputs)
        return features, self.model.head(tail_features)
