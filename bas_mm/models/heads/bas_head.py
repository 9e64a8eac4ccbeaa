import torch

from bas_mm.models.functional import z
from bas_mm.registry import MODELS

from .cam_head import CAMHead, accuracy
from .foreground_losses import ForegroundLosses


@MODELS.register_module()
class BASHead(ForegroundLosses, CAMHead):
    """Classifier of class maps and BAS's losses on them.

    L = CE(score_1, y) + α·CE(score_2, y) + mean L_bas + β·mean L_area (step 7 of the training
    forward; Background Activation Suppression, CVPR 2022).

    Args:
        loss_fg (dict): loss of score_2; its ``loss_weight`` is α.
        loss_amc (dict): the Activation Map Constraint; its ``area_weight`` is β.
        **kwargs: see :class:`CAMHead`.
    """

    def loss(
        self,
        class_maps: torch.Tensor,
        background_map: torch.Tensor,
        foreground_map: torch.Tensor,
        labels: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """All terms of the loss, each by itself, and the accuracy of both scores.

        Args:
            class_maps (Tensor): A, (N, C, h, w).
            background_map (Tensor): the class's own map of the frozen pass over F_b, (N, 1, h, w).
            foreground_map (Tensor): M_f, (N, 1, H, W) in [0, 1].
            labels (Tensor): y, (N,), int64 in [0, C).

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_fg``, ``loss_bas``, ``loss_area`` (weighted;
            their sum is L), ``acc_cls`` and ``acc_fg`` in percent; scalars.
        """
        score1 = z(class_maps)
        foreground, score2 = self.foreground_losses(
            class_maps, score1, background_map, foreground_map, labels
        )
        return dict(
            loss_cls=self.loss_module(score1, labels),
            **foreground,
            acc_cls=accuracy(score1, labels),
            acc_fg=accuracy(score2, labels),
        )
