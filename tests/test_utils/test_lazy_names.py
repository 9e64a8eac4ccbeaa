"""Packages that import their modules when a name of them is asked for."""

import ast
import sys
from importlib import import_module

import pytest


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / 'lazy_package_of_this_test'
    folder.mkdir()
    (folder / '__init__.py').write_text(
        'from bas_mm.utils.lazy_names import lazy_names\n'
        "__getattr__, __dir__ = lazy_names(__name__, dict(Thing='home', other='home'))\n"
    )
    (folder / 'home.py').write_text('class Thing: ...\nother = 3\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module(folder.name)
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def test_a_name_imports_its_module(package):
    home = f'{package.__name__}.home'
    assert {'Thing', 'other', '__name__'} <= set(dir(package))
    assert home not in sys.modules
    assert package.other == 3
    assert package.Thing is sys.modules[home].Thing


def test_a_module_is_a_name(package):
    assert package.home is sys.modules[f'{package.__name__}.home']


def test_a_name_that_is_not_there(package):
    with pytest.raises(AttributeError, match='lazy_package_of_this_test.* has no attribute .Thin.'):
        _ = package.Thin
    assert not hasattr(package, 'Thin')


def test_type_checkers_see_what_the_names_are(repo_dir):
    packages = [
        path.parent.relative_to(repo_dir).as_posix().replace('/', '.')
        for path in (repo_dir / 'bas_mm').rglob('__init__.py')
        if 'lazy_names(__name__' in path.read_text()
    ]
    assert {'bas_mm.apis', 'bas_mm.datasets', 'bas_mm.evaluation'} <= set(packages)
    for name in packages:
        package = import_module(name)
        (block,) = (
            node.body
            for node in ast.parse(
                (repo_dir / name.replace('.', '/') / '__init__.py').read_text()
            ).body
            if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'
        )
        # Written twice, ``X as X``, which tells checkers that it is for others.
        homes = {a.asname: node.module for node in block for a in node.names if a.asname == a.name}
        assert sum(len(node.names) for node in block) == len(homes)
        assert homes.keys() == set(dir(package)) - vars(package).keys()
        for own, home in homes.items():
            assert getattr(package, own) is getattr(import_module(f'{name}.{home}'), own)
