"""The check before a file is written: what passes and what does not."""

import pytest
import torch
from tiny import tiny_model, tiny_multi_label_model

from bas_mm.export.comparison import compare, random_inputs
from bas_mm.export.errors import ExportError
from bas_mm.export.exported_classifier import ExportedClassifier

SIZE = (40, 48)


def _changed(exported, scores=lambda x: x, maps=lambda x: x):
    def run(*inputs):
        own = exported(*inputs)
        return scores(own[0]), maps(own[1])

    return run


def test_inputs_are_pictures_that_differ():
    images, classes = random_inputs(ExportedClassifier(tiny_model(), 'given'), 3, SIZE)
    assert images.shape == (3, 3, *SIZE)
    assert images.dtype == torch.uint8
    assert images.float().std(0).min() > 0
    assert images.float().std() > 30
    assert classes.shape == (3,)
    assert 0 <= classes.min() <= classes.max() < 4
    other = random_inputs(ExportedClassifier(tiny_model()), 3, SIZE, seed=1)
    assert len(other) == 1
    assert not torch.equal(other[0], images)


def test_rounding_passes_and_its_size_is_reported():
    exported = ExportedClassifier(tiny_model())
    largest = compare(exported, _changed(exported, maps=lambda m: m + 9e-6), (1, 2), SIZE)
    assert largest['scores'] == 0
    assert largest['map'] == pytest.approx(9e-6, rel=1e-2)
    offsets = iter((9e-6, 0))
    largest = compare(exported, _changed(exported, maps=lambda m: m + next(offsets)), (1, 2), SIZE)
    assert largest['map'] == pytest.approx(9e-6, rel=1e-2)
    exported = ExportedClassifier(tiny_multi_label_model())
    assert set(compare(exported, exported, (1,), SIZE)) == {'scores', 'maps'}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(scores=lambda s: s * 1.001), 'scores of the file and of the classifier differ'),
        (dict(scores=lambda s: s.flip(1)), 'scores of the file and of the classifier differ'),
        (dict(maps=lambda m: m + 3e-4), 'map of the file and of the classifier differ by 0.0003'),
        (dict(maps=lambda m: m * float('nan')), 'map of the file .* differ by nan'),
        (dict(maps=lambda m: m[:, :-1]), r'map of the file has the shape \(1, 4, 6\)'),
    ],
)
def test_other_numbers_do_not(change, message):
    exported = ExportedClassifier(tiny_model(topk=2))
    with pytest.raises(ExportError, match=message):
        compare(exported, _changed(exported, **change), (1,), SIZE)


@pytest.mark.parametrize('maps', ['predicted', 'all'])
@pytest.mark.parametrize('scale', [1e-5, 1.0, 8.0])
def test_maps_are_compared_by_what_they_span(scale, maps, monkeypatch):
    exported = ExportedClassifier(tiny_model(), maps)
    forward = exported.forward

    def scaled(images):
        scores, values = forward(images)
        low, high = values.amin((-2, -1), keepdim=True), values.amax((-2, -1), keepdim=True)
        return scores, (values - low) / (high - low) * scale

    monkeypatch.setattr(exported, 'forward', scaled)
    limit = 1e-4 * min(scale, 1)
    compare(exported, _changed(exported, maps=lambda m: m + 0.9 * limit), (2,), SIZE)
    for wrong in (lambda m: m + 1.1 * limit, lambda m: m * 0):
        with pytest.raises(ExportError, match='maps? of the file and of the classifier differ'):
            compare(exported, _changed(exported, maps=wrong), (2,), SIZE)


def test_rounding_of_a_map_that_is_nearly_flat_passes(monkeypatch):
    exported = ExportedClassifier(tiny_model())
    scores, maps = exported(*random_inputs(exported, 1, SIZE))
    flat = 0.5 + 1e-4 * (maps - maps.min()) / (maps.max() - maps.min())
    monkeypatch.setattr(exported, 'forward', lambda images: (scores, flat))
    compare(exported, _changed(exported, maps=lambda m: m + 3e-6), (1,), SIZE)
    with pytest.raises(ExportError, match='map of the file and of the classifier differ'):
        compare(exported, _changed(exported, maps=lambda m: m * 0 + m.mean()), (1,), SIZE)


def test_maps_of_classes_that_chance_chooses_are_not_compared():
    model = tiny_model(topk=2)
    exported = ExportedClassifier(model)
    last = model.head.classifier[-1]
    wrong = _changed(exported, maps=lambda m: m + 1)
    with torch.no_grad():
        # The third class ties with the second, whatever the picture.
        last.weight[2], last.bias[2] = last.weight[1], last.bias[1]
        last.bias[[0, 1, 2, 3]] = torch.tensor([100.0, 50.0, 50.0, 0.0])
    with pytest.raises(ExportError, match='the 2 classes with the highest scores are not determin'):
        compare(exported, wrong, (1, 2), SIZE)
    model.test_cfg.topk = 1
    with pytest.raises(ExportError, match='map of the file and of the classifier differ by 1'):
        compare(exported, wrong, (1, 2), SIZE)
