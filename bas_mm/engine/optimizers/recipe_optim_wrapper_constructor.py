from collections.abc import Mapping
from math import inf

import torch.nn as nn
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper

from bas_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS
from bas_mm.utils.arguments import in_range

from .resume_as_built import resume_as_built

_FACTORS = ('backbone_weight', 'backbone_bias', 'new_weight', 'new_bias')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class RecipeOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """The recipe's learning-rate factors: backbone weights 1, biases 2, new weights 10, biases 20.

    Parameters below ``backbone`` belong to the backbone, all others (classifier, generator,
    bridge) are new. A parameter named ``bias`` is a bias, that of a norm too; everything else is
    a weight. Parts of the network may have a factor of their own. There is one parameter group per
    factor, so that fused and foreach optimizers run few kernels; frozen parameters are left out.
    Weight decay is the same for all. A resumed run is fused or foreach as its config says, whatever
    the one that wrote the checkpoint was, and its state lies in memory as its weights do.

    Source: the published training recipe of BAS (CVPR 2022).

    Args:
        optim_wrapper_cfg (dict): optimizer wrapper with its ``optimizer``.
        paramwise_cfg (dict, optional): other factors, by the keys ``backbone_weight``,
            ``backbone_bias``, ``new_weight``, ``new_bias``. Default: 1, 2, 10, 20. With
            ``train_norm_bias=False`` the biases of batch norms are left out of the optimizer, as
            the published run of BAS-Seg had it. Default: True. ``custom_keys``, such as
            ``dict(displacement_branch=dict(lr_mult=10))``, are as mmengine has them: parameters
            with a key in their name have its factor in place of the four, and of several keys the
            longest counts. ``lr_mult`` is all that a key can set.

    Raises:
        ValueError: an unknown key in ``paramwise_cfg``, something else than a number of at least 0
            as ``lr_mult``, a custom key that is in the name of no parameter, or an ``optimizer``
            without its ``lr``.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        factors = dict(zip(_FACTORS, (1.0, 2.0, 10.0, 20.0)))
        paramwise_cfg = dict(paramwise_cfg or {})
        self.train_norm_bias = bool(paramwise_cfg.pop('train_norm_bias', True))
        custom = _custom_factors(paramwise_cfg.pop('custom_keys', None) or {})
        unknown = set(paramwise_cfg) - set(factors)
        if unknown:
            raise ValueError(
                f'optim_wrapper.paramwise_cfg takes {", ".join(_FACTORS)}, train_norm_bias, '
                f'custom_keys; got {", ".join(sorted(unknown))}.'
            )
        super().__init__(optim_wrapper_cfg, {**factors, **paramwise_cfg})
        self.custom_factors = custom
        # torch's own default is nobody's choice, and the factors need a number.
        in_range('optim_wrapper.optimizer.lr', self.base_lr, 0, inf, closed=False)

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """The optimizer of ``model``'s parameters, in its wrapper.

        Args:
            model (nn.Module): the whole model, or DistributedDataParallel around it.

        Returns:
            OptimWrapper: ready to train, and to load a checkpoint's state.
        """
        wrapper = super().__call__(model)
        resume_as_built(wrapper.optimizer)
        return wrapper

    def add_params(self, params: list[dict], module: nn.Module, **kwargs) -> None:
        """Append one group per factor to ``params``.

        Args:
            params (list[dict]): filled in place.
            module (nn.Module): the whole model.
            **kwargs: unused; the base class passes its recursion's state.

        Raises:
            ValueError: a custom key is in the name of no parameter.
        """
        left_out = set()
        if not self.train_norm_bias:
            # mmcv's SyncBatchNorm shares no base class with torch's norms; and what only counts
            # a mean, as IRNet does, has no bias.
            norms = (m for m in module.modules() if hasattr(m, 'running_mean'))
            left_out = {id(norm.bias) for norm in norms if hasattr(norm, 'bias')}
        names = [name for name, _ in module.named_parameters()]
        for key in self.custom_factors:
            if not any(key in name for name in names):
                raise ValueError(
                    f'optim_wrapper.paramwise_cfg.custom_keys: no parameter has {key} in its name'
                )
        groups = {name: [] for name in (*_FACTORS, *self.custom_factors)}
        for name, parameter in module.named_parameters():
            if parameter.requires_grad and id(parameter) not in left_out:
                groups[self._group_of(name)].append(parameter)
        factors = {**self.paramwise_cfg, **self.custom_factors}
        for name, parameters in groups.items():
            if parameters:
                params.append(dict(params=parameters, lr=self.base_lr * factors[name], name=name))

    def _group_of(self, name: str) -> str:
        """Name of the group of a parameter, by that of the parameter."""
        # mmengine's order: the longest first, and of one length that of the alphabet.
        for key in sorted(self.custom_factors, key=lambda key: (-len(key), key)):
            if key in name:
                return key
        owner = 'backbone' if name.startswith('backbone.') else 'new'
        kind = 'bias' if name.rpartition('.')[2] == 'bias' else 'weight'
        return f'{owner}_{kind}'


def _custom_factors(custom_keys: Mapping[str, Mapping]) -> dict[str, float]:
    """The factor of each custom key.

    Raises:
        ValueError: A key sets something else than a factor.
    """
    factors = {}
    for key, settings in custom_keys.items():
        place = f'optim_wrapper.paramwise_cfg.custom_keys.{key}'
        if not isinstance(settings, Mapping) or set(settings) != {'lr_mult'}:
            raise ValueError(f'{place} must be dict(lr_mult=FACTOR), got {settings!r}')
        factors[key] = in_range(f'{place}.lr_mult', settings['lr_mult'], 0, inf, closed=False)
    return factors
