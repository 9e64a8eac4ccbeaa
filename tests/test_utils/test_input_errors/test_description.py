"""Errors of a real Runner that are none of its input."""

import pytest
from torch import nn

from bas_mm.registry import MODELS
from bas_mm.utils.input_errors import describe_input_error


def parts():
    """Registered parts with errors of their own, which are not the input's."""

    class LacksAnArgument(nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.conv = nn.Conv2d(3, 8)

    class GivesAnUnknownArgument(nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, key=key)

    class GivesAKeyOfTheConfig(nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1, batch_size=4)

    class GivesAnotherWrongSettings(nn.Module):
        def __init__(self, key=None):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1, groups=2)

    class NeedsMore(nn.Module):
        def __init__(self, more):
            super().__init__()

    class LacksAnArgumentOfItsParent(NeedsMore):
        def __init__(self, key=None):
            super().__init__()

    class LacksItThoughItTakesAnything(NeedsMore):
        def __init__(self, key=None, **kwargs):
            super().__init__()

    class HandsItOnToItsParent(NeedsMore):
        def __init__(self, key=None, **kwargs):
            super().__init__(key=key)

    class HandsItOnToAnother(nn.Module):
        def __init__(self, **kwargs):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1, **kwargs)

    class RaisesWhatMMEngineRaises(nn.Module):
        def __init__(self, key=None):
            raise KeyError('RaisesWhatMMEngineRaises is not in the bas_mm::model registry')

    class IsNotDone(nn.Module):
        def __init__(self, key=None):
            raise NotImplementedError

    return [
        *(LacksAnArgument, GivesAnUnknownArgument, GivesAKeyOfTheConfig),
        *(LacksAnArgumentOfItsParent, LacksItThoughItTakesAnything, HandsItOnToAnother),
        *(HandsItOnToItsParent, RaisesWhatMMEngineRaises, IsNotDone, GivesAnotherWrongSettings),
    ]


@pytest.mark.parametrize('part', parts(), ids=lambda part: part.__name__)
def test_errors_of_the_program_are_left_alone(description, part, monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, part.__name__, part)
    assert description(model__backbone=dict(_delete_=True, type=part.__name__, key=1)) is None


def test_calls_of_the_loop_are_none_of_the_config(description, monkeypatch):
    """The loop calls it with ``optim_wrapper``, which is a key of the config as well."""

    def train_step(self, data, wrapper):
        raise AssertionError

    monkeypatch.setattr('bas_mm.models.BASClassifier.train_step', train_step)
    assert description() is None


def test_an_error_without_traceback_is_none_of_a_run():
    assert describe_input_error(ValueError('x'), {}) is None
