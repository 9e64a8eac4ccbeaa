from .recipe_optim_wrapper_constructor import RecipeOptimWrapperConstructor

__all__ = ['RecipeOptimWrapperConstructor']
