"""The mathematics of Background Activation Suppression, in the notation of the paper.

P. Wu, W. Zhai, Y. Cao, *Background Activation Suppression for Weakly Supervised Object
Localization*, CVPR 2022. N images, C classes; A the class maps, M_f the foreground map,
z(.) the global average pooling, S = z(A)[y], S_b the same of the background features.
"""

import torch
import torch.nn.functional as F


def at_least_float32(x: torch.Tensor) -> torch.Tensor:
    """``x`` in float32, or in its own type where that is wider: means lose too much in half."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def z(class_maps: torch.Tensor) -> torch.Tensor:
    """Global average pooling z(A).

    Args:
        class_maps (Tensor): A, (N, C, h, w), any range.

    Returns:
        Tensor: (N, C), at least float32.
    """
    return at_least_float32(class_maps).mean(dim=(2, 3))


def foreground_score(class_maps: torch.Tensor, foreground_map: torch.Tensor) -> torch.Tensor:
    """score_2 = z(A · AvgPool2(M_f)), the class scores of the foreground alone.

    Args:
        class_maps (Tensor): A, (N, C, h, w).
        foreground_map (Tensor): M_f, (N, 1, H, W) in [0, 1]. It is average-pooled to A's size:
            kernel 2, stride 2 for the published networks (28×28 to 14×14), nothing where the
            tail keeps the size; adaptively where no kernel with a stride like it gives that size.

    Returns:
        Tensor: (N, C), at least float32; gradient flows into both arguments.
    """
    (height, width), size = foreground_map.shape[-2:], class_maps.shape[-2:]
    if (height, width) != size:
        # Two halve a side; three of three would, too.
        kernel = [
            2 if side // 2 == pooled else side // pooled
            for side, pooled in zip((height, width), size)
        ]
        if min(kernel) and (height // kernel[0], width // kernel[1]) == size:
            # Of an odd side the last row is left out, as the tail's pooling leaves it out.
            foreground_map = F.avg_pool2d(foreground_map, kernel)
        else:
            # On GPUs this has no deterministic backward pass.
            foreground_map = F.adaptive_avg_pool2d(foreground_map, size)
    return z(class_maps * foreground_map)


def background_features(features: torch.Tensor, foreground_map: torch.Tensor) -> torch.Tensor:
    """F_b = detach(F) · M_b with M_b = 1 − M_f: gradient reaches the map only.

    Args:
        features (Tensor): F, (N, C_F, H, W).
        foreground_map (Tensor): M_f, (N, 1, H, W) in [0, 1].

    Returns:
        Tensor: (N, C_F, H, W), in the type of F: in mixed precision the map is the wider one.
    """
    return features.detach() * (1 - foreground_map).to(features.dtype)


def background_activation_suppression(
    score: torch.Tensor, background_score: torch.Tensor, saturated: float = 1.0
) -> torch.Tensor:
    """L_bas = ReLU(S_b) / (detach(ReLU(S)) + 1e-8), the background activation suppression loss.

    Where ReLU(S_b) > ReLU(S), strictly, it is the constant ``saturated`` without gradient: there
    the background is more active than the whole image and the ratio means nothing.

    Args:
        score (Tensor): S, (N,), before the ReLU; no gradient flows into it.
        background_score (Tensor): S_b, (N,), before the ReLU.
        saturated (float): the constant. The paper's is 1; the published VGG16 code logs 0.

    Returns:
        Tensor: (N,), at least float32, in [0, 1] (or ``saturated``).
    """
    activation = at_least_float32(score).relu().detach()
    background_activation = at_least_float32(background_score).relu()
    ratio = background_activation / (activation + 1e-8)
    constant = torch.full_like(ratio, saturated)
    return torch.where(background_activation > activation, constant, ratio)


def area(foreground_map: torch.Tensor) -> torch.Tensor:
    """L_area = mean(M_f), the share of the map that is foreground.

    Args:
        foreground_map (Tensor): M_f, (N, 1, H, W) in [0, 1].

    Returns:
        Tensor: (N,), at least float32, in [0, 1].
    """
    return at_least_float32(foreground_map).mean(dim=(1, 2, 3))


def take_class(values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The entry of one class per image: (N, C) scores and (N,) labels to (N,)."""
    return values.gather(1, labels[:, None])[:, 0]


def take_maps(maps: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
    """The maps of K classes per image: (N, C, h, w) and (N, K) to (N, K, h, w).

    Without classes it is all of them, as they came.
    """
    if classes is None:
        return maps
    return maps.gather(1, classes[:, :, None, None].expand(-1, -1, *maps.shape[-2:]))


def top_classes(scores: torch.Tensor, k: int) -> torch.Tensor:
    """The K classes of the highest scores, of equal ones the first: (N, C) to (N, K), int64.

    The ranks of the metrics have them so; of equal ones ``torch.topk`` takes any.
    """
    if k == 1:
        return scores.argmax(1, keepdim=True)
    return scores.sort(dim=1, descending=True, stable=True).indices[:, :k]
