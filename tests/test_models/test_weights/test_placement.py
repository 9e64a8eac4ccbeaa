import torch

from bas_mm.models.weights import place
from bas_mm.models.weights.key_maps import same_names
from bas_mm.models.weights.placement import place_in_backbone


def test_place_sorts_every_name_into_one_group():
    weights = {
        'good': torch.ones(2),
        'wrong': torch.ones(3),
        'extra': torch.ones(1),
    }
    shapes = {'good': (2,), 'wrong': (4,), 'absent': (5,), 'bn.num_batches_tracked': ()}
    result = place(weights, shapes, same_names)
    assert list(result.weights) == ['good']
    assert result.unplaced == ('extra',)
    assert result.missing == ('absent',)
    assert result.mismatched == (('wrong', 'wrong', (3,), (4,)),)
    assert not result.complete
    assert result.report().splitlines() == [
        '1 in the file, without a place in the model:',
        '  extra',
        '1 in the model, without a weight in the file:',
        '  absent',
        '1 of different shape:',
        '  wrong (3,) in the file, wrong (4,) in the model',
    ]


def test_of_two_names_of_one_weight_the_second_has_no_place():
    """Which of them is meant, the file does not say: a converter refuses it."""
    weights = dict(one=torch.ones(2), other=torch.zeros(2))
    result = place(weights, dict(a=(2,)), lambda names: dict.fromkeys(names, 'a'))
    assert torch.equal(result.weights['a'], torch.ones(2))
    assert result.unplaced == ('other',)


def test_report_is_cut_to_its_limit_and_says_so():
    result = place({}, {f'n{i}': (1,) for i in range(7)}, same_names)
    assert result.report(limit=2).splitlines()[1:] == ['  n0', '  n1', '  … and 5 more']
    assert len(result.report(limit=7).splitlines()) == 1 + 7


def test_another_shape_is_not_complete():
    result = place({'wrong': torch.ones(3)}, {'wrong': (4,)}, same_names)
    assert result.missing == result.unplaced == ()
    assert not result.complete


def test_backbone_inside_a_whole_model():
    state = {name: torch.ones(2) for name in ('head.fc', 'backbone.a', 'backbone.b')}
    origin, result = place_in_backbone({'state_dict': state}, {'a': (2,)})
    assert origin == 'mmpretrain'
    assert result.complete
    assert result.unplaced == ('b', 'head.fc')
    # A backbone alone.
    _, result = place_in_backbone({'a': torch.ones(2), 'fc': torch.ones(3)}, {'a': (2,)})
    assert result.complete
    assert result.unplaced == ('fc',)


def test_of_formats_that_fit_equally_the_one_without_renaming():
    shapes = {'features.0.weight': (2,), 'features.0.conv.weight': (2,)}
    origin, result = place_in_backbone({'features.0.weight': torch.ones(2)}, shapes)
    assert origin == 'mmpretrain'
    assert list(result.weights) == ['features.0.weight']
