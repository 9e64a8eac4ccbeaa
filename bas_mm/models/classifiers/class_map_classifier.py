from abc import abstractmethod
from collections.abc import Callable
from functools import partial

import torch
import torch.nn as nn
from mmengine.dist import get_world_size
from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample

from bas_mm.models.functional import checkpoints_itself, run_chain, run_checkpointed, z
from bas_mm.models.layers import WaitFreeSyncBatchNorm, synchronise_batch_norms
from bas_mm.models.splits import BackboneSplit
from bas_mm.registry import MODELS
from bas_mm.utils.arguments import whole_number
from bas_mm.utils.dependencies import parse_release

#: The lowest torch whose ``torch.compile`` takes a training step as one graph.
COMPILE_TORCH = '2.7'

# Of the message of torch's batch norms.
_ONE_VALUE = 'more than 1 value per channel'


class ClassMapClassifier(ImageClassifier):
    """A classifier of class maps over a backbone that is split in a front and a tail.

    Common to BAS and CAM, for one label per image and for several: what runs where. A subclass
    says which losses there are, which maps localize, and what a prediction is.

    Args:
        backbone (dict): an mmpretrain backbone (``type='mmpretrain.ResNet'`` …) or one of ours.
        split (dict): where it is split; arguments of :class:`BackboneSplit`.
        head (dict): classifier of class maps with its losses; see :meth:`head_needs`.
        data_preprocessor (dict, optional): default type :class:`LocalizationDataPreprocessor`.
        init_cfg (dict, optional): initialisation.
        channels_last (bool): whether pictures and convolutions lie channels-last in memory, which
            most CPUs and GPUs compute faster. Default: False.
        checkpoint_segments (int): activation checkpointing in training: of so many segments of
            the front, of the tail and of BAS's frozen pass only the inputs are kept, the rest is
            computed once more in the backward pass. Losses, gradients and running statistics stay
            the same. Default: 0, none.
        compile (bool | dict): whether ``torch.compile`` compiles the training forward, as one graph
            per batch size, or its arguments, such as ``dict(mode='max-autotune-no-cudagraphs')``.
            On several processes torch splits the graph at the borders of DDP's gradient buckets,
            so that their exchange goes on beside the backward pass. Modes with CUDA graphs do not
            go with ``accumulative_counts``: the next forward overwrites gradients. No mode goes
            with ``checkpoint_segments`` nor, on several processes, with mmengine's ``sync_bn``.
            Needs torch 2.7. Default: False.
        sync_batch_norm (bool): where several processes are at work when the model is built, batch
            norms share the statistics of all their batches, as the recipes ask for on several GPUs:
            :class:`WaitFreeSyncBatchNorm`, without the waits of mmengine's ``sync_bn='torch'``,
            which goes before it where a config sets both. Default: True.

    Raises:
        ValueError: an impossible split or option, or a head that lacks something; the message
            names the key.
    """

    def __init__(
        self,
        backbone: dict,
        split: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
        channels_last: bool = False,
        checkpoint_segments: int = 0,
        compile: bool | dict = False,
        sync_batch_norm: bool = True,
    ) -> None:
        whole_number('model.checkpoint_segments', checkpoint_segments, 0)
        for key, value in (('channels_last', channels_last), ('sync_batch_norm', sync_batch_norm)):
            if not isinstance(value, bool):
                raise ValueError(f'model.{key}={value!r}: True or False is needed')
        if not isinstance(compile, bool | dict):
            raise ValueError(
                f'model.compile={compile!r}: True, False or a dict of arguments is needed'
            )
        compiled = isinstance(compile, dict) or compile
        if compiled and parse_release(torch.__version__) < parse_release(COMPILE_TORCH):
            raise ValueError(
                f'model.compile={compile} needs torch {COMPILE_TORCH} or later, here is '
                f'{torch.__version__}: its graph would break at the frozen pass. Set '
                'model.compile=False, or update torch.'
            )
        if compiled and checkpoint_segments:
            raise ValueError(
                f'model.compile={compile} and model.checkpoint_segments={checkpoint_segments}: '
                'torch.compile cannot trace checkpoints that discard statistics; set one of them.'
            )
        if not isinstance(data_preprocessor, nn.Module):
            data_preprocessor = dict(data_preprocessor or {})
            data_preprocessor.setdefault('type', 'bas_mm.LocalizationDataPreprocessor')
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(
            backbone=MODELS.build(backbone),
            head=MODELS.build(head),
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        self._check_head()
        self.split = BackboneSplit(self.backbone, **split)
        self.channels_last = channels_last
        self.checkpoint_segments = checkpoint_segments
        self.compile_cfg = None
        if compiled:
            # After an epoch's last, smaller batch torch would go on with a graph for all sizes.
            self.compile_cfg = {'dynamic': False, **(compile if isinstance(compile, dict) else {})}
        self._compiled_terms = None
        self.sync_batch_norm = sync_batch_norm
        self.prepare_modules()

    @classmethod
    def head_needs(cls) -> dict[str, str]:
        """What a head must have, beside its forward pass from features to class maps.

        Returns:
            dict[str, str]: attributes; of a method what it takes and gives.
        """
        return {'num_classes': '', 'loss': '(class_maps, ...) -> dict of losses'}

    def _check_head(self) -> None:
        needs = self.head_needs()
        lacking = [name for name in needs if not hasattr(self.head, name)]
        if lacking:
            raise ValueError(
                f'model.head: {type(self.head).__name__} has no {" and no ".join(lacking)}. A head '
                f'of {type(self).__name__} has {", ".join(map("".join, needs.items()))}, and '
                'forward(features) -> class maps (N, num_classes, h, w): make yours a subclass of '
                'one of the heads in bas_mm.models'
            )

    def prepare_modules(self) -> None:
        """Norms as ``sync_batch_norm``, weights' layout as ``channels_last`` says.

        To be called again after a module was added. Weights loaded later keep the layout.
        """
        if self.sync_batch_norm and get_world_size() > 1:
            synchronise_batch_norms(self)
        if self.channels_last:
            self.to(memory_format=torch.channels_last)

    def __getstate__(self) -> dict:
        """Without the compiled step, which cannot be pickled: a copy compiles its own."""
        # Recent ones of torch leave out what Module.compile made, which would run the original.
        inherited = getattr(super(), '__getstate__', None)
        state = dict(self.__dict__) if inherited is None else dict(inherited())
        return {**state, '_compiled_terms': None}

    @abstractmethod
    def loss_targets(
        self, data_samples: list[DataSample], device: torch.device
    ) -> tuple[torch.Tensor, ...]:
        """What :meth:`loss_terms` needs to know of the labels, as tensors on the device."""

    @abstractmethod
    def loss_terms(self, inputs: torch.Tensor, *targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """The training forward: tensors in, tensors out; this is what ``compile`` compiles.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            *targets (Tensor): those of :meth:`loss_targets`.

        Returns:
            dict[str, Tensor]: the terms of the head's ``loss``.
        """

    def loss(self, inputs: torch.Tensor, data_samples: list[DataSample]) -> dict[str, torch.Tensor]:
        """The training forward.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[DataSample]): with their labels.

        Returns:
            dict[str, Tensor]: the terms of the head's ``loss``.

        Raises:
            ValueError: the preprocessor mixes pictures: a map belongs to one picture's class; or a
                batch norm has a single value per channel.
        """
        # Asked at each step, as SwitchRecipeHook sets it while a run goes on.
        if getattr(self.data_preprocessor, 'batch_augments', None) is not None:
            raise ValueError(
                'model.data_preprocessor.batch_augments mixes pictures and their labels; the '
                'losses of maps take the labels of one picture each. Leave it out.'
            )
        self.split.check.once(self.backbone, inputs)
        targets = self.loss_targets(data_samples, inputs.device)
        if self.compile_cfg is None:
            try:
                return self.loss_terms(inputs, *targets)
            except ValueError as error:
                if _ONE_VALUE not in str(error):
                    raise
                raise ValueError(
                    f'a batch of {len(inputs)} pictures of {inputs.shape[-2]}×{inputs.shape[-1]} '
                    'leaves a batch norm one value per channel, of which it has no variance: take '
                    'larger pictures or a larger train_dataloader.batch_size'
                ) from None
        if self._compiled_terms is None:
            self._check_traceable()
            # The function, not the bound method: a copy of the model must not run this one.
            self._compiled_terms = torch.compile(type(self).loss_terms, **self.compile_cfg)
        return self._compiled_terms(self, inputs, *targets)

    def _check_traceable(self) -> None:
        """Raise a ValueError where a norm or a checkpoint would break the compiled graph."""
        if checkpoints_itself(self):
            raise ValueError(
                'model.compile with model.backbone.with_cp or activation_checkpointing: '
                'torch.compile cannot trace checkpoints that discard statistics; set one of them.'
            )
        breaking = any(
            'SyncBatchNorm' in type(m).__name__ and not isinstance(m, WaitFreeSyncBatchNorm)
            for m in self.modules()
        )
        if breaking and get_world_size() > 1:
            raise ValueError(
                'model.compile with sync_bn on several processes: each synchronised batch norm '
                'waits for the device and breaks the graph. Set sync_bn=None; '
                'model.sync_batch_norm=True shares the statistics without it.'
            )

    def _runner(self, segments: int) -> Callable[[list[nn.Module], torch.Tensor], torch.Tensor]:
        """How modules are run: checkpointed where that is asked for and of use."""
        if self.checkpoint_segments and self.training and torch.is_grad_enabled():
            return partial(run_checkpointed, segments=segments)
        return run_chain

    def front(self, inputs: torch.Tensor) -> torch.Tensor:
        """F from images: (N, 3, H, W), normalised -> (N, C_F, h, w)."""
        if self.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return self.split.front(self.backbone, inputs, self._runner(self.checkpoint_segments))

    @abstractmethod
    def maps(
        self,
        features: torch.Tensor,
        class_maps: torch.Tensor,
        classes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The maps that localize, of all classes or of K per image.

        Args:
            features (Tensor): F, (N, C_F, h, w).
            class_maps (Tensor): A, (N, C, h', w').
            classes (Tensor, optional): (N, K), int64. Default: all.

        Returns:
            Tensor: (N, K or C, ...) maps, not negative, not normalised.
        """

    def localization_maps(
        self, inputs: torch.Tensor, classes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """:meth:`maps` straight from images; nothing is computed that they do not need.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            classes (Tensor, optional): (N, K), int64. Default: all.

        Returns:
            Tensor: (N, K or C, h, w) maps, not negative, not normalised.
        """
        features, tail_features = self.extract_feat(inputs)
        return self.maps(features, self.head(tail_features), classes)

    def extract_feat(self, inputs: torch.Tensor, stage: str = 'neck') -> tuple[torch.Tensor, ...]:
        """F and the tail's features: (N, 3, H, W) -> (N, C_F, h, w), (N, C_tail, h', w').

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            stage (str): there is no neck; 'backbone' and 'neck' give the same.
        """
        features = self.front(inputs)
        return features, self.split.tail(self.backbone, features, self._runner(1))

    def forward(
        self,
        inputs: torch.Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, torch.Tensor] | list[DataSample] | tuple[torch.Tensor, torch.Tensor]:
        """The entry of training and testing.

        Args:
            inputs (Tensor): (N, 3, H, W), or what else the subclass's ``predict`` takes.
            data_samples (list[DataSample], optional): labels; needed with ``mode='loss'``.
            mode (str): 'loss', 'predict' or 'tensor'.

        Returns:
            ``dict`` of loss terms; ``list[DataSample]``; or the tuple score_1 (N, C) and maps of
            all classes (N, C, h, w).
        """
        if mode == 'tensor':
            features, tail_features = self.extract_feat(inputs)
            class_maps = self.head(tail_features)
            return z(class_maps), self.maps(features, class_maps)
        return super().forward(inputs, data_samples, mode)


def require_labels(data_samples: list[DataSample]) -> None:
    """Raise a ValueError where a picture of a batch has no ``gt_label``."""
    if not all('gt_label' in sample for sample in data_samples):
        raise ValueError(
            'a picture of the batch has no gt_label, which training needs: its data set must give '
            'gt_label, and PackLocalizationInputs or mmpretrain.PackInputs end its pipeline'
        )
