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
    a weight. There is one parameter group per factor, so that fused and foreach optimizers run
    few kernels; frozen parameters are left out. Weight decay is the same for all. A resumed run
    is fused or foreach as its config says, whatever the one that wrote the checkpoint was, and its
    state lies in memory as its weights do.

    Source: the published training recipe of BAS (CVPR 2022).

    Args:
        optim_wrapper_cfg (dict): optimizer wrapper with its ``optimizer``.
        paramwise_cfg (dict, optional): other factors, by the keys ``backbone_weight``,
            ``backbone_bias``, ``new_weight``, ``new_bias``. Default: 1, 2, 10, 20. With
            ``train_norm_bias=False`` the biases of batch norms are left out of the optimizer, as
            the published run of BAS-Seg had it. Default: True.

    Raises:
        ValueError: an unknown key in ``paramwise_cfg``, or an ``optimizer`` without its ``lr``.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        factors = dict(zip(_FACTORS, (1.0, 2.0, 10.0, 20.0)))
        paramwise_cfg = dict(paramwise_cfg or {})
        self.train_norm_bias = bool(paramwise_cfg.pop('train_norm_bias', True))
        unknown = set(paramwise_cfg) - set(factors)
        if unknown:
            raise ValueError(
                f'optim_wrapper.paramwise_cfg takes {", ".join(_FACTORS)}, train_norm_bias; '
                f'got {", ".join(sorted(unknown))}.'
            )
        super().__init__(optim_wrapper_cfg, {**factors, **paramwise_cfg})
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
        """
        left_out = set()
        if not self.train_norm_bias:
            # mmcv's SyncBatchNorm shares no base class with torch's norms; and what only counts
            # a mean, as IRNet does, has no bias.
            norms = (m for m in module.modules() if hasattr(m, 'running_mean'))
            left_out = {id(norm.bias) for norm in norms if hasattr(norm, 'bias')}
        groups = {name: [] for name in _FACTORS}
        for name, parameter in module.named_parameters():
            if parameter.requires_grad and id(parameter) not in left_out:
                owner = 'backbone' if name.startswith('backbone.') else 'new'
                kind = 'bias' if name.rpartition('.')[2] == 'bias' else 'weight'
                groups[f'{owner}_{kind}'].append(parameter)
        for name, parameters in groups.items():
            if parameters:
                factor = self.paramwise_cfg[name]
                params.append(dict(params=parameters, lr=self.base_lr * factor, name=name))
