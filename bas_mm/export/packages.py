"""What each kind of file needs to be installed. Imports nothing that takes time."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from bas_mm.utils.dependencies import parse_release

from .errors import ExportError

__all__ = ['SUFFIXES', 'require_packages']

#: Suffix of the file -> packages that write it, packages that check it.
_PACKAGES = {'.onnx': (('onnx', 'onnxscript'), ('onnxruntime',)), '.pt2': ((), ())}
SUFFIXES = tuple(_PACKAGES)

#: The lowest torch whose exporter of ONNX has the arguments that are used here.
_ONNX_TORCH = '2.6'


def require_packages(path: str | Path, check: bool = True) -> None:
    """Refuse a file that cannot be written, or not be checked, in this environment.

    Args:
        path (str | Path): The file that is wanted.
        check (bool): Whether it will be checked.

    Raises:
        ExportError: The suffix is unknown, or packages are missing or too old.
    """
    suffix = Path(path).suffix
    if suffix not in _PACKAGES:
        raise ExportError(f'{path}: the name must end in {" or ".join(SUFFIXES)}')
    writers, checkers = _PACKAGES[suffix]
    torch_version = metadata.version('torch')
    if suffix == '.onnx' and parse_release(torch_version) < parse_release(_ONNX_TORCH):
        raise ExportError(
            f'.onnx files need torch {_ONNX_TORCH} or later, here is {torch_version}; .pt2 files '
            'do not'
        )
    missing = [name for name in writers if find_spec(name) is None]
    unchecked = [name for name in checkers if check and find_spec(name) is None]
    if not missing and not unchecked:
        return
    purpose = f'{suffix} files need' if missing else f'the check of {suffix} files needs'
    advice = '' if missing else ', or leave the check out (--no-check)'
    names = ' '.join(missing + unchecked)
    raise ExportError(f'{purpose} packages that are not here: pip install {names}{advice}')
