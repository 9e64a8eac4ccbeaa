"""BASClassifier and CAMClassifier: the three modes, predictions, gradients, precision."""

import copy

import pytest
import torch
import torch.nn as nn
from mmengine.optim import OptimWrapper
from mmpretrain.structures import DataSample
from tiny import samples_of, tiny_model, tiny_model_cfg, total

from bas_mm.evaluation.functional import protocol_a_boxes
from bas_mm.registry import MODELS

LABELS = (0, 3, 1, 2)


def _images(n: int = 4, size: int = 64) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def _slow_terms(model, images, labels):
    """The training forward written out with a deep copy for the frozen pass (wsol.md, 1 to 7)."""
    frozen = copy.deepcopy(model)
    for p in frozen.parameters():
        p.requires_grad_(False)
    index = torch.arange(len(labels))
    features, tail_features = model.extract_feat(images)
    maps = model.head.classifier(tail_features)
    score1 = maps.mean((2, 3))
    m_f = torch.sigmoid(model.generator.conv(features))[index, labels][:, None]
    pooled = nn.functional.avg_pool2d(m_f, 2, 2) if m_f.shape[-1] != maps.shape[-1] else m_f
    score2 = (maps * pooled).mean((2, 3))
    back = features.detach() * (1 - m_f)
    s_b = frozen.head.classifier(frozen.split.tail(frozen.backbone, back)).mean((2, 3))
    s, s_b = score1[index, labels].relu().detach(), s_b[index, labels].relu()
    bas = torch.where(s_b > s, torch.ones_like(s), s_b / (s + 1e-8))
    cross_entropy = nn.functional.cross_entropy
    return dict(
        loss_cls=cross_entropy(score1, labels),
        loss_fg=0.5 * cross_entropy(score2, labels),
        loss_bas=bas.mean(),
        loss_area=1.5 * m_f.mean(),
    )


@pytest.mark.parametrize('training', [True, False])
def test_losses_gradients_and_buffers_equal_a_slow_computation(training):
    model = tiny_model().double().train(training)
    for conv in (model.head.classifier[-1], model.generator.conv):
        nn.init.normal_(conv.bias, std=0.1)  # they begin with 0
    reference = copy.deepcopy(model)
    labels = torch.tensor(LABELS)
    losses = model(_images().double(), samples_of(LABELS), mode='loss')
    slow = _slow_terms(reference, _images().double(), labels)
    assert set(losses) == {*slow, 'acc_cls', 'acc_fg'}
    for name, value in slow.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-10, atol=1e-12)
    total(losses).backward()
    sum(slow.values()).backward()
    for (name, p), q in zip(model.named_parameters(), reference.parameters()):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-8, atol=1e-12, msg=name)
    for (name, b), c in zip(model.named_buffers(), reference.buffers()):
        assert torch.equal(b, c), name
    if training:
        # One batch was counted, not two.
        assert model.backbone.layer4[0].bn1.num_batches_tracked == 1


def test_accuracies_are_those_of_either_score():
    labels = torch.tensor(LABELS)
    maps = nn.functional.one_hot(labels, 4).float()[:, :, None, None].repeat(1, 1, 2, 2)
    # The first picture is right as a whole, not where its foreground is; the last one never.
    maps[0, 1, 0, 0] = 2
    maps[3, 3] = 2
    foreground = torch.zeros(4, 1, 2, 2)
    foreground[..., 0, 0] = 1
    losses = tiny_model().head.loss(maps, maps[:, :1], foreground, labels)
    assert (losses['acc_cls'].item(), losses['acc_fg'].item()) == (75, 50)


def test_every_parameter_gets_a_gradient_without_unused_ones():
    model = tiny_model()
    total(model(_images(), samples_of(LABELS), mode='loss')).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []


def test_cam_is_the_cross_entropy_of_score_1():
    model = tiny_model('CAMClassifier')
    losses = model(_images(), samples_of(LABELS), mode='loss')
    assert set(losses) == {'loss_cls', 'acc_cls'}
    maps = model.head(model.extract_feat(_images())[1])
    expected = nn.functional.cross_entropy(maps.mean((2, 3)), torch.tensor(LABELS))
    torch.testing.assert_close(losses['loss_cls'], expected)
    model.eval()
    with torch.no_grad():
        score1, cams = model(_images())
        maps = model.head(model.extract_feat(_images())[1])
    torch.testing.assert_close(cams, maps.relu())
    torch.testing.assert_close(score1, maps.mean((2, 3)))


@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
@pytest.mark.parametrize(
    ('test_cfg', 'labelled'),
    [
        ({}, True),
        (dict(topk=1, class_source='gt'), True),
        (dict(topk=1, class_source='gt'), False),
        (dict(topk=1, class_source='pred'), True),
        (dict(topk=2), True),
        (dict(topk=4), True),
        (dict(topk=-1), True),
    ],
)
def test_predicted_map_is_the_mean_over_the_classes_asked_for(kind, test_cfg, labelled):
    model = tiny_model(kind, threshold=0.5, **test_cfg).eval()
    images = _images()
    with torch.no_grad():
        score1, maps = model(images)
        samples = model(images, samples_of(LABELS) if labelled else None, mode='predict')
    assert len(samples) == 4
    for i, sample in enumerate(samples):
        order = score1[i].argsort(descending=True).tolist()
        topk = test_cfg.get('topk', 1)
        if topk == 1:
            by_label = labelled and test_cfg.get('class_source', 'gt') == 'gt'
            classes = [LABELS[i]] if by_label else order[:1]
        else:
            classes = order[:topk] if topk > 0 else order
        expected = torch.stack([maps[i, c] for c in classes]).mean(0)
        torch.testing.assert_close(sample.pred_map, expected)
        assert sample.pred_map.dtype == torch.float32
        assert sample.pred_map.shape == ((8, 8) if kind == 'BASClassifier' else (4, 4))
        torch.testing.assert_close(sample.pred_score, score1[i].softmax(0))
        assert sample.pred_label.tolist() == order[:1]
        box = protocol_a_boxes(sample.pred_map.numpy(), [0.5], (64, 64))
        assert sample.pred_bboxes.tolist() == box.tolist()
        assert sample.pred_bboxes.dtype == torch.int64


@pytest.mark.parametrize('views', [(), (10,)], ids=['one view', 'ten crops'])
@pytest.mark.parametrize('topk', [1, 2, 4])
def test_maps_and_scores_come_from_one_pass(topk, views):
    model = tiny_model(topk=topk, threshold=0.5).eval()
    runs = []
    for module in (model.backbone.conv1, model.backbone.layer4[0].conv1, model.head.classifier[-1]):
        module.register_forward_hook(lambda module, *_: runs.append(module))
    with torch.no_grad():
        images = _images(2 * (views[0] if views else 1)).reshape(2, *views, 3, 64, 64)
        model(images, samples_of([1, 2]), mode='predict')
    assert len(runs) == len(set(runs)) == 3


def test_boxes_are_those_of_a_view_that_is_no_square():
    model = tiny_model(threshold=0.5).eval()
    with torch.no_grad():
        (sample,) = model(_images(1, 96)[:, :, :64], mode='predict')
    box = protocol_a_boxes(sample.pred_map.numpy(), [0.5], (64, 96))
    assert sample.pred_bboxes.tolist() == box.tolist()


@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
def test_a_label_counts_where_others_of_the_batch_have_none(kind):
    model, images = tiny_model(kind, topk=1, class_source='gt').eval(), _images()
    samples = samples_of(LABELS)
    for i in (0, 2):
        del samples[i].gt_label
    with torch.no_grad():
        score1, maps = model(images)
        model(images, samples, mode='predict')
    for i, sample in enumerate(samples):
        label = int(score1[i].argmax()) if i in (0, 2) else LABELS[i]
        torch.testing.assert_close(sample.pred_map, maps[i, label])


@pytest.mark.parametrize('topk', [2, 3])
def test_of_equal_scores_the_first_classes_are_shown(topk):
    model, images = tiny_model(topk=topk).eval(), _images()
    for parameter in model.head.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        score1, maps = model(images)
        samples = model(images, mode='predict')
    assert not score1.any()
    for i, sample in enumerate(samples):
        torch.testing.assert_close(sample.pred_map, maps[i, :topk].mean(0))


def test_no_box_without_a_threshold():
    model = tiny_model().eval()
    with torch.no_grad():
        (sample,) = model(_images(1), samples_of([1]), mode='predict')
    assert 'pred_bboxes' not in sample


@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
def test_ten_crops_average_the_softmax_and_show_the_centre(kind):
    model = tiny_model(kind, topk=2).eval()
    crops = _images(20).reshape(2, 10, 3, 64, 64)
    with torch.no_grad():
        many = model(crops, samples_of([1, 2]), mode='predict')
        centre = model(crops[:, 4], samples_of([1, 2]), mode='predict')
        for i in range(2):
            scores = torch.stack([model(crops[i, [v]])[0][0].softmax(0) for v in range(10)])
            torch.testing.assert_close(many[i].pred_score, scores.mean(0))
            torch.testing.assert_close(many[i].pred_map, centre[i].pred_map)


@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
def test_ten_crops_show_the_class_that_they_predict(kind):
    model = tiny_model(kind, topk=1, class_source='pred').eval()
    crops = _images(80).reshape(8, 10, 3, 64, 64)
    with torch.no_grad():
        # Otherwise one class would be the first of all pictures.
        model.head.classifier[-1].bias -= model(crops.flatten(0, 1))[0].mean(0)
        samples = model(crops, samples_of([0] * 8), mode='predict')
        score1, maps = model(crops[:, 4])
    predicted = [int(sample.pred_label) for sample in samples]
    for sample, label, own in zip(samples, predicted, maps):
        torch.testing.assert_close(sample.pred_map, own[label])
    # The centre crop alone would say otherwise.
    assert predicted != score1.argmax(1).tolist()


def test_preprocessor_takes_ten_crops():
    model = tiny_model()
    crops = torch.randint(0, 256, (2, 10, 3, 8, 8), dtype=torch.uint8)
    out = model.data_preprocessor(dict(inputs=crops, data_samples=samples_of([0, 1])))
    expected = (crops.float().flip(2) - 127) / 64
    torch.testing.assert_close(out['inputs'], expected)
    listed = model.data_preprocessor(dict(inputs=list(crops), data_samples=samples_of([0, 1])))
    torch.testing.assert_close(listed['inputs'], expected)
    single = model.data_preprocessor(dict(inputs=crops[:, 0], data_samples=samples_of([0, 1])))
    torch.testing.assert_close(single['inputs'], expected[:, 0])


def test_scores_and_their_softmax():
    model = tiny_model().eval()
    with torch.no_grad():
        score1, _ = model(_images(), mode='tensor')
        single = model.predict(_images())
        ten = model.predict(_images()[:, None].expand(-1, 10, -1, -1, -1))
    for sample, score in zip(single, score1):
        assert torch.equal(sample.cls_score, score)
        torch.testing.assert_close(sample.pred_score, score.softmax(0))
    # The mean of ten softmaxes has no score of its own.
    assert not any('cls_score' in sample for sample in ten)


def test_several_labels_of_a_picture_are_refused():
    samples = samples_of(LABELS)
    samples[1].set_gt_label([0, 2])
    # As many labels as pictures.
    samples[2].gt_label = samples[2].gt_label[:0]
    model = tiny_model(class_source='gt')
    for mode in ('loss', 'predict'):
        with pytest.raises(ValueError, match='a picture has 2 labels: BASClassifier takes one'):
            model(_images(), samples, mode=mode)


def test_a_training_picture_without_a_label():
    samples = [*samples_of(LABELS[:-1]), DataSample()]
    with pytest.raises(ValueError, match='has no gt_label, .* PackLocalizationInputs'):
        tiny_model()(_images(), samples, mode='loss')


def test_a_generator_of_other_classes_than_the_head():
    cfg = tiny_model_cfg()
    cfg['generator']['num_classes'] = 5
    message = 'model.generator.num_classes=5, but model.head.num_classes=4: '
    with pytest.raises(ValueError, match=message):
        MODELS.build(cfg)


def test_boxes_without_no_grad():
    model = tiny_model(threshold=0.3)
    with torch.no_grad():
        expected = model.predict(_images())
    for sample, other in zip(model.predict(_images()), expected):
        assert torch.equal(sample.pred_bboxes, other.pred_bboxes)


@pytest.mark.parametrize('views', [1, 2])
def test_other_numbers_of_views_are_refused(views):
    with pytest.raises(ValueError, match=f'{views} views of each picture: there must be ten'):
        tiny_model().predict(torch.zeros(2, views, 3, 32, 32))


@pytest.mark.parametrize(
    ('test_cfg', 'message'),
    [
        (dict(topk=5), 'model.test_cfg.topk=5: give 1 to 4'),
        (dict(topk=0), 'model.test_cfg.topk=0'),
        # A float would end the first validation.
        (dict(topk=3.0), r'model\.test_cfg\.topk must be a whole number of at least -1, got 3\.0'),
        (dict(topk='3'), r"model\.test_cfg\.topk must be a whole number .*, got '3'"),
        (dict(class_source='label'), "class_source='label'"),
        (dict(theta=0.1), 'model.test_cfg takes topk, class_source, threshold'),
        (dict(threshold=1.5), r'model\.test_cfg\.threshold must be a number in \[0, 1\), got 1\.5'),
    ],
)
def test_impossible_test_cfg(test_cfg, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(tiny_model_cfg(**test_cfg))


@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
def test_mixed_pictures_are_refused(kind):
    """A map is that of one class: half a picture of another would be taken for it."""
    cfg = tiny_model_cfg(kind)
    mixed = dict(
        num_classes=4, batch_augments=dict(augments=dict(type='mmpretrain.Mixup', alpha=1.0))
    )
    cfg.setdefault('data_preprocessor', {}).update(mixed)
    model = MODELS.build(cfg)
    with pytest.raises(ValueError, match=r'model\.data_preprocessor\.batch_augments mixes'):
        model(_images(), samples_of(LABELS), mode='loss')
    model.data_preprocessor.batch_augments = None
    assert torch.isfinite(total(model(_images(), samples_of(LABELS), mode='loss')))


def test_mixed_precision_keeps_scores_and_losses_in_float32():
    model = tiny_model()
    full = model(_images(), samples_of(LABELS), mode='loss')
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = model(_images(), samples_of(LABELS), mode='loss')
    for name in ('loss_cls', 'loss_fg', 'loss_bas', 'loss_area'):
        assert half[name].dtype == torch.float32
        torch.testing.assert_close(half[name], full[name], rtol=0.05, atol=0.02)
    total(half).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_gradient_accumulation_adds_up_to_the_whole_batch():
    # Without batch norm the mean over 4 images is the mean of two means over 2.
    model = tiny_model(norm=False).double()
    whole = copy.deepcopy(model)
    total(whole(_images().double(), samples_of(LABELS), mode='loss')).backward()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.0), accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 2)
    wrapper.optimizer.zero_grad = lambda *a, **k: None  # keep what was accumulated
    for half in (slice(0, 2), slice(2, 4)):
        with wrapper.optim_context(model):
            losses = model(_images()[half].double(), samples_of(LABELS[half]), mode='loss')
        wrapper.update_params(total(losses))
    for (name, p), q in zip(model.named_parameters(), whole.named_parameters()):
        torch.testing.assert_close(p.grad, q[1].grad, rtol=1e-8, atol=1e-12, msg=name)
