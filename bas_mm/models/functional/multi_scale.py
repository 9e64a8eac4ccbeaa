"""Sizes, labels and scores of one picture at several scales."""

import torch
import torch.nn.functional as F


def scaled_size(size: tuple[int, int], scale: float, align_corners: bool) -> tuple[int, int]:
    """The size of a picture at another scale.

    With aligned corners it is the distance between the outermost pixels that is scaled: of 321
    pixels, 40 times the stride 8 and one more, the sizes 241 and 161 are that again.

    Args:
        size (tuple[int, int]): H, W.
        scale (float): the factor.
        align_corners (bool): whether pictures are resized with aligned corners.

    Returns:
        tuple[int, int]: H, W, rounded (half to even), at least 1.
    """
    last = 1 if align_corners else 0
    height, width = (max(1, round((side - last) * scale) + last) for side in size)
    return height, width


def resize_labels(labels: torch.Tensor, size: tuple[int, int], align_corners: bool) -> torch.Tensor:
    """Labels at the places that the scores of a smaller map stand for: nearest neighbour.

    The places are those of a bilinear resize with the same ``align_corners``, so that labels that
    are made smaller and scores that are made larger lie on each other.

    Args:
        labels (Tensor): (..., H, W), of any type.
        size (tuple[int, int]): h, w.
        align_corners (bool): whether the outermost pixels' centres stay the outermost.

    Returns:
        Tensor: (..., h, w).
    """
    rows, columns = (
        _nearest(source, target, align_corners, labels.device)
        for source, target in zip(labels.shape[-2:], size)
    )
    return labels[..., rows[:, None], columns]


def _nearest(source: int, target: int, align_corners: bool, device: torch.device) -> torch.Tensor:
    """Which of ``source`` pixels is nearest to each of ``target`` places: (target,) int64."""
    index = torch.arange(target, device=device)
    if not align_corners:
        return (2 * index + 1) * source // (2 * target)
    if target == 1:
        return index
    # i·(source − 1)/(target − 1), to the nearest integer; halves go up.
    gaps = target - 1
    return (2 * index * (source - 1) + gaps) // (2 * gaps)


def maximum_of_scales(logits: list[torch.Tensor], align_corners: bool) -> torch.Tensor:
    """The maximum over maps of several sizes, at the size of the largest.

    Args:
        logits (list[Tensor]): (N, C, h_s, w_s) each.
        align_corners (bool): how smaller maps are made larger (bilinear).

    Returns:
        Tensor: (N, C, h, w), h and w those of the map with the most pixels.
    """
    size = max((tuple(value.shape[-2:]) for value in logits), key=lambda s: s[0] * s[1])
    largest = [
        value
        if tuple(value.shape[-2:]) == size
        else F.interpolate(value, size, mode='bilinear', align_corners=align_corners)
        for value in logits
    ]
    return torch.stack(largest).amax(0)
