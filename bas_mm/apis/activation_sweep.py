"""What a trained network sees through a mask: the experiment that motivates BAS (CVPR 2022)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from torch.utils.data import Dataset

from bas_mm.evaluation.functional import grown_masks
from bas_mm.models.functional import (
    background_activation_suppression,
    background_features,
    take_class,
    z,
)

__all__ = [
    'ActivationCurves',
    'MaskActivations',
    'activation_curves',
    'mask_activations',
    'sweep_masks',
]


class MaskActivations(NamedTuple):
    """Of N pictures through R masks each; float32 or wider.

    Attributes:
        cross_entropy (torch.Tensor): Shape (N, R): of the class, from F·M through tail and
            classifier.
        foreground (torch.Tensor): Shape (N, R): the class's activation S_f of F·M, before a ReLU.
        background (torch.Tensor): Shape (N, R): S_b, the same of F·(1 − M).
        whole (torch.Tensor): Shape (N,): S, the same of F.
    """

    cross_entropy: torch.Tensor
    foreground: torch.Tensor
    background: torch.Tensor
    whole: torch.Tensor


class ActivationCurves(NamedTuple):
    """Over R ratios of the mask's area to the object's; shape (R,), float64, each.

    Attributes:
        cross_entropy (np.ndarray): Mean over the pictures.
        foreground (np.ndarray): Sum of ReLU(S_f) over the pictures, by that of ReLU(S).
        background (np.ndarray): Sum of ReLU(S_b), by that of ReLU(S).
        loss_bas (np.ndarray): Mean of L_bas, BAS's loss on S_b and S.
    """

    cross_entropy: np.ndarray
    foreground: np.ndarray
    background: np.ndarray
    loss_bas: np.ndarray


@torch.no_grad()
def mask_activations(
    model: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor, masks: torch.Tensor
) -> MaskActivations:
    """Run the tail and the classifier on what masks leave of the features.

    A mask is brought to F's size by area: a pixel of it is the share that lies in the mask.

    Args:
        model (torch.nn.Module): A classifier of class maps, BAS's or CAM's, in eval mode.
        inputs (torch.Tensor): Shape (N, 3, H, W), normalised.
        labels (torch.Tensor): Shape (N,), int64.
        masks (torch.Tensor): Shape (N, R, H, W), in [0, 1] or bool.

    Returns:
        MaskActivations: On the device of the inputs.
    """
    features = model.split.front(model.backbone, inputs)

    def scores(part: torch.Tensor) -> torch.Tensor:
        return z(model.head(model.split.tail(model.backbone, part)))

    # Any size of the view fits: F's need not divide it.
    shares = F.interpolate(masks.float(), size=features.shape[-2:], mode='area')
    columns = []
    for share in shares.split(1, dim=1):
        both = scores(torch.cat([features * share, background_features(features, share)]))
        of_mask, of_rest = both.chunk(2)
        columns.append(
            (
                F.cross_entropy(of_mask, labels, reduction='none'),
                take_class(of_mask, labels),
                take_class(of_rest, labels),
            )
        )
    stacked = [torch.stack(column, dim=1) for column in zip(*columns)]
    return MaskActivations(*stacked, whole=take_class(scores(features), labels))


def activation_curves(parts: Sequence[MaskActivations]) -> ActivationCurves:
    """Averages over all pictures.

    Activations are divided sum by sum, not picture by picture: a picture whose S is next to 0
    would drown all others.

    Args:
        parts (Sequence[MaskActivations]): Of some pictures each, through the same R ratios.

    Returns:
        ActivationCurves: See there. NaN where no picture activates its class.
    """
    whole = torch.cat([part.whole for part in parts]).double()
    entropy, foreground, background = (
        torch.cat([getattr(part, name) for part in parts]).double()
        for name in ('cross_entropy', 'foreground', 'background')
    )
    total = whole.relu().sum()
    loss = background_activation_suppression(whole[:, None].expand_as(background), background)
    return ActivationCurves(
        cross_entropy=entropy.mean(dim=0).cpu().numpy(),
        foreground=(foreground.relu().sum(dim=0) / total).cpu().numpy(),
        background=(background.relu().sum(dim=0) / total).cpu().numpy(),
        loss_bas=loss.mean(dim=0).cpu().numpy(),
    )


def sweep_masks(
    model: torch.nn.Module,
    dataset: Dataset,
    indices: Sequence[int],
    ratios: Sequence[float],
    batch_size: int,
) -> tuple[ActivationCurves, dict]:
    """Shrink and grow the true masks of a data set's pictures, and watch the network.

    Args:
        model (torch.nn.Module): See :func:`mask_activations`; put into eval mode.
        dataset (Dataset): Packed test pictures with one class and, in this order of preference, a
            ``gt_mask`` or ``gt_bboxes``, of which the union is taken.
        indices (Sequence[int]): Which pictures.
        ratios (Sequence[float]): Of areas; see :func:`~bas_mm.evaluation.functional.grown_masks`.
        batch_size (int): Pictures at a time.

    Returns:
        tuple[ActivationCurves, dict]: The curves; and ``truth`` ('masks' or 'boxes'), ``pictures``
        (number), ``object_area`` (mean share of the picture) and ``reached`` (for each ratio the
        mean that the picture had room for).

    Raises:
        ValueError: A picture has neither mask nor box, several views, or a mask of another view;
            the message names it. Or no picture activates its class.
    """
    model.eval()
    ratios = np.asarray(ratios, dtype=np.float64)
    parts, areas, reached, kinds = [], [], np.zeros(len(ratios)), set()
    for start in range(0, len(indices), batch_size):
        items = [dataset[int(index)] for index in indices[start : start + batch_size]]
        batch = model.data_preprocessor(pseudo_collate(items), False)
        masks = []
        for item in items:
            kind, mask = _true_mask(item)
            kinds.add(kind)
            masks.append(grown_masks(mask, ratios))
            areas.append(mask.mean())
            reached += masks[-1].mean(axis=(1, 2)) / areas[-1]
        inputs = batch['inputs']
        grown = torch.from_numpy(np.stack(masks)).to(inputs.device)
        labels = torch.cat([sample.gt_label for sample in batch['data_samples']])
        parts.append(mask_activations(model, inputs, labels, grown))
    if not any((part.whole > 0).any() for part in parts):
        raise ValueError(
            f'none of the {len(indices)} pictures activates its class (S > 0): there is nothing '
            'that a mask could take away; is the network trained?'
        )
    about = dict(
        truth=' and '.join(sorted(kinds)),
        pictures=len(indices),
        object_area=float(np.mean(areas)),
        reached=(reached / len(indices)).tolist(),
    )
    return activation_curves(parts), about


def _true_mask(item: dict) -> tuple[str, np.ndarray]:
    sample = item['data_samples']
    name = sample.get('image_id', 'a picture')
    if item['inputs'].ndim != 3:
        raise ValueError(f'{name}: one view is needed, got inputs {tuple(item["inputs"].shape)}')
    if 'gt_mask' in sample and (sample.gt_mask == 1).any():
        size = tuple(item['inputs'].shape[-2:])
        if sample.get('whole_view') is False or tuple(sample.gt_mask.shape) != size:
            raise ValueError(
                f'{name}: the true mask {tuple(sample.gt_mask.shape)} is not that of the view '
                f'{size}, because the test pipeline crops or mirrors: take one that only resizes'
            )
        return 'masks', sample.gt_mask.numpy() == 1
    mask = np.zeros(item['inputs'].shape[-2:], dtype=bool)
    for x0, y0, x1, y1 in sample.get('gt_bboxes', torch.zeros(0, 4)).tolist():
        mask[y0 : y1 + 1, x0 : x1 + 1] = True
    if not mask.any():
        raise ValueError(f'{name}: there is neither a true mask nor a true box')
    return 'boxes', mask
