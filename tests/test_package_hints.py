"""The examples in docstrings are calls that the type hints allow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from doctest import DocTestParser


def refused_lists(module: str) -> Iterator[str]:
    """Arguments of a module's functions that are lists in an example, and only arrays in a hint.

    Args:
        module (str): Its source.
    """
    for function in ast.parse(module).body:
        doc = isinstance(function, ast.FunctionDef) and ast.get_docstring(function)
        if not doc:
            continue
        hints = {arg.arg: arg.annotation for arg in function.args.args + function.args.kwonlyargs}
        for example in DocTestParser().get_examples(doc):
            for call in ast.walk(ast.parse(example.source)):
                if not isinstance(call, ast.Call) or ast.unparse(call.func) != function.name:
                    continue
                given = dict(zip(hints, call.args))
                given.update({keyword.arg: keyword.value for keyword in call.keywords})
                for name, value in given.items():
                    array = ast.unparse(hints[name]) in ('np.ndarray', 'np.ndarray | None')
                    if array and isinstance(value, (ast.List, ast.Tuple)):
                        yield f'{function.name}({name}={ast.unparse(value)})'


def test_what_is_refused():
    module = (
        'def f(a: np.ndarray, b: ArrayLike, *, c: np.ndarray | None = None) -> None:\n'
        '    """It.\n\n    >>> f([1], [2]), f(x, [3])\n'
        '    >>> f(\n    ...     x, c=(4,))\n    """\n'
        'def g(a: np.ndarray) -> None: ...\n'
    )
    assert list(refused_lists(module)) == ['f(a=[1])', 'f(c=(4,))']


def test_examples_are_allowed_by_the_hints(repo_dir):
    wrong = [
        f'{path.relative_to(repo_dir).as_posix()}: {call}'
        for path in sorted((repo_dir / 'bas_mm').rglob('*.py'))
        for call in refused_lists(path.read_text())
    ]
    assert not wrong, '\n'.join(wrong)
