import pytest

from bas_mm.datasets.transforms import follow_view
from bas_mm.datasets.transforms.view_tracking import is_view_known


@pytest.mark.parametrize('shape', [(30, 40), (30, 40, 3)])
def test_the_view_is_known_as_long_as_each_change_is_noted(shape):
    results = dict(ori_shape=shape)
    assert is_view_known(results, (30, 40))
    assert not is_view_known(results, (20, 40))
    follow_view(results, (30, 40), (10, 12))
    assert results['view_shape'] == (10, 12)
    assert is_view_known(results, (10, 12))
    # Something else has made it (8, 8) in between: what comes after it does not mend that.
    follow_view(results, (8, 8), (30, 40))
    follow_view(results, (30, 40), (30, 40))
    assert not is_view_known(results, (30, 40))


def test_without_the_original_size_the_first_picture_is_the_original():
    results = {}
    assert is_view_known(results, (5, 6))
    follow_view(results, (5, 6), (3, 3))
    assert is_view_known(results, (3, 3))
