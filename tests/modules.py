"""Scripts of ``tools/`` as modules, for tests of their functions."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType


def load_module(path: Path) -> ModuleType:
    """Run a file as a module of its name; pickle and dataclasses find it there."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def status_of(main: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> int:
    """The exit status of a script's ``main``."""
    try:
        main(arguments)
    except SystemExit as error:
        return error.code
    return 0
