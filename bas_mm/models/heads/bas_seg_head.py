import torch

from bas_mm.models.functional import labelled_weights, z
from bas_mm.registry import MODELS

from .foreground_losses import ForegroundLosses
from .multi_label_cam_head import MultiLabelCAMHead


@MODELS.register_module()
class BASSegHead(ForegroundLosses, MultiLabelCAMHead):
    """Classifier of class maps and BAS's losses on them, for images with several labels.

    L = L_cls + α·L_fg + mean L_bas + β·mean L_area. L_cls sets each positive class against the
    negative ones; the other terms are those of one positive class p of each image, their means over
    the images of the process that have one. L_fg is the cross-entropy of z(detach(A)·M_f): it
    teaches the map alone, not the classifier.

    Source: the extension of BAS to semantic segmentation.

    Args:
        loss_fg (dict): loss of score_2, a mean that takes the ``weight`` of each image; its
            ``loss_weight`` is α (0.2 as published).
        loss_amc (dict): the Activation Map Constraint; its ``area_weight`` is β (1.2).
        loss_cls (dict): default :class:`PositivesAgainstNegativesLoss`.
        **kwargs: see :class:`MultiLabelCAMHead`.
    """

    def __init__(
        self,
        *args,
        loss_cls: dict = dict(  # noqa: B006 - only read
            type='bas_mm.PositivesAgainstNegativesLoss'
        ),
        **kwargs,
    ) -> None:
        super().__init__(*args, loss_cls=loss_cls, **kwargs)

    def loss(
        self,
        class_maps: torch.Tensor,
        background_map: torch.Tensor,
        foreground_map: torch.Tensor,
        targets: torch.Tensor,
        drawn: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """All terms of the loss, each by itself.

        Args:
            class_maps (Tensor): A, (N, C, h, w).
            background_map (Tensor): the class's own map of the frozen pass over F_b, (N, 1, h, w).
            foreground_map (Tensor): M_f = M[p], (N, 1, H, W) in [0, 1].
            targets (Tensor): t, (N, C) of 0 and 1.
            drawn (Tensor): p, (N,), int64: one positive class of each image; any where
                there is none.

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_fg``, ``loss_bas``, ``loss_area``, weighted
            scalars; their sum is L.
        """
        score1 = z(class_maps)
        foreground, _ = self.foreground_losses(
            class_maps.detach(),
            score1,
            background_map,
            foreground_map,
            drawn,
            labelled_weights(targets),
        )
        return dict(loss_cls=self.loss_module(score1, targets), **foreground)
