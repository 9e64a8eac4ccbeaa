"""Reading of lists in MATLAB files, as Stanford Dogs and Stanford Cars have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .errors import UNPACK_ANEW, AnnotationError

__all__ = ['mat_variable', 'numbers', 'read_mat', 'struct_field', 'texts']


def read_mat(file: str) -> dict[str, np.ndarray]:
    """Read a MATLAB file (version 5, not 7.3).

    Raises:
        AnnotationError: The file is missing or no such file.
    """
    from scipy.io import loadmat

    try:
        return loadmat(file)
    except FileNotFoundError:
        raise AnnotationError.at(file, None, 'there is no such file', 'Correct the path') from None
    except Exception as error:
        # loadmat raises ValueError, NotImplementedError, TypeError, zlib.error and others.
        raise AnnotationError.at(
            file, None, f'it is no MATLAB file that can be read ({error})', UNPACK_ANEW
        ) from error


def mat_variable(content: dict[str, np.ndarray], name: str, file: str) -> np.ndarray:
    """Get a variable as a flat array.

    Raises:
        AnnotationError: There is no such variable, or it is empty.
    """
    if name not in content:
        names = ', '.join(key for key in content if not key.startswith('__'))
        raise AnnotationError.at(
            file, None, f'it has no variable {name!r}, only {names or "none"}', UNPACK_ANEW
        )
    array = np.asarray(content[name]).reshape(-1)
    if not len(array):
        raise AnnotationError.at(file, None, f'its variable {name!r} is empty', UNPACK_ANEW)
    return array


def struct_field(structs: np.ndarray, name: str, file: str) -> np.ndarray:
    """Get one field of an array of structs.

    Raises:
        AnnotationError: The structs have no such field.
    """
    fields = structs.dtype.names or ()
    if name not in fields:
        raise AnnotationError.at(
            file, None, f'its entries have no field {name!r}, only {", ".join(fields)}', UNPACK_ANEW
        )
    return structs[name]


def texts(cells: Sequence[Any], what: str, file: str) -> list[str]:
    """Read cells that hold one text each.

    Raises:
        AnnotationError: Names the first entry, counted from 1, that holds something else.
    """
    return [str(value) for value in _single_values(cells, 'U', f'{what} is no text', file)]


def numbers(cells: Sequence[Any], what: str, file: str) -> np.ndarray:
    """Read cells that hold one number each.

    Returns:
        (n,) float64.

    Raises:
        AnnotationError: Names the first entry, counted from 1, that holds something else.
    """
    found = _single_values(cells, 'iufb', f'{what} is no number', file)
    return np.array([float(value) for value in found])


def _single_values(
    cells: Sequence[Any], kinds: str, problem: str, file: str
) -> Iterator[np.generic]:
    for number, cell in enumerate(cells, 1):
        value = np.asarray(cell).reshape(-1)
        if value.dtype.kind not in kinds or len(value) != 1 or str(value[0]) == '':
            raise AnnotationError.at(file, number, problem, UNPACK_ANEW, unit='entry')
        yield value[0]
