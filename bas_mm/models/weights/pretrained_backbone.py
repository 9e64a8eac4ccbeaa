import logging
from urllib.error import URLError

from mmengine.logging import print_log
from mmengine.model import update_init_info
from mmengine.runner import CheckpointLoader
from torch import nn

from bas_mm.registry import WEIGHT_INITIALIZERS

from .placement import Placement, place_in_backbone

__all__ = ['PretrainedBackbone']


@WEIGHT_INITIALIZERS.register_module()
class PretrainedBackbone:
    """Initialize a backbone from a checkpoint, whoever's names it has.

    Reads mmpretrain's checkpoints (of a whole classifier or a backbone alone), torchvision's of
    VGG, the ResNet family, Inception V3 and MobileNetV2, MobileNetV1's with the names it was
    published under, and bas_mm's own. EfficientNet and ConvNeXt: mmpretrain's checkpoints only
    (torchvision pads and names them otherwise). What of the file is no part of the backbone, such
    as its ImageNet classifier, is named in the log and left out.

    Use as a backbone's ``init_cfg``. mmengine's ``Pretrained`` would load without error a file
    that fits nowhere, and leave the backbone random.

    Args:
        checkpoint: Path, URL or ``torchvision://NAME`` of the file; all of mmengine's schemes.
        strict: Raise if any parameter or buffer of the backbone finds no weight. If False, these
            are named in the log and keep their random values. Default: True.
        map_location: Device that the weights are read to. Default: ``'cpu'``.

    Raises:
        FileNotFoundError: There is no such file. As the others, raised where the weights are read,
            in the model's ``init_weights()``.
        RuntimeError: The file could not be fetched or read.
        ValueError: Nothing in the file fits the backbone, or, with ``strict``, not all of the
            backbone is in the file.

    Example:
        >>> backbone = dict(
        ...     type='mmpretrain.ResNet', depth=50,
        ...     init_cfg=dict(type='PretrainedBackbone', checkpoint='torchvision://resnet50'))
    """

    def __init__(self, checkpoint: str, strict: bool = True, map_location: str = 'cpu') -> None:
        self.checkpoint = checkpoint
        self.strict = strict
        self.map_location = map_location

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into ``module``.

        Args:
            module: The backbone; changed in place.

        Raises:
            FileNotFoundError: There is no such file.
            RuntimeError: The file could not be fetched or read.
            ValueError: Nothing in the file fits the backbone, or, with ``strict``, not all of the
                backbone is in the file.
        """
        shapes = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        checkpoint = self._read()
        try:
            origin, placement = place_in_backbone(checkpoint, shapes)
        except ValueError as error:
            raise ValueError(f'{self.checkpoint}: {error}') from error
        self._check(module, placement)

        _let_children_initialize(module)
        module.load_state_dict(placement.weights, strict=False)
        print_log(
            f'{type(module).__name__}: {len(placement.weights)} weights from {self.checkpoint} '
            f'(names: {origin})',
            logger='current',
        )
        if report := placement.report(limit=20):
            level = logging.INFO if placement.complete else logging.WARNING
            print_log(f'{self.checkpoint}:\n{report}', logger='current', level=level)

        # mmpretrain's backbones go on initializing after this (ResNet sets the last norm of every
        # block to zero, transformers draw new position embeddings), unless they find mmengine's
        # own type of initializer in their init_cfg.
        module.init_cfg = dict(type='Pretrained', checkpoint=self.checkpoint)
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=f'PretrainedBackbone: {self.checkpoint}')

    def _read(self) -> dict:
        advice = 'Give the path of a local file: model.backbone.init_cfg.checkpoint=PATH'
        try:
            return CheckpointLoader.load_checkpoint(
                self.checkpoint, map_location=self.map_location, logger='current'
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'{self.checkpoint}: no such file of pretrained weights. {advice}'
            ) from error
        except (URLError, ConnectionError, TimeoutError) as error:
            raise RuntimeError(
                f'{self.checkpoint}: the pretrained weights could not be downloaded ({error}). '
                f'{advice}'
            ) from error
        except Exception as error:
            if isinstance(error, KeyError) and '://' in self.checkpoint:
                raise RuntimeError(
                    f'{self.checkpoint}: no pretrained weights known by this name. {advice}'
                ) from error
            # Torch's readers raise a different type for each way in which a file can be broken.
            raise RuntimeError(
                f'{self.checkpoint}: not readable as a file of weights '
                f'({type(error).__name__}: {error})'
            ) from error

    def _check(self, module: nn.Module, placement: Placement) -> None:
        name = type(module).__name__
        if not placement.weights:
            raise ValueError(
                f'{self.checkpoint}: nothing in it fits the backbone {name}.\n'
                + placement.report(limit=5)
            )
        if self.strict and not placement.complete:
            raise ValueError(
                f'{self.checkpoint}: does not hold all of the backbone {name} '
                f'(strict=False in init_cfg would leave the rest random).\n'
                + placement.report(limit=10)
            )


def _let_children_initialize(module: nn.Module) -> None:
    """Run the submodules' own initialization now, and mark it as done.

    mmengine calls it after an initializer of a type that is not its own, and would overwrite the
    loaded weights (mmcv's ``ConvModule`` draws new ones).
    """
    for child in module.children():
        if hasattr(child, 'init_weights') and not getattr(child, 'is_init', False):
            child.init_weights()
            child.is_init = True
