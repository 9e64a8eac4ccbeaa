"""Registration of everything that bas_mm adds to OpenMMLab's registries."""

__all__ = ['register_all_modules']


def register_all_modules(init_default_scope: bool = True) -> None:
    """Import all modules of bas_mm, so that they are in its registries.

    A config with ``default_scope = 'bas_mm'`` does not need this: mmengine imports
    ``bas_mm.registry`` for that scope, and each registry imports its locations on first use. A
    config under another scope names our modules with the scope (``type='bas_mm.BASClassifier'``),
    or sets ``custom_imports = dict(imports=['bas_mm.registry'])``. mmengine reads no package
    entry points, so bas_mm declares none. Call this function in scripts that build modules
    without a runner.

    Args:
        init_default_scope: Make ``bas_mm`` mmengine's default scope, so that names without a
            scope are looked up in bas_mm's registries first. Default: True.

    Example:
        >>> from bas_mm.utils import register_all_modules
        >>> register_all_modules()
        >>> from bas_mm.registry import MODELS
        >>> 'MobileNetV1' in MODELS
        True
    """
    # Here, as `import bas_mm` must not import mmengine.
    from mmengine.registry import init_default_scope as set_default_scope

    from bas_mm import registry

    for name in registry.__all__:
        getattr(registry, name).import_from_location()
    if init_default_scope:
        set_default_scope('bas_mm')
