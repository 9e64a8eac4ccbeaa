"""BASSegClassifier and MultiLabelCAMClassifier beside the method written out."""

import copy

import pytest
import torch
import torch.nn as nn
from mmpretrain.evaluation import AveragePrecision
from mmpretrain.structures import DataSample
from tiny import tiny_multi_label_model, total

from bas_mm.models.classifiers import bas_seg_classifier

CLASSES = 5
LABELS = [[0, 3], [2], [1, 2, 4]]
DRAWN = torch.tensor([3, 2, 4])


def _model(kind: str):
    return tiny_multi_label_model(kind, CLASSES).double()


def _images(n: int = 3) -> torch.Tensor:
    return torch.randn(n, 3, 48, 64, generator=torch.Generator().manual_seed(1)).double()


def _samples(labels=LABELS) -> list[DataSample]:
    return [DataSample().set_gt_label(torch.tensor(found).long()) for found in labels]


def _slow_terms(model, images):
    """The training forward as wsss.md has it, with a deep copy for the frozen pass."""
    frozen = copy.deepcopy(model)
    for p in frozen.parameters():
        p.requires_grad_(False)
    index = torch.arange(len(LABELS))
    features = model.split.front(model.backbone, images)
    maps = model.head.classifier(model.backbone.layer4(features))
    score1 = maps.mean((2, 3))
    m_f = torch.sigmoid(model.generator.conv(features))[index, DRAWN][:, None]
    loss_cls = 0
    for score, labels in zip(score1, LABELS):
        negatives = [k for k in range(CLASSES) if k not in labels]
        for j in labels:
            loss_cls = loss_cls - score[[j, *negatives]].log_softmax(0)[0] / len(LABELS)
    score2 = (maps.detach() * m_f).mean((2, 3))
    back = frozen.head.classifier(frozen.backbone.layer4(features.detach() * (1 - m_f)))
    s, s_b = score1[index, DRAWN].relu().detach(), back.mean((2, 3))[index, DRAWN].relu()
    return dict(
        loss_cls=loss_cls,
        loss_fg=0.2 * nn.functional.cross_entropy(score2, DRAWN),
        loss_bas=torch.where(s_b > s, torch.ones_like(s), s_b / (s + 1e-8)).mean(),
        loss_area=1.2 * m_f.mean(),
    )


@pytest.mark.parametrize('training', [True, False])
def test_bas_seg_equals_a_slow_computation(training, monkeypatch):
    monkeypatch.setattr(bas_seg_classifier, 'draw_positive_class', lambda targets: DRAWN)
    model = _model('BASSegClassifier').train(training)
    reference = copy.deepcopy(model)
    losses = model(_images(), _samples(), mode='loss')
    slow = _slow_terms(reference, _images())
    assert set(losses) == set(slow)
    for name, value in slow.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-10, atol=1e-12, msg=name)
    total(losses).backward()
    sum(slow.values()).backward()
    for (name, p), q in zip(model.named_parameters(), reference.parameters()):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-8, atol=1e-12, msg=name)
    for (name, b), c in zip(model.named_buffers(), reference.buffers()):
        assert torch.equal(b, c), name


def test_the_map_of_a_positive_class_of_each_image_is_trained(monkeypatch):
    model = _model('BASSegClassifier')
    seen = []
    wanted = model.foreground_and_background
    monkeypatch.setattr(
        model,
        'foreground_and_background',
        lambda features, classes: seen.append(classes) or wanted(features, classes),
    )
    torch.manual_seed(3)
    for _ in range(12):
        model(_images(), _samples(), mode='loss')
    for image, labels in enumerate(LABELS):
        assert {int(classes[image]) for classes in seen} == set(labels)


def test_images_without_a_class_have_no_part_in_the_terms_of_a_positive_one(monkeypatch):
    # In evaluation an image does not see the others of its batch.
    model, alone = _model('BASSegClassifier').eval(), _model('BASSegClassifier').eval()
    images, drawn = _images(4), torch.tensor([2, 0, 4, 0])
    monkeypatch.setattr(bas_seg_classifier, 'draw_positive_class', lambda targets: drawn)
    losses = model(images, _samples([[2, 3], [], [1, 4], []]), mode='loss')
    total(losses).backward()
    monkeypatch.setattr(bas_seg_classifier, 'draw_positive_class', lambda targets: drawn[[0, 2]])
    expected = alone(images[[0, 2]], _samples([[2, 3], [1, 4]]), mode='loss')
    for name in ('loss_fg', 'loss_bas', 'loss_area'):
        torch.testing.assert_close(losses[name], expected[name])
    # The mean of L_cls stays that over all images, and it is 0 without a positive class.
    torch.testing.assert_close(losses['loss_cls'], expected['loss_cls'] / 2)
    assert model.generator.conv.weight.grad[0].eq(0).all()
    assert model.generator.conv.weight.grad[2].ne(0).any()


def test_a_batch_without_any_class_teaches_nothing():
    model = _model('BASSegClassifier')
    losses = model(_images(2), _samples([[], []]), mode='loss')
    assert {name: value.item() for name, value in losses.items()} == dict.fromkeys(losses, 0)
    total(losses).backward()
    assert model.generator.conv.weight.grad.eq(0).all()


def test_cam_is_the_soft_margin_loss_of_score_1():
    model = _model('MultiLabelCAMClassifier')
    losses = model(_images(), _samples(), mode='loss')
    assert set(losses) == {'loss_cls'}
    score1 = model.head(model.extract_feat(_images())[1]).mean((2, 3))
    targets = torch.zeros(3, CLASSES)
    for row, labels in zip(targets, LABELS):
        row[labels] = 1
    expected = nn.functional.multilabel_soft_margin_loss(score1, targets.double())
    # mmpretrain's loss takes its targets in float32.
    torch.testing.assert_close(losses['loss_cls'].double(), expected, rtol=1e-6, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize('kind', ['BASSegClassifier', 'MultiLabelCAMClassifier'])
def test_maps_of_the_classes_asked_for(kind):
    model = _model(kind).eval()
    score1, maps = model(_images())
    few = model.localization_maps(_images(), torch.tensor([[0, 3], [2, 4], [4, 1]]))
    for i, classes in enumerate(([0, 3], [2, 4], [4, 1])):
        torch.testing.assert_close(few[i], maps[i, classes])
    features, tail_features = model.extract_feat(_images())
    class_maps = model.head.classifier(tail_features)
    torch.testing.assert_close(score1, class_maps.mean((2, 3)))
    bas = kind == 'BASSegClassifier'
    expected = model.generator.conv(features).sigmoid() if bas else class_maps.relu()
    torch.testing.assert_close(maps, expected)


@torch.no_grad()
def test_maps_of_bas_do_not_run_the_tail(monkeypatch):
    model = _model('BASSegClassifier').eval()
    expected = model(_images())[1]
    monkeypatch.setattr(model.split, 'tail', None)
    torch.testing.assert_close(model.localization_maps(_images()), expected)


@torch.no_grad()
@pytest.mark.parametrize('kind', ['BASSegClassifier', 'MultiLabelCAMClassifier'])
def test_predictions_are_those_that_mmpretrains_metrics_read(kind):
    model = _model(kind).eval()
    samples = model(_images(), _samples(), mode='predict')
    score1, _ = model(_images())
    for sample, scores, labels in zip(samples, score1, LABELS):
        torch.testing.assert_close(sample.pred_score, scores.sigmoid())
        assert sample.pred_label.tolist() == torch.where(scores > 0)[0].tolist()
        assert sample.gt_label.tolist() == labels
    metric = AveragePrecision()
    metric.process(None, [{**s.to_dict(), 'num_classes': CLASSES} for s in samples])
    assert 0 < metric.evaluate(3)['multi-label/mAP'] <= 100


def test_targets_from_labels_or_scores():
    model = _model('MultiLabelCAMClassifier')
    by_label = model.targets_of(_samples(), torch.device('cpu'))
    assert by_label.tolist() == [[1, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 1, 0, 1]]
    by_score = model.targets_of(
        [DataSample().set_gt_score(row) for row in by_label], torch.device('cpu')
    )
    assert torch.equal(by_score, by_label)


@pytest.mark.parametrize(
    ('samples', 'message'),
    [
        (
            _samples([[0], [-1]]),
            'labels of a batch are -1 to 0, but model.head.num_classes=5: they',
        ),
        (
            _samples([[0], [2, 5]]),
            'labels of a batch are 0 to 5, but model.head.num_classes=5: they',
        ),
        ([*_samples([[0]]), DataSample()], 'has no gt_label, .* mmpretrain.PackInputs'),
        (
            [DataSample().set_gt_score(torch.zeros(n)) for n in (5, 4)],
            r'gt_score of a picture is \(4,\), but model.head.num_classes=5',
        ),
    ],
)
def test_targets_of_other_classes_are_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        _model('MultiLabelCAMClassifier').targets_of(samples, torch.device('cpu'))
