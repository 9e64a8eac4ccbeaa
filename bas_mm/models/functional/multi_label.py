"""The mathematics of several labels per image, as BAS's extension to segmentation has it.

W. Zhai, P. Wu, K. Zhu, Y. Cao, F. Wu, Z.-J. Zha, *Background Activation Suppression for Weakly
Supervised Object Localization and Semantic Segmentation*. t is the target of an image, (C,) of 0
and 1; its classes with 1 are the positive ones.
"""

import torch

from .bas import at_least_float32


def positives_against_negatives(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """L_cls: of each positive class the softmax cross-entropy against all negative classes.

    Σ_j −log(exp s_j / (exp s_j + Σ_k exp s_k)), j over the positive classes of an image and k over
    its negative ones: the other positives do not compete.

    Args:
        scores (Tensor): score_1, (N, C).
        targets (Tensor): t, (N, C) of 0 and 1.

    Returns:
        Tensor: (N,), at least float32, not negative; 0 where there is no positive class or no
        negative one.
    """
    scores = at_least_float32(scores)
    positive = targets > 0
    # −log softmax = log(1 + exp(n − s)) with n = log Σ_k exp s_k, which is softplus.
    negatives = scores.masked_fill(positive, -torch.inf).logsumexp(1, keepdim=True)
    # Where a class is no positive one, or there are no negative ones (n = −∞), the gap is −∞: there
    # softplus is 0, and its gradient, too.
    gap = torch.where(positive, negatives - scores, -torch.inf)
    return torch.nn.functional.softplus(gap).sum(1)


def draw_positive_class(targets: torch.Tensor) -> torch.Tensor:
    """p: one of each image's positive classes, all equally likely.

    The first arrival of independent Poisson processes, drawn on the device of ``targets`` with
    its own generator and without waiting for it.

    Args:
        targets (Tensor): t, (N, C) of 0 and 1.

    Returns:
        Tensor: (N,), int64; 0 where there is no positive class, which :func:`labelled_weights`
        keeps out of means.
    """
    waiting = torch.empty_like(targets, dtype=torch.float32).exponential_()
    return waiting.masked_fill(targets <= 0, torch.inf).argmin(1)


def labelled_weights(targets: torch.Tensor) -> torch.Tensor:
    """Weights that turn a mean over the images into that over the images with a positive class.

    Args:
        targets (Tensor): t, (N, C) of 0 and 1.

    Returns:
        Tensor: (N,), float32: 0 without a positive class, else N / (images that have one). Where
        all have one they are exactly 1, and the mean keeps its bits.
    """
    labelled = (targets > 0).any(1).float()
    return labelled * (len(labelled) / labelled.sum().clamp(min=1))
