"""ExportedClassifier gives what the classifier itself predicts, from RGB bytes."""

import pytest
import torch
from mmengine.model import ImgDataPreprocessor
from tiny import samples_of, tiny_model, tiny_multi_label_model
from torch import nn

from bas_mm.export.errors import ExportError
from bas_mm.export.exported_classifier import ExportedClassifier


def _pictures(n: int = 3) -> torch.Tensor:
    """(N, 3, 48, 48) uint8, RGB."""
    return torch.randint(
        256, (n, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def _tested(model, samples=None):
    """What testing gives for the pictures: BGR, through preprocessor and ``predict``."""
    data = model.data_preprocessor({'inputs': _pictures().flip(1), 'data_samples': samples})
    return model(**data, mode='predict')


@torch.no_grad()
@pytest.mark.parametrize('to_rgb', [True, False])
@pytest.mark.parametrize(
    ('kind', 'topk'),
    [('BASClassifier', k) for k in (1, 2, 4, -1)] + [('CAMClassifier', 1)],
)
def test_predicted_maps_are_those_of_predict(kind, topk, to_rgb):
    model = tiny_model(kind, topk=topk).eval()
    # Not the same for all colours, so that their order shows.
    model.data_preprocessor.mean.copy_(torch.tensor([90.0, 120.0, 150.0]).view(3, 1, 1))
    model.data_preprocessor.to_rgb = to_rgb
    scores, maps = ExportedClassifier(model)(_pictures())
    assert maps.dtype == scores.dtype == torch.float32
    assert model.data_preprocessor.to_rgb is to_rgb
    for score, one_map, sample in zip(scores, maps, _tested(model), strict=True):
        torch.testing.assert_close(score, sample.pred_score)
        torch.testing.assert_close(one_map, sample.pred_map)


@torch.no_grad()
@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
def test_given_maps_are_those_of_the_labels(kind):
    model = tiny_model(kind, topk=1).eval()
    labels = torch.tensor([3, 0, 2])
    scores, maps = ExportedClassifier(model, 'given')(_pictures(), labels)
    all_scores, all_maps = ExportedClassifier(model, 'all')(_pictures())
    for i, sample in enumerate(_tested(model, samples_of(labels))):
        torch.testing.assert_close(maps[i], sample.pred_map)
        torch.testing.assert_close(all_maps[i, labels[i]], sample.pred_map)
        torch.testing.assert_close(scores[i], sample.pred_score)
    assert torch.equal(all_scores, scores)


@torch.no_grad()
@pytest.mark.parametrize('kind', ['BASSegClassifier', 'MultiLabelCAMClassifier'])
def test_several_labels_give_the_maps_of_all_classes(kind):
    model = tiny_multi_label_model(kind).eval()
    exported = ExportedClassifier(model)
    scores, maps = exported(_pictures())
    assert exported.maps == 'all'
    inputs = model.data_preprocessor({'inputs': _pictures().flip(1)})['inputs']
    torch.testing.assert_close(maps, model.localization_maps(inputs))
    for score, sample in zip(scores, _tested(model), strict=True):
        torch.testing.assert_close(score, sample.pred_score)
    given = ExportedClassifier(model, 'given')(_pictures(), torch.tensor([4, 1, 0]))[1]
    torch.testing.assert_close(given, maps[torch.arange(3), [4, 1, 0]])


def test_what_cannot_be_exported_is_named():
    with pytest.raises(ExportError, match='Linear cannot be exported; BASClassifier'):
        ExportedClassifier(nn.Linear(1, 1))
    with pytest.raises(ExportError, match="maps='some': give predicted, given, all"):
        ExportedClassifier(tiny_model(), 'some')
    with pytest.raises(ExportError, match='BASSegClassifier has no model.test_cfg.topk'):
        ExportedClassifier(tiny_multi_label_model(), 'predicted')
    model = tiny_model()
    model.data_preprocessor = ImgDataPreprocessor()
    with pytest.raises(ExportError, match='preprocessor ImgDataPreprocessor cannot be exported'):
        ExportedClassifier(model)


@torch.no_grad()
def test_of_equal_scores_the_class_is_the_first():
    model = tiny_model(topk=1, num_classes=60).eval()
    for parameter in model.head.parameters():
        parameter.zero_()
    model.generator.conv.bias.copy_(torch.arange(60.0) / 10 - 3)
    for one_map, sample in zip(ExportedClassifier(model)(_pictures())[1], _tested(model)):
        assert sample.pred_label.item() == 0
        torch.testing.assert_close(one_map, sample.pred_map)
