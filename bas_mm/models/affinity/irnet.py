from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModel, BaseModule
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from bas_mm.models.functional import (
    at_least_float32,
    boundary_losses,
    displacement_losses,
    pair_counts,
    pair_kinds,
    resize_labels,
)
from bas_mm.models.splits.own_forward import check_of_stages
from bas_mm.models.splits.stage_tables import stage_table
from bas_mm.registry import MODELS
from bas_mm.utils.arguments import whole_number
from bas_mm.utils.config_params import params_of

from .boundary_branch import BoundaryBranch
from .displacement_branch import DisplacementBranch
from .mean_shift import MeanShift


@dataclass(frozen=True)
class _LossWeights:
    """The keys of ``model.loss_weight``; the losses come in this order."""

    pos: float = 0.5
    neg: float = 0.5
    dp_fg: float = 0.5
    dp_bg: float = 0.5


@MODELS.register_module()
class IRNet(BaseModel):
    """Boundaries between classes, and displacements to centres, from uncertain labels.

    J. Ahn, S. Cho, S. Kwak, *Weakly Supervised Learning of Instance Segmentation with Inter-pixel
    Relations*, CVPR 2019. The backbone is frozen, its batch norms use their running statistics in
    training too; what is learnt are two branches of 1×1 convolutions on its features.

    Args:
        backbone (dict): an mmpretrain backbone with a stage table, or another with ``stages``.
        features (Sequence[str]): stages of the backbone whose outputs are the features, in
            order. Default: ('stem', 'layer1', 'layer2', 'layer3', 'layer4').
        in_channels (Sequence[int]): their channels. Default: (64, 256, 512, 1024, 2048).
        strides (Sequence[int]): their pixels per point; e and d have the first one's size.
            Default: (4, 4, 8, 16, 16).
        boundary (dict, optional): ``channels`` and ``groups`` of :class:`BoundaryBranch`.
        displacement (dict, optional): ``channels``, ``groups``, ``joint_channels`` and
            ``joint_groups`` of :class:`DisplacementBranch`.
        radius (int): r of the pairs, in points of e. Default: 10.
        loss_weight (dict, optional): weights of the losses by ``pos``, ``neg``, ``dp_fg`` and
            ``dp_bg``. Default: 1/2 each, for (pos + neg)/2 + (fg + bg)/2.
        freeze_backbone (bool): False trains the backbone as well, up to the last feature, for
            pictures on which no network has learnt before. Default: True, as in the paper.
        data_preprocessor (dict, optional): ``mmseg.SegDataPreProcessor``, usually.
        init_cfg (dict, optional): initialisation.
        stages (dict[str, list[str]], optional): stage table for a backbone that has none built in:
            stage name -> names of the submodules that are run in order. Default: built in.

    Raises:
        ValueError: the numbers of features, channels and strides differ, a stage is not there, or
            strides or settings of a branch are impossible; the message names the key.
    """

    def __init__(
        self,
        backbone: dict,
        features: Sequence[str] = ('stem', 'layer1', 'layer2', 'layer3', 'layer4'),
        in_channels: Sequence[int] = (64, 256, 512, 1024, 2048),
        strides: Sequence[int] = (4, 4, 8, 16, 16),
        boundary: dict | None = None,
        displacement: dict | None = None,
        radius: int = 10,
        loss_weight: Mapping[str, float] | None = None,
        freeze_backbone: bool = True,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
        stages: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone = MODELS.build(backbone)
        self.feature_names = tuple(features)
        self.in_channels = tuple(in_channels)
        self.strides = tuple(strides)
        table = stage_table(self.backbone, stages, 'model.stages')
        self._check_features(table)
        # Names, as those of stage tables: what is converted later is another module.
        last = list(table).index(self.feature_names[-1])
        self.stages = dict(list(table.items())[: last + 1])
        used = [module for modules in self.stages.values() for module in modules]
        to_the_end = last == len(table) - 1
        self.check = check_of_stages(self.backbone, used, to_the_end, stages, 'model.stages')
        self.freeze_backbone = freeze_backbone
        if freeze_backbone:
            self.backbone.requires_grad_(False)
        self.boundary_branch = self._branch(BoundaryBranch, 'model.boundary', boundary)
        self.displacement_branch = self._branch(
            DisplacementBranch, 'model.displacement', displacement
        )
        self.mean_shift = MeanShift(2)
        self.radius = whole_number('model.radius', radius, 2)
        self.loss_weight = asdict(params_of(_LossWeights(), loss_weight, 'model.loss_weight'))

    def _branch(self, kind: type[BaseModule], key: str, settings: dict | None) -> BaseModule:
        try:
            return kind(self.in_channels, self.strides, **(settings or {}))
        except TypeError as error:
            raise ValueError(f'{key}={settings}: {error}') from error

    def _check_features(self, table: Mapping[str, Sequence[str]]) -> None:
        counts = [len(v) for v in (self.feature_names, self.in_channels, self.strides)]
        if len(set(counts)) > 1:
            raise ValueError(
                'model.features, model.in_channels and model.strides name the same features: got '
                f'{counts[0]}, {counts[1]} and {counts[2]} of them.'
            )
        known = list(table)
        if [name for name in known if name in self.feature_names] != list(self.feature_names):
            raise ValueError(
                f'model.features={self.feature_names}: {type(self.backbone).__name__} has, in '
                f'order, {", ".join(known)}.'
            )
        first = self.strides[0]
        if (
            list(self.strides) != sorted(self.strides)
            or self.strides[-1] == first
            or any(stride % first for stride in self.strides)
        ):
            raise ValueError(
                f'model.strides={self.strides}: they ascend, are multiples of the first, and one '
                'of them at least is larger.'
            )

    def train(self, mode: bool = True) -> 'IRNet':
        """Set the branches to training; a frozen backbone stays in evaluation."""
        super().train(mode)
        if self.freeze_backbone:
            self.backbone.eval()
        return self

    def extract_feat(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Features of the backbone: (N, 3, H, W) -> (N, C_k, h_k, w_k) each.

        Raises:
            ValueError: a feature has other channels or another stride than the config says.
        """
        if self.freeze_backbone:
            with torch.no_grad():
                return self._features(inputs)
        return self._features(inputs)

    def _features(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        found, x = [], inputs
        for stage, modules in self.stages.items():
            for module in modules:
                x = self.backbone.get_submodule(module)(x)
            if stage in self.feature_names:
                found.append(x)
        channels = tuple(feature.shape[1] for feature in found)
        if channels != self.in_channels:
            raise ValueError(
                f'model.in_channels={self.in_channels}, but the features of '
                f'{type(self.backbone).__name__} have {channels} channels.'
            )
        # A smaller one cannot be joined, of a larger one points of other places would be.
        sizes = [tuple(feature.shape[-2:]) for feature in found]
        steps = [stride // self.strides[0] for stride in self.strides]
        fitting = [tuple(-(-side // step) for side in sizes[0]) for step in steps]
        if sizes != fitting:
            raise ValueError(
                f'model.strides={self.strides}: of a picture of {inputs.shape[-2]}×'
                f'{inputs.shape[-1]} the features of {type(self.backbone).__name__} have '
                f'{_listed(sizes)} points, but {_listed(fitting)} would have such strides. Give '
                'model.strides those that the backbone has, or model.backbone.strides others.'
            )
        return found

    def boundary_and_displacement(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both fields of images.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.

        Returns:
            tuple[Tensor, Tensor]: e, (N, 1, h, w) in (0, 1); d, (N, 2, h, w) in points of the
            grid, rows and columns, in evaluation without the mean of the training images. h and w
            are ceil(H/4) and ceil(W/4) with a first stride of 4. At least float32.
        """
        features = self.extract_feat(inputs)
        # Half precision would make ties of boundaries.
        boundary = at_least_float32(self.boundary_branch(features)).sigmoid()
        return boundary, self.mean_shift(at_least_float32(self.displacement_branch(features)))

    def boundary_with_mirror(self, inputs: torch.Tensor) -> torch.Tensor:
        """e for the random walk: the sigmoid of the mean over an image and its mirror image.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.

        Returns:
            Tensor: (N, h, w) in (0, 1).
        """
        logits = self.boundary_branch(self.extract_feat(torch.cat([inputs, inputs.flip(-1)])))
        plain, mirrored = at_least_float32(logits)[:, 0].chunk(2)
        return ((plain + mirrored.flip(-1)) / 2).sigmoid()

    def loss(self, inputs: torch.Tensor, data_samples: list[SegDataSample]) -> dict:
        """The training forward.

        Means are over the pairs of the whole batch, whatever the number of processes: each divides
        by the pairs of all, times the processes that DistributedDataParallel averages over.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[SegDataSample]): with ``gt_sem_seg``, (1, H, W): 0 background, k + 1
                class k, 255 unsure.

        Returns:
            dict[str, Tensor]: ``loss_pos``, ``loss_neg``, ``loss_dp_fg``, ``loss_dp_bg``, with
            their weights.

        Raises:
            ValueError: the pictures are too small for pairs within the radius.
        """
        self.check.once(self.backbone, inputs)
        labels = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples])
        boundary, displacement = self.boundary_and_displacement(inputs)
        labels = resize_labels(labels, boundary.shape[-2:], align_corners=False)
        kinds = pair_kinds(labels, self.radius)
        counts = pair_counts(kinds)
        all_reduce(counts)  # on the device: the host goes on
        values = (
            *boundary_losses(boundary, kinds, self.radius, counts=counts),
            *displacement_losses(displacement, kinds, self.radius, counts=counts),
        )
        processes = get_world_size()
        return {
            f'loss_{name}': weight * processes * value
            for (name, weight), value in zip(self.loss_weight.items(), values, strict=True)
        }

    def predict(
        self, inputs: torch.Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Both fields of each image, as ``pred_boundary`` and ``pred_displacement``.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[SegDataSample], optional): filled in and returned. Default: new ones.
        """
        if data_samples is None:
            data_samples = [SegDataSample() for _ in inputs]
        for sample, e, d in zip(data_samples, *self.boundary_and_displacement(inputs)):
            sample.pred_boundary = PixelData(data=e)
            sample.pred_displacement = PixelData(data=d)
        return data_samples

    def forward(
        self,
        inputs: torch.Tensor,
        data_samples: list[SegDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, torch.Tensor] | list[SegDataSample] | tuple[torch.Tensor, torch.Tensor]:
        """The entry of training and testing.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[SegDataSample], optional): labels; needed with ``mode='loss'``.
            mode (str): 'loss', 'predict' or 'tensor'.

        Returns:
            What :meth:`loss`, :meth:`predict` or :meth:`boundary_and_displacement` give.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.boundary_and_displacement(inputs)
        raise ValueError(f"mode={mode!r}: give 'loss', 'predict' or 'tensor'.")


def _listed(sizes: Sequence[tuple[int, int]]) -> str:
    return ', '.join(f'{height}×{width}' for height, width in sizes)
