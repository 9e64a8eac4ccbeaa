import torch

from bas_mm.models.functional import foreground_score, take_class, z
from bas_mm.registry import MODELS


class ForegroundLosses:
    """The losses on M_f that all heads of BAS have: of score_2, and of the AMC.

    A mixin, to be named before the head that owns the classifier.

    Args:
        loss_fg (dict): loss of score_2; its ``loss_weight`` is α.
        loss_amc (dict): the Activation Map Constraint; its ``area_weight`` is β.
        *args, **kwargs: those of the head.
    """

    def __init__(self, *args, loss_fg: dict, loss_amc: dict, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.loss_fg = MODELS.build(loss_fg)
        self.loss_amc = MODELS.build(loss_amc)

    def foreground_losses(
        self,
        class_maps: torch.Tensor,
        score1: torch.Tensor,
        background_map: torch.Tensor,
        foreground_map: torch.Tensor,
        classes: torch.Tensor,
        weight: torch.Tensor | None = None,
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """The terms that depend on M_f.

        Args:
            class_maps (Tensor): A, (N, C, h, w), as score_2 shall see it.
            score1 (Tensor): score_1 = z(A), (N, C).
            background_map (Tensor): the class's own map of the frozen pass over F_b, (N, 1, h, w).
            foreground_map (Tensor): M_f, (N, 1, H, W) in [0, 1].
            classes (Tensor): the class that M_f belongs to, (N,), int64 in [0, C).
            weight (Tensor, optional): of each image in the means, (N,). Default: 1.

        Returns:
            tuple: ``loss_fg``, ``loss_bas`` and ``loss_area``, weighted scalars; and score_2,
            (N, C).
        """
        score2 = foreground_score(class_maps, foreground_map)
        background_score = z(background_map)[:, 0]
        # Losses of a user's own need not know weights where none are wanted.
        weights = {} if weight is None else dict(weight=weight)
        losses = dict(
            loss_fg=self.loss_fg(score2, classes, **weights),
            **self.loss_amc(
                take_class(score1, classes), background_score, foreground_map, **weights
            ),
        )
        return losses, score2
