"""Child registries of bas_mm: one per kind of module, each below mmengine's root registry.

A registry imports its ``locations`` the first time something is looked up in it, so that
``default_scope = 'bas_mm'`` in a config is all that a stock mmengine runner needs.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as MMENGINE_OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as MMENGINE_PARAM_SCHEDULERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import VISBACKENDS as MMENGINE_VISBACKENDS
from mmengine.registry import VISUALIZERS as MMENGINE_VISUALIZERS
from mmengine.registry import WEIGHT_INITIALIZERS as MMENGINE_WEIGHT_INITIALIZERS
from mmengine.registry import Registry

__all__ = [
    'VISBACKENDS',
    'PARAM_SCHEDULERS',
    'OPTIMIZERS',
    'MODEL_WRAPPERS',
    'DATA_SAMPLERS',
    'DATASETS',
    'HOOKS',
    'METRICS',
    'MODELS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'TRANSFORMS',
    'VISUALIZERS',
    'WEIGHT_INITIALIZERS',
]

# Classifiers, heads, generators, losses, backbones, data preprocessors.
MODELS = Registry('model', parent=MMENGINE_MODELS, locations=['bas_mm.models'])
# Initialisers of weights, such as the reader of ImageNet checkpoints of several origins.
WEIGHT_INITIALIZERS = Registry(
    'weight initializer', parent=MMENGINE_WEIGHT_INITIALIZERS, locations=['bas_mm.models']
)
# Readers of annotated picture sets.
DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, locations=['bas_mm.datasets'])
# Transforms that carry boxes with the picture.
TRANSFORMS = Registry(
    'transform', parent=MMENGINE_TRANSFORMS, locations=['bas_mm.datasets.transforms']
)
# Localization metrics.
METRICS = Registry('metric', parent=MMENGINE_METRICS, locations=['bas_mm.evaluation'])
# Hooks of the training and test loops.
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, locations=['bas_mm.engine'])
# Constructors of optimizer wrappers: the recipe's learning-rate factors.
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    locations=['bas_mm.engine'],
)
# Optimizer wrappers: mixed precision on CPUs.
OPTIM_WRAPPERS = Registry(
    'optimizer wrapper', parent=MMENGINE_OPTIM_WRAPPERS, locations=['bas_mm.engine']
)
# Visualizers that draw maps and boxes.
VISUALIZERS = Registry(
    'visualizer', parent=MMENGINE_VISUALIZERS, locations=['bas_mm.visualization']
)

# Kinds of which bas_mm has none of its own. Without a child registry under the default scope
# mmengine warns at every look-up before it takes its own.
DATA_SAMPLERS = Registry('data sampler', parent=MMENGINE_DATA_SAMPLERS, locations=['bas_mm.engine'])
MODEL_WRAPPERS = Registry(
    'model wrapper', parent=MMENGINE_MODEL_WRAPPERS, locations=['bas_mm.engine']
)
OPTIMIZERS = Registry('optimizer', parent=MMENGINE_OPTIMIZERS, locations=['bas_mm.engine'])
PARAM_SCHEDULERS = Registry(
    'parameter scheduler', parent=MMENGINE_PARAM_SCHEDULERS, locations=['bas_mm.engine']
)
VISBACKENDS = Registry('vis_backend', parent=MMENGINE_VISBACKENDS, locations=['bas_mm.engine'])
