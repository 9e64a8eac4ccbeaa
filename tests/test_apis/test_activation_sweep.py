"""What a network sees through masks, against one picture and one mask at a time."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from tiny import tiny_model

from bas_mm.apis import MaskActivations, activation_curves, mask_activations, sweep_masks
from bas_mm.evaluation.functional import grown_masks


@pytest.fixture(params=['BASClassifier', 'CAMClassifier'])
def model(request, randomize):
    model = tiny_model(request.param).double().eval()
    randomize(model)
    return model


def slow(model, picture, label, mask):
    """Cross-entropy, S_f, S_b and S of one picture, F's pixels masked one by one."""
    features = model.backbone.maxpool(model.backbone.relu(model.backbone.bn1(
        model.backbone.conv1(picture[None]))))  # fmt: skip
    for name in ('layer1', 'layer2', 'layer3'):
        features = getattr(model.backbone, name)(features)
    height, width = features.shape[-2:]
    step_y, step_x = mask.shape[0] // height, mask.shape[1] // width
    inside, outside = features.clone(), features.clone()
    for y in range(height):
        for x in range(width):
            block = mask[y * step_y : (y + 1) * step_y, x * step_x : (x + 1) * step_x]
            share = float(block.mean())
            inside[:, :, y, x] *= share
            outside[:, :, y, x] *= 1 - share

    def scores(part):
        part = model.backbone.layer4(F.max_pool2d(part, 2))
        return model.head.classifier(part)[0].flatten(1).mean(1)

    of_mask = scores(inside)
    entropy = of_mask.exp().sum().log() - of_mask[label]
    return [v.item() for v in (
        entropy, of_mask[label], scores(outside)[label], scores(features)[label]
    )]  # fmt: skip


@torch.no_grad()
def test_against_one_mask_at_a_time(model):
    rng = np.random.default_rng(0)
    pictures = torch.from_numpy(rng.normal(size=(3, 3, 64, 64)))
    labels = torch.tensor([2, 0, 3])
    mask = np.zeros((64, 64), bool)
    mask[10:40, 20:50] = True
    masks = np.stack([grown_masks(np.roll(mask, 3 * i, 0), [0.2, 1, 1.5]) for i in range(3)])
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    found = mask_activations(model, pictures, labels, torch.from_numpy(masks))
    for i in range(3):
        for r in range(3):
            expected = slow(model, pictures[i], int(labels[i]), masks[i, r].astype(float))
            values = [found.cross_entropy[i, r], found.foreground[i, r], found.background[i, r]]
            # Shares of a pixel are float32, all else is double.
            np.testing.assert_allclose([*values, found.whole[i]], expected, rtol=1e-6)
    assert all(torch.equal(buffers[name], value) for name, value in model.named_buffers())


def test_the_whole_picture_and_nothing(model):
    pictures, labels = torch.randn(2, 3, 64, 64, dtype=torch.float64), torch.tensor([1, 2])
    masks = torch.stack([torch.ones(2, 64, 64), torch.zeros(2, 64, 64)], dim=1)
    found = mask_activations(model, pictures, labels, masks)
    torch.testing.assert_close(found.foreground[:, 0], found.whole)
    torch.testing.assert_close(found.background[:, 1], found.whole)
    torch.testing.assert_close(found.foreground[:, 1], found.background[:, 0])
    whole = model(pictures)[0]
    torch.testing.assert_close(
        found.cross_entropy[:, 0], F.cross_entropy(whole, labels, reduction='none')
    )


def test_curves_from_first_principles():
    rng = np.random.default_rng(1)
    entropy, foreground, background = rng.normal(size=(3, 7, 4))
    whole = rng.normal(size=7)
    parts = [
        MaskActivations(*(torch.from_numpy(v[rows]) for v in (entropy, foreground, background)),
                        whole=torch.from_numpy(whole[rows]))
        for rows in (slice(0, 3), slice(3, 7))
    ]  # fmt: skip
    curves = activation_curves(parts)
    total = np.maximum(whole, 0).sum()
    np.testing.assert_allclose(curves.cross_entropy, entropy.mean(0))
    np.testing.assert_allclose(curves.foreground, np.maximum(foreground, 0).sum(0) / total)
    np.testing.assert_allclose(curves.background, np.maximum(background, 0).sum(0) / total)
    loss = np.zeros((7, 4))
    for i in range(7):
        for r in range(4):
            s, s_b = max(whole[i], 0), max(background[i, r], 0)
            loss[i, r] = 1 if s_b > s else s_b / (s + 1e-8)
    np.testing.assert_allclose(curves.loss_bas, loss.mean(0))


def make_items(count, masks=False):
    items = []
    for i in range(count):
        torch.manual_seed(i)
        sample = DataSample(metainfo={'image_id': f'{i}.jpg'}).set_gt_label(i % 4)
        boxes = torch.tensor([[8 + i, 8, 40, 39], [30, 30, 50, 45]])
        sample.set_field(boxes, 'gt_bboxes')
        if masks:
            mask = torch.zeros(64, 64, dtype=torch.uint8)
            mask[12:30, 10 + i : 40] = 1
            mask[50:] = 255
            sample.set_field(mask, 'gt_mask')
        items.append(
            dict(inputs=torch.randint(0, 255, (3, 64, 64), dtype=torch.uint8), data_samples=sample)
        )
    return items


@pytest.mark.parametrize('masks', [False, True])
def test_a_sweep_is_the_sum_of_its_pictures(masks):
    items, model = make_items(5, masks), tiny_model()
    ratios = [0.5, 1, 8]
    curves, about = sweep_masks(model.train(), items, [0, 2, 4], ratios, batch_size=2)
    assert not model.training
    parts, areas, reached = [], [], []
    for i in (0, 2, 4):
        true = np.zeros((64, 64), bool)
        if masks:
            true[12:30, 10 + i : 40] = True
        else:
            true[8:40, 8 + i : 41] = True
            true[30:46, 30:51] = True
        grown = grown_masks(true, ratios)
        areas.append(true.mean())
        reached.append(grown.mean(axis=(1, 2)) / true.mean())
        inputs = (items[i]['inputs'].flip(0)[None].float() - 127) / 64
        labels = torch.tensor([i % 4])
        parts.append(mask_activations(model, inputs, labels, torch.from_numpy(grown)[None]))
    for found, expected in zip(curves, activation_curves(parts)):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (about['truth'], about['pictures']) == ('masks' if masks else 'boxes', 3)
    assert about['object_area'] == pytest.approx(np.mean(areas))
    np.testing.assert_allclose(about['reached'], np.mean(reached, axis=0))
    assert about['reached'][2] < 8, 'a picture has no room for more than itself'


def test_boxes_take_the_place_of_a_mask_without_an_object():
    items = make_items(1, masks=True)
    mask = items[0]['data_samples'].gt_mask
    mask[mask == 1] = 0
    curves, about = sweep_masks(tiny_model(), items, [0], [0.5, 1], 1)
    expected, _ = sweep_masks(tiny_model(), make_items(1), [0], [0.5, 1], 1)
    assert about['truth'] == 'boxes'
    np.testing.assert_array_equal(curves.foreground, expected.foreground)


def test_pictures_that_cannot_be_swept():
    items = make_items(2)
    items[1]['data_samples'].gt_bboxes = torch.zeros(0, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match='1.jpg: there is neither a true mask nor a true box'):
        sweep_masks(tiny_model(), items, [0, 1], [1], 2)
    items = make_items(1)
    items[0]['inputs'] = items[0]['inputs'].expand(10, 3, 64, 64)
    with pytest.raises(ValueError, match='0.jpg: one view'):
        sweep_masks(tiny_model(), items, [0], [1], 1)
    for change in (
        lambda item: item['data_samples'].set_metainfo({'whole_view': False}),
        lambda item: item.update(inputs=item['inputs'][:, 4:]),
    ):
        items = make_items(1, masks=True)
        change(items[0])
        with pytest.raises(ValueError, match=r'0.jpg: the true mask \(64, 64\) is not that of the'):
            sweep_masks(tiny_model(), items, [0], [1], 1)
    model = tiny_model()
    torch.nn.init.constant_(model.head.classifier[-1].bias, -100)
    with pytest.raises(ValueError, match='none of the 2 pictures activates its class'):
        sweep_masks(model, make_items(2), [0, 1], [1], 2)
