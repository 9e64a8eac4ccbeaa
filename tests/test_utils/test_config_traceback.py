"""What a traceback tells of the config; test_input_errors has that of whole runs."""

from __future__ import annotations

import pytest

from bas_mm.registry import HOOKS
from bas_mm.utils.config_traceback import (
    built_class,
    built_parts,
    config_parts,
    is_a_raise,
    module_of,
    path_of_part,
    running_phase,
    steps_of,
)


class Outer:
    """Builds a part of its own."""

    def __init__(self, inner):
        HOOKS.build(inner)


class Fails:
    """A part that cannot be built."""

    def __init__(self, text):
        self.value = int(text)


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    for part in (Outer, Fails):
        monkeypatch.setitem(HOOKS.module_dict, part.__name__, part)


def steps_to(function, *args):
    with pytest.raises(ValueError) as caught:
        function(*args)
    return steps_of(caught.value)


def test_an_error_that_was_not_raised_has_no_steps():
    assert steps_of(ValueError('x')) == []


def test_what_was_built():
    inner = dict(type='Fails', text='x')
    outer = dict(type='Outer', inner=inner)
    steps = steps_to(HOOKS.build, outer)
    assert [part['type'] for part in built_parts(steps)] == ['Outer', 'Fails']
    assert built_class(steps) is Fails
    assert module_of(steps[-1].tb_frame) == __name__
    assert path_of_part(dict(hooks=[dict(type='Else'), outer]), inner, steps) == 'hooks.1.inner'
    assert path_of_part(dict(hooks=[]), inner, steps) is None


def test_where_nothing_was_built():
    steps = steps_to(int, 'x')
    assert built_parts(steps) == []
    assert built_class(steps) is None
    assert running_phase(steps) is None


def test_statements_and_functions_in_c():
    def fail():
        raise ValueError

    assert is_a_raise(steps_to(fail)[-1])
    assert not is_a_raise(steps_to(int, 'x')[-1])


def test_parts_of_a_config():
    config = dict(a=dict(b=[1, dict(c=2)]), d='e')
    assert list(config_parts(config)) == [
        ('', config),
        ('a', config['a']),
        ('a.b.1', dict(c=2)),
    ]


def test_the_innermost_loop():
    class MyValLoop:
        def run(self):
            int('x')

    class MyTrainLoop:
        def run(self):
            MyValLoop().run()

    assert running_phase(steps_to(MyValLoop().run)) == 'val'
    assert running_phase(steps_to(MyTrainLoop().run)) == 'val'
