"""Lists of classes that meet."""

import pytest

from bas_mm.utils.class_names import require_same_order


@pytest.mark.parametrize(
    ('classes', 'others', 'place'),
    [
        (['red', 'green', 'blue bird'], ['blue bird', 'green', 'red'], 0),
        (['a', 'b', 'c'], ['a', 'c', 'b'], 1),
        # A folder that was renamed, in lists that are sorted.
        (['bird', 'cat', 'dog'], ['cat', 'dog', 'sparrow'], 1),
        (['cat', 'cow', 'dog'], ['bird', 'cat', 'dog'], 0),
        # As one word.
        (['traffic light', 'cat'], ['cat', 'traffic_light'], 0),
        # Sorted as texts, and as numbers.
        (['1', '10', '2'], ['1', '2', '10'], 1),
    ],
)
def test_a_name_in_another_place(classes, others, place):
    with pytest.raises(ValueError) as error:
        require_same_order(classes, 'val', tuple(others), 'train')
    said = f'class {place}, counted from 0, is {classes[place]!r} in the first and '
    assert str(error.value).startswith('val has the classes in another order than train: ' + said)
    end = (
        f'and {others[place]!r} in the second. Labels are places in these lists: both must be the '
    )
    assert str(error.value).endswith(end + 'same')
    with pytest.raises(ValueError, match='both must be the same; make them anew$'):
        require_same_order(classes, 'val', others, 'train', 'make them anew')


@pytest.mark.parametrize(
    ('classes', 'others'),
    [
        (['a', 'b'], ('a', 'b')),
        (['traffic light', 'cat'], ['traffic_light', 'cat']),
        # Other names for the same classes, for all or for some.
        (['n01', 'n02'], ['tench', 'goldfish']),
        (['sofa', 'tvmonitor'], ['sofa', 'tv']),
        # Another set; what it does to a model is told by the count.
        (['a', 'b'], ['b', 'a', 'c']),
        # The numbers of a set that only knows how many classes it has name no class.
        (['0', '1', '2'], ['2', '1', '0']),
        (['10', '0', '1'], ['0', '1', '2']),
        # ImageNet has two cranes.
        (['crane', 'b', 'crane'], ['a', 'b', 'crane']),
        ([], []),
    ],
)
def test_lists_that_may_meet(classes, others):
    require_same_order(classes, 'val', others, 'train')
    require_same_order(others, 'val', classes, 'train')
