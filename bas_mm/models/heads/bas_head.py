import torch

from bas_mm.models.functional import foreground_score, take_class, z
from bas_mm.registry import MODELS

from .cam_head import CAMHead, accuracy


@MODELS.register_module()
class BASHead(CAMHead):
    """Classifier of class maps and BAS's losses on them.

    L = CE(score_1, y) + α·CE(score_2, y) + mean L_bas + β·mean L_area (step 7 of the training
    forward; Background Activation Suppression, CVPR 2022).

    Args:
        loss_fg (dict): loss of score_2; its ``loss_weight`` is α.
        loss_amc (dict): the Activation Map Constraint; its ``area_weight`` is β.
        **kwargs: see :class:`CAMHead`.
    """

    def __init__(self, *args, loss_fg: dict, loss_amc: dict, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.loss_fg = MODELS.build(loss_fg)
        self.loss_amc = MODELS.build(loss_amc)

    def loss(
        self,
        class_maps: torch.Tensor,
        background_class_maps: torch.Tensor,
        foreground_map: torch.Tensor,
        labels: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """All terms of the loss, each by itself, and the accuracy of both scores.

        Args:
            class_maps (Tensor): A, (N, C, h, w).
            background_class_maps (Tensor): class maps of the frozen pass over F_b, (N, C, h, w).
            foreground_map (Tensor): M_f, (N, 1, H, W) in [0, 1].
            labels (Tensor): y, (N,), int64 in [0, C).

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_fg``, ``loss_bas``, ``loss_area`` (weighted;
            their sum is L), ``acc_cls`` and ``acc_fg`` in percent; scalars.
        """
        score1 = z(class_maps)
        score2 = foreground_score(class_maps, foreground_map)
        # z only of the class's own map: the background scores of the other classes are not used.
        own = labels[:, None, None, None].expand(-1, 1, *background_class_maps.shape[-2:])
        background_score = z(background_class_maps.gather(1, own))[:, 0]
        return dict(
            loss_cls=self.loss_cls(score1, labels),
            loss_fg=self.loss_fg(score2, labels),
            **self.loss_amc(take_class(score1, labels), background_score, foreground_map),
            acc_cls=accuracy(score1, labels),
            acc_fg=accuracy(score2, labels),
        )
