import inspect

import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint

from bas_mm.models.functional import (
    background_features,
    checkpoints_itself,
    class_convolution,
    frozen_pass,
)
from bas_mm.registry import MODELS


class ForegroundMaps:
    """What makes a :class:`ClassMapClassifier` one of BAS's: a generator of foreground maps.

    A mixin, to be named before the classifier. It owns the generator and runs the Activation Map
    Constraint; which losses come of it is the head's affair.

    Args:
        generator (dict): the foreground generator on F. One of a user's own is called as
            :class:`ForegroundGenerator` is: with F, (N, C_F, h, w), and the classes wanted of each
            image, (N, K) int64, or None for all; it gives their maps, (N, K or C, h, w) in (0, 1).
        *args, **kwargs: those of the classifier.

    Raises:
        ValueError: generator and head are made for different numbers of classes, the generator does
            not take classes, or the head's last layer is no convolution.
    """

    def __init__(self, *args, generator: dict, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.generator = MODELS.build(generator)
        classes = self.head.num_classes
        # A generator of a user's own need not say.
        maps = getattr(self.generator, 'num_classes', classes)
        if maps != classes:
            raise ValueError(
                f'model.generator.num_classes={maps}, but model.head.num_classes={classes}: there '
                'is one map for each class, so give both the same number'
            )
        name = type(self.generator).__name__
        try:
            inspect.signature(self.generator.forward).bind('features', 'classes')
        except TypeError:
            raise ValueError(
                f'model.generator: the forward pass of {name} is called as forward(features, '
                'classes): with F, (N, C_F, h, w), and the classes whose maps are wanted, (N, K), '
                'or None for all. Let it take both'
            ) from None
        last = self.head.classifier_parts()[1]
        if not isinstance(last, nn.Conv2d):
            raise ValueError(
                f'model.head: classifier_parts() of {type(self.head).__name__} gives '
                f'{type(last).__name__} for the last layer, but a Conv2d to class maps is needed'
            )
        self.prepare_modules()

    @classmethod
    def head_needs(cls) -> dict[str, str]:
        """See :meth:`ClassMapClassifier.head_needs`."""
        return {
            **super().head_needs(),
            'classifier_parts': '() -> (hidden modules, last Conv2d)',
        }

    def loss_terms(self, inputs: torch.Tensor, *targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """The training forward of the paper.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            *targets (Tensor): those of ``loss_targets``. The last one is the class of each image's
                foreground map, (N,), int64: y; of images with several labels p, after t, (N, C)
                of 0 and 1.

        Returns:
            dict[str, Tensor]: the terms of the head's ``loss``.
        """
        features, tail_features = self.extract_feat(inputs)
        class_maps = self.head(tail_features)
        foreground_map, background_map = self.foreground_and_background(features, targets[-1])
        return self.head.loss(class_maps, background_map, foreground_map, *targets)

    def maps(
        self,
        features: torch.Tensor,
        class_maps: torch.Tensor | None,
        classes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """M, the foreground maps: (N, K or C, h, w) in (0, 1), at F's size."""
        return self._generated(features, classes)

    def _generated(self, features: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
        """The generator's maps; a ValueError where they are others than those asked for."""
        maps = self.generator(features, classes)
        count = self.head.num_classes if classes is None else classes.shape[1]
        # Not len(), which would fix the batch of an exported program.
        wanted = (features.shape[0], count, *features.shape[-2:])
        if tuple(maps.shape) != wanted:
            whose = 'all classes' if classes is None else f'{count} of the classes of each picture'
            raise ValueError(
                f'model.generator: {type(self.generator).__name__} gives {tuple(maps.shape)} for '
                f'the maps of {whose}, but {wanted} is needed: (N, K or C, h, w) of the size of F '
                'and, where classes are given, of those alone'
            )
        return maps

    def localization_maps(
        self, inputs: torch.Tensor, classes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """M straight from images: neither tail nor classifier are run, M does not depend on them.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            classes (Tensor, optional): (N, K), int64. Default: all.

        Returns:
            Tensor: (N, K or C, h, w) in (0, 1).
        """
        return self.maps(self.front(inputs), None, classes)

    def foreground_and_background(
        self, features: torch.Tensor, classes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """M_f of one class per image, and what is still seen in the picture without it.

        Args:
            features (Tensor): F, (N, C_F, h, w).
            classes (Tensor): (N,), int64.

        Returns:
            tuple[Tensor, Tensor]: M_f, (N, 1, h, w) in (0, 1); the class's own class map,
            (N, 1, h', w'), of F_b = detach(F)·(1 − M_f), by tail and classifier with frozen
            weights. The class maps of the other classes are not needed and not computed.
        """
        foreground_map = self._generated(features, classes[:, None])
        hidden, last = self.head.classifier_parts()
        chain = [*self.split.tail_modules(self.backbone), *hidden]
        background = background_features(features, foreground_map)
        saving = self.checkpoint_segments or any(map(checkpoints_itself, chain))
        if saving and self.training and torch.is_grad_enabled():
            background = checkpoint(frozen_pass, chain, background, use_reentrant=False)
        else:
            background = frozen_pass(chain, background)
        bias = None if last.bias is None else last.bias.detach()
        own = class_convolution(background, last.weight.detach(), bias, classes[:, None])
        return foreground_map, own
