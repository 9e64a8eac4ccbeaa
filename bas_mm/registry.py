"""Child registries of bas_mm: one per kind of module, each below mmengine's root registry.

A registry imports its ``locations`` the first time something is looked up in it, so that
``default_scope = 'bas_mm'`` in a config is all that a stock mmengine runner needs. Kinds to which
bas_mm adds nothing yet have their child too: mmengine looks every module of a config up in the
default scope first, and an extension finds the registry that it needs.
"""

from mmengine import registry as root
from mmengine.registry import Registry

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'EVALUATORS',
    'HOOKS',
    'INFERENCERS',
    'LOG_PROCESSORS',
    'LOOPS',
    'METRICS',
    'MODELS',
    'MODEL_WRAPPERS',
    'OPTIMIZERS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'PARAM_SCHEDULERS',
    'RUNNERS',
    'RUNNER_CONSTRUCTORS',
    'TASK_UTILS',
    'TRANSFORMS',
    'VISBACKENDS',
    'VISUALIZERS',
    'WEIGHT_INITIALIZERS',
]

# Classifiers, heads, generators, losses, backbones, data preprocessors.
MODELS = Registry('model', parent=root.MODELS, locations=['bas_mm.models'])
# Initialisers of weights, such as the reader of ImageNet checkpoints of several origins.
WEIGHT_INITIALIZERS = Registry(
    'weight initializer', parent=root.WEIGHT_INITIALIZERS, locations=['bas_mm.models']
)
MODEL_WRAPPERS = Registry('model wrapper', parent=root.MODEL_WRAPPERS, locations=['bas_mm.models'])
TASK_UTILS = Registry('task util', parent=root.TASK_UTILS, locations=['bas_mm.models'])

# Readers of annotated picture sets.
DATASETS = Registry('dataset', parent=root.DATASETS, locations=['bas_mm.datasets.readers'])
DATA_SAMPLERS = Registry(
    'data sampler', parent=root.DATA_SAMPLERS, locations=['bas_mm.datasets.readers']
)
# Transforms that carry boxes with the picture.
TRANSFORMS = Registry('transform', parent=root.TRANSFORMS, locations=['bas_mm.datasets.transforms'])

# Localization metrics.
METRICS = Registry('metric', parent=root.METRICS, locations=['bas_mm.evaluation.metrics'])
EVALUATORS = Registry('evaluator', parent=root.EVALUATOR, locations=['bas_mm.evaluation.metrics'])

# Hooks of the training and test loops.
HOOKS = Registry('hook', parent=root.HOOKS, locations=['bas_mm.engine'])
# Constructors of optimizer wrappers: the recipe's learning-rate factors.
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=root.OPTIM_WRAPPER_CONSTRUCTORS,
    locations=['bas_mm.engine'],
)
OPTIM_WRAPPERS = Registry('optim wrapper', parent=root.OPTIM_WRAPPERS, locations=['bas_mm.engine'])
OPTIMIZERS = Registry('optimizer', parent=root.OPTIMIZERS, locations=['bas_mm.engine'])
PARAM_SCHEDULERS = Registry(
    'parameter scheduler', parent=root.PARAM_SCHEDULERS, locations=['bas_mm.engine']
)
LOOPS = Registry('loop', parent=root.LOOPS, locations=['bas_mm.engine'])
RUNNERS = Registry('runner', parent=root.RUNNERS, locations=['bas_mm.engine'])
RUNNER_CONSTRUCTORS = Registry(
    'runner constructor', parent=root.RUNNER_CONSTRUCTORS, locations=['bas_mm.engine']
)
LOG_PROCESSORS = Registry('log processor', parent=root.LOG_PROCESSORS, locations=['bas_mm.engine'])

# Trained models for pictures that belong to no data set.
INFERENCERS = Registry(
    'inferencer',
    parent=root.INFERENCERS,
    locations=[
        'bas_mm.apis.localization_inferencer',
        'bas_mm.apis.segmentation_inferencer',
        'bas_mm.apis.segmentation_seed_inferencer',
    ],
)

# Visualizers that draw maps and boxes.
VISUALIZERS = Registry('visualizer', parent=root.VISUALIZERS, locations=['bas_mm.visualization'])
VISBACKENDS = Registry(
    'visualizer backend', parent=root.VISBACKENDS, locations=['bas_mm.visualization']
)
