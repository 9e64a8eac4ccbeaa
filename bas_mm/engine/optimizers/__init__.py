from .cpu_amp_optim_wrapper import CPUAmpOptimWrapper
from .recipe_optim_wrapper_constructor import RecipeOptimWrapperConstructor

__all__ = ['CPUAmpOptimWrapper', 'RecipeOptimWrapperConstructor']
