"""Multiply-adds against torch's counter on real steps, and against figures made by hand."""

import pytest
import torch
import torch.nn as nn
from tiny import samples_of, tiny_model, tiny_multi_label_model, total
from torch.utils.flop_counter import FlopCounterMode

from bas_mm.benchmarking.multiply_adds import (
    MultiplyAdds,
    counted,
    layer_multiply_adds,
    step_multiply_adds,
)
from bas_mm.models import CAMClassifier
from bas_mm.models.backbones import MobileNetV1
from bas_mm.models.functional import background_features, frozen_pass

SIZE = (48, 64)
LABELS = torch.tensor([1, 3])
# With norm ResNet18, else VGG11: the size of F, and of the class maps.
F_SIZE = {True: (6, 8), False: (12, 16)}
LAST_SIZE = {True: (3, 4), False: (6, 8)}


def flops(function) -> int:
    """What torch counts: two for each multiply-add."""
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def step_flops(model) -> int:
    """Of a training step of two pictures, forward and backward."""
    images = torch.randn(2, 3, *SIZE)
    return flops(lambda: total(model.loss(images, samples_of(LABELS))).backward())


def flops_behind_features(model, function) -> int:
    """Of a function of F, forward and back to F; its outputs are summed up."""
    features = model.split.front(model.backbone, torch.randn(2, 3, *SIZE)).detach()
    features.requires_grad_()
    return flops(lambda: sum(x.sum() for x in function(features)).backward())


def test_a_layer_by_loops():
    """Each number of the output: one product per weight of its filter."""
    weight, size = (6, 2, 3, 5), (4, 7)  # six filters, two groups, kernel 3 by 5
    count = 0
    for _ in range(2 * weight[0] * size[0] * size[1]):
        for _ in range(weight[1] * weight[2] * weight[3]):
            count += 1
    assert layer_multiply_adds(weight, (2, 6, *size)) == count


@pytest.mark.parametrize('norm', [True, False], ids=['resnet18', 'vgg11'])
def test_a_step_is_what_torch_counts(norm):
    cam, bas = (tiny_model(kind, norm=norm) for kind in ('CAMClassifier', 'BASClassifier'))
    work = step_multiply_adds(bas, SIZE)
    assert step_flops(cam) == 2 * 2 * work.cam
    of_cam = step_multiply_adds(cam, SIZE)
    assert of_cam.cam == work.cam
    assert of_cam.amc == of_cam.generator == MultiplyAdds()
    assert of_cam.limit == 1
    # What BAS adds to CAM's step is the generator and the AMC pass, and nothing else.
    added = flops_behind_features(bas, lambda f: bas.foreground_and_background(f, LABELS))
    assert step_flops(bas) == 2 * 2 * work.cam + added
    # Tail and classifier once more: forward, and back to the map alone.
    modules = [*bas.split.tail_modules(bas.backbone), bas.head.classifier]
    maps = torch.rand(2, 1, *F_SIZE[norm], requires_grad=True)
    amc = flops_behind_features(bas, lambda f: [frozen_pass(modules, background_features(f, maps))])
    assert amc == 2 * 2 * work.amc.total
    # A step may leave out the last layer's maps of the other three classes.
    own = added - flops_behind_features(bas, lambda f: [bas.generator(f, LABELS[:, None])])
    last = layer_multiply_adds(bas.head.classifier[-1].weight.shape, (1, 4, *LAST_SIZE[norm]))
    assert amc - own in (0, 2 * 2 * 2 * last * 3 // 4)
    assert work.limit == (work.cam + work.amc.total) / work.cam > 1


def test_the_parts():
    model = tiny_model()
    work = step_multiply_adds(model, SIZE)
    # The picture needs no gradient, everything behind it does.
    first = layer_multiply_adds((8, 3, 7, 7), (1, 8, 24, 32))
    assert work.front.forward - work.front.to_input == first
    assert work.front.to_weights == work.front.forward
    for part in (work.tail, work.classifier):
        assert part.forward == part.to_weights == part.to_input > 0
    both = work.tail.forward + work.classifier.forward
    assert work.amc == MultiplyAdds(forward=both, to_weights=0, to_input=both)
    # One 3×3 filter over the 32 channels of F, at 1/8 of the picture.
    one = 32 * 9 * 6 * 8
    assert work.generator == MultiplyAdds(one, one, one)
    assert work.limit_with_generator == pytest.approx(
        (work.cam + work.amc.total + 3 * one) / work.cam, rel=1e-12
    )
    # A 1×1 classifier of four classes ends the 3×3 convolutions of 64, 16 and 16 channels.
    assert work.classifier.forward == 3 * 4 * (64 * 9 * 16 + 16 * 9 * 16 + 16 * 4)


def test_several_labels_per_image():
    """Their classifier is one 1×1 convolution of 64 channels to five classes."""
    cam, bas = map(tiny_multi_label_model, ('MultiLabelCAMClassifier', 'BASSegClassifier'))
    work = step_multiply_adds(bas, SIZE)
    assert step_flops(cam) == 2 * 2 * work.cam == 2 * 2 * step_multiply_adds(cam, SIZE).cam
    assert work.classifier.forward == 64 * 5 * 3 * 4
    assert work.amc.forward == work.tail.forward + work.classifier.forward


def test_frozen_layers_need_no_gradient():
    model = tiny_model('CAMClassifier')
    whole = step_multiply_adds(model, SIZE)
    model.backbone.requires_grad_(False)
    work = step_multiply_adds(model, SIZE)
    assert (work.front.to_weights, work.front.to_input) == (0, 0)
    assert (work.tail.to_weights, work.tail.to_input) == (0, 0)
    # Nothing before the classifier asks for the gradient of its input.
    first = layer_multiply_adds((16, 64, 3, 3), (1, 16, 3, 4))
    assert work.classifier.to_input == whole.classifier.to_input - first
    assert step_flops(model) == 2 * 2 * work.cam


def test_the_model_is_left_as_it_was():
    model = tiny_model().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step_multiply_adds(model, SIZE)
    assert model.training
    assert model.backbone.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not any(m._forward_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_without_computing():
    """The device 'meta' has shapes only."""
    model = tiny_model()
    expected = step_multiply_adds(model, SIZE)
    assert step_multiply_adds(model.to('meta'), SIZE) == expected


def test_other_types_and_without_gradients_around():
    model = tiny_model()
    expected = step_multiply_adds(model, SIZE)
    with torch.no_grad():
        assert step_multiply_adds(model.double(), SIZE) == expected


def test_groups():
    """Torch counts the weights' gradients of a convolution in groups as if it had none."""
    layer, groups = nn.Conv2d(8, 8, 3, groups=4), 4
    inputs = torch.randn(2, 8, 6, 6, requires_grad=True)
    with counted([layer]) as work:
        output = layer(inputs)
    cost = 2 * 2 * 9 * 8 * 4 * 4
    assert work == MultiplyAdds(cost, cost, cost)
    assert flops(lambda: layer(inputs)) == 2 * cost
    assert flops(lambda: output.sum().backward()) == 2 * (cost + groups * cost)


def test_linear_layers_and_no_gradient():
    layer = nn.Linear(5, 7)
    with counted([layer]) as work:
        layer(torch.randn(2, 3, 5))
        with torch.no_grad():
            layer(torch.randn(2, 3, 5))
    assert work == MultiplyAdds(2 * 2 * 3 * 5 * 7, 2 * 3 * 5 * 7, 0)


@pytest.mark.parametrize('layer', [nn.ConvTranspose2d(2, 2, 2), nn.Embedding(2, 2)], ids=str)
def test_a_layer_that_is_unknown(layer):
    with (
        pytest.raises(ValueError, match=f'{type(layer).__name__} are not known'),
        counted([layer]),
    ):
        pass


def test_mobilenet_by_hand():
    """The paper's MobileNetV1 with 200 classes at 224×224, layer by layer."""
    forward, channels, size = 9 * 3 * 32 * 112**2, 32, 112
    strides = (1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1)
    sums = []
    for out, stride in zip(MobileNetV1.channels, strides):
        size //= stride
        forward += (9 * channels + channels * out) * size**2
        channels = out
        sums.append(forward)
    front, both = sums[10], sums[12] + (2 * 9 * 1024 * 1024 + 1024 * 200) * 14**2 - sums[10]
    cam = 3 * (front + both) - 9 * 3 * 32 * 112**2
    with torch.device('meta'):
        model = CAMClassifier(
            backbone=dict(type='MobileNetV1'),
            split=dict(point='block11'),
            head=dict(type='CAMHead', num_classes=200, in_channels=1024),
        )
    work = step_multiply_adds(model)
    assert (work.front.forward, work.cam) == (front, cam)
    assert 1 + 2 * both / cam == pytest.approx(1.5001, abs=5e-5)
