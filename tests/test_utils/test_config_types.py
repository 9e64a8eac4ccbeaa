from functools import partial

import pytest
from mmengine.config import ConfigDict
from mmengine.registry import FUNCTIONS

from bas_mm.datasets.transforms import LocResize
from bas_mm.registry import TRANSFORMS
from bas_mm.utils.config_types import plain_types, registered_class, type_name


@pytest.mark.parametrize(
    ('config', 'name'),
    [
        (dict(type='LocResize'), 'LocResize'),
        (dict(type='bas_mm.LocResize'), 'LocResize'),
        (dict(type='bas_mm.datasets.transforms.LocResize'), 'LocResize'),
        (ConfigDict(type=LocResize), 'LocResize'),
        (dict(scale=3), ''),
        (dict(type=None), ''),
        ('LocResize', ''),
        (None, ''),
    ],
)
def test_names_and_classes(config, name):
    assert type_name(config) == name
    assert registered_class(TRANSFORMS, config) is (LocResize if name else None)


def test_what_is_no_class():
    assert registered_class(TRANSFORMS, dict(type='NoSuchTransform')) is None
    assert registered_class(FUNCTIONS, dict(type='default_collate')) is None
    assert registered_class(TRANSFORMS, dict(type=partial(LocResize, 3))) is None


def test_classes_become_names_that_registries_find():
    config = [dict(type=LocResize, scale=(3, 4)), dict(type='bas_mm.LoadLocImage', a=[None, 2.0])]
    plain = plain_types(config)
    assert plain[1:] == config[1:]
    assert plain[0]['type'] == 'bas_mm.datasets.transforms.loc_resize.LocResize'
    assert config[0]['type'] is LocResize
    assert TRANSFORMS.build(plain[0]).scale == (3, 4)
