"""A convolution of which each image needs a few output channels only."""

import torch
import torch.nn.functional as F

from .bas import at_least_float32


def class_convolution(
    features: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    classes: torch.Tensor,
) -> torch.Tensor:
    """Output channels ``classes`` of a "same" convolution, for each image its own.

    What ``F.conv2d(features, weight, bias, padding=k // 2)`` gives after all but K of its C
    channels were thrown away, for K / C of the work. Every tap of the chosen kernels is one row
    of a matrix that is multiplied with the features; the taps' products are moved by their offset
    and added up, which is what ``fold`` does. The sum over taps is at least float32.

    Args:
        features (Tensor): (N, C_in, h, w).
        weight (Tensor): (C, C_in, k, k), k odd.
        bias (Tensor, optional): (C,).
        classes (Tensor): (N, K), int64 in [0, C). Others raise torch's own error.

    Returns:
        Tensor: (N, K, h, w), at least float32; gradient flows into features, weight and bias.
    """
    kernel = tuple(weight.shape[-2:])
    size = features.shape[-2:]
    rows = classes.flatten()
    # Plain indexing would take −1 for the last class, and sort the rows for its gradient.
    chosen = weight.index_select(0, rows).unflatten(0, classes.shape)
    if kernel != (1, 1):
        # fold moves tap (i, j) by (i, j) - k // 2, the convolution reads it from there: mirrored.
        chosen = chosen.flip(-2, -1)
    taps = chosen.permute(0, 1, 3, 4, 2).flatten(1, 3)
    products = at_least_float32(torch.bmm(taps, features.flatten(2)))
    if kernel == (1, 1):
        logits = products.unflatten(2, size)
    else:
        # Images as channels of one: on GPUs fold's backward is a launch for each image.
        padding = tuple(k // 2 for k in kernel)
        folded = F.fold(products.flatten(0, 1)[None], size, kernel, padding=padding)
        logits = folded[0].unflatten(0, classes.shape)
    if bias is not None:
        logits = logits + bias.index_select(0, rows).view(*classes.shape, 1, 1)
    return logits
