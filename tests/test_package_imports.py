"""The packages of bas_mm import each other in one direction."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

# Each imports only those before it. Two that do not need each other may change places.
ORDER = (
    *('version', 'registry', 'structures', 'utils', 'evaluation'),
    *('visualization', 'datasets', 'models', 'engine', 'wsss'),
    *('apis', 'export', 'command_line', 'benchmarking', 'commands'),
)


def imported_parts(source: str, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line and name of each part of bas_mm that a module imports, in functions too.

    Imports for type checkers alone are none.

    Args:
        source (str): The module.
        package (tuple[str, ...]): The package that it is in, such as ('bas_mm', 'utils').
    """
    tree = ast.parse(source)
    typing = [n.body for n in ast.walk(tree) if isinstance(n, ast.If) and _is_typing(n.test)]
    left_out = {id(child) for body in typing for node in body for child in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = '.'.join((*above, *filter(None, [node.module])))
            names = [f'{module}.{alias.name}' for alias in node.names]
        else:
            continue
        for name in names:
            root, _, rest = name.partition('.')
            if root == 'bas_mm' and rest:
                yield node.lineno, rest.partition('.')[0]


def _is_typing(test: ast.expr) -> bool:
    return ast.unparse(test).rpartition('.')[2] == 'TYPE_CHECKING'


@pytest.mark.parametrize(
    ('source', 'found'),
    [
        ('import bas_mm.apis.checkpoints, torch', ['apis']),
        ('from bas_mm.apis import checkpoints', ['apis']),
        ('from bas_mm import registry, wsss', ['registry', 'wsss']),
        ('def f():\n    from bas_mm.datasets.cub import CUB', ['datasets']),
        ('from ..coco_boxes import coco_boxes', ['evaluation']),
        ('from ... import models', ['models']),
        ('from ...engine.hooks import X', ['engine']),
        ('if TYPE_CHECKING:\n    import bas_mm.apis\nelse:\n    import bas_mm.utils', ['utils']),
        ('if typing.TYPE_CHECKING:\n    from bas_mm.apis import X', []),
        ('import bas_mm\nfrom mmseg.apis import X\nfrom bas_mm_more import X', []),
    ],
)
def test_what_counts_as_an_import(source, found):
    imported = imported_parts(source, ('bas_mm', 'evaluation', 'metrics'))
    assert [part for _, part in imported] == found


def test_packages_import_each_other_in_one_direction(repo_dir):
    """In functions too: what can only be imported there is in the wrong place."""
    root = repo_dir / 'bas_mm'
    parts = {path.parent.name for path in root.glob('*/__init__.py')}
    parts |= {path.stem for path in root.glob('*.py')} - {'__init__', '__main__'}
    assert sorted(parts) == sorted(ORDER), 'ORDER has not the parts of bas_mm'
    wrong = []
    for path in sorted(root.rglob('*.py')):
        file = path.relative_to(repo_dir)
        part = file.parts[1].removesuffix('.py')
        for line, other in sorted(set(imported_parts(path.read_text(), file.parent.parts))):
            if {part, other} <= parts and ORDER.index(other) > ORDER.index(part):
                wrong.append(f'{file.as_posix()}:{line}: {part} imports {other}')
    assert not wrong, '\n'.join(wrong)
