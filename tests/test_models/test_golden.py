"""The published method's figures, through converter and config, in float64 (golden/wsol.json)."""

import json
import runpy
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from compiling import needs_compile
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import load_checkpoint
from tiny import samples_of, total
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from bas_mm.models.functional import area, background_activation_suppression
from bas_mm.models.weights import published_to_bas_mm
from bas_mm.registry import MODELS

REPO = Path(__file__).resolve().parents[2]
CONFIGS = {'vgg': 'vgg16', 'resnet': 'resnet50'}
LABELS = [0, 3, 5, 6]
CLASSES = 7


def _close(ours, expected, name: str = '') -> None:
    """Within 1e-6 relative, 1e-8 absolute near zero, as golden/README.md asks."""
    ours = ours.detach().numpy() if isinstance(ours, torch.Tensor) else np.asarray(ours)
    np.testing.assert_allclose(ours, np.asarray(expected), rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.fixture(scope='module', params=CONFIGS)
def case(request, golden_dir, golden_formula, tmp_path_factory):
    """Golden figures, the model of our config with the converted weights, names, and optimizer."""
    golden = json.loads((golden_dir / 'wsol.json').read_text())[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    weights = golden_formula.fill(golden['keys'])
    # As published: wrapped, and saved from DataParallel.
    source, target = folder / 'published.pth.tar', folder / 'converted.pth'
    torch.save(dict(model={f'module.{k}': v for k, v in weights.items()}, epoch=9), source)
    tool = REPO / 'tools/model_converters/published_to_bas_mm.py'
    runpy.run_path(str(tool))['main']([str(source), str(target)])

    whole = Config.fromfile(REPO / f'configs/bas/bas_{CONFIGS[request.param]}_cub.py')
    cfg = whole.model
    cfg.backbone.init_cfg = None
    cfg.generator.num_classes = cfg.head.num_classes = CLASSES
    cfg.head.loss_fg.loss_weight = 0.5
    cfg.head.loss_amc.area_weight = 1.5
    cfg.test_cfg = dict(topk=1, class_source='gt')

    def build(**options):
        model = MODELS.build(dict(cfg, **options))
        load_checkpoint(model, str(target), map_location='cpu', strict=True, logger='silent')
        return model.double()

    images = golden_formula.image(4, 3, 224, 224).double()
    names = published_to_bas_mm(golden['keys'], CONFIGS[request.param])
    return golden, build, names, images, whole.optim_wrapper


@torch.no_grad()
def test_eval_forward(case):
    golden, build, _, images, _ = case
    model = build().eval()
    samples = model(images, samples_of(LABELS), mode='predict')
    score1, maps = model(images)
    _close(score1, golden['eval_logits'])
    # predict() gives float32 maps: compare those of the double-precision generator.
    own = maps[torch.arange(4), LABELS]
    _close(own.mean((1, 2)), golden['eval_map_mean'])
    _close(own.std((1, 2)), golden['eval_map_std'])
    _close(own[:, 13], golden['eval_map_row13'])
    for sample, expected, scores in zip(samples, own, score1):
        torch.testing.assert_close(sample.pred_map, expected.float())
        torch.testing.assert_close(sample.pred_score, scores.softmax(0))

    model.test_cfg.topk = 3
    top3 = torch.stack([s.pred_map for s in model(images, mode='predict')])
    np.testing.assert_allclose(top3[:, 13], golden['top3_map_row13'], rtol=1e-6, atol=1e-7)


def _inputs_of_losses(model):
    """What the terms of the loss are given in the forward to come, by their names."""
    given = {}
    for name in ('loss_module', 'loss_fg', 'loss_amc'):
        getattr(model.head, name).register_forward_pre_hook(
            lambda _, inputs, name=name: given.update({name: inputs})
        )
    return given


@pytest.mark.slow
def test_training_forward_losses_gradients_and_buffers(case):
    golden, build, names, images, optim_wrapper = case
    model, labels = build().train(), torch.tensor(LABELS)

    given = _inputs_of_losses(model)
    losses = model(images, samples_of(LABELS), mode='loss')
    _close(given['loss_module'][0], golden['train_score1'])
    _close(given['loss_fg'][0], golden['train_score2'])
    own, background, foreground_map = given['loss_amc']
    _close(own, golden['S'])
    _close(background, golden['S_bg'])
    _close(area(foreground_map), golden['train_area'])
    _close(background_activation_suppression(own, background), golden['train_bas'])
    loss = total(losses)
    _close(loss, golden['loss'])
    _close(losses['loss_bas'], np.mean(golden['train_bas']))
    _close(losses['loss_area'], 1.5 * np.mean(golden['train_area']))
    cross_entropy = torch.nn.functional.cross_entropy
    for key, score, weight in (('loss_cls', 'train_score1', 1), ('loss_fg', 'train_score2', 0.5)):
        expected = weight * cross_entropy(torch.tensor(golden[score]).double(), labels)
        _close(losses[key], expected, key)
    loss.backward()
    gradients = {name: p.grad.norm() for name, p in model.named_parameters()}
    assert {names[key] for key in golden['grad_norm']} == set(gradients)
    for key, expected in golden['grad_norm'].items():
        _close(gradients[names[key]], expected, key)
    # One forward counts once in the running statistics, the frozen pass not at all.
    buffers = model.state_dict()
    for key, expected in golden['bn_after'].items():
        _close(buffers[names[key]].norm(), expected, key)
    for key, value in buffers.items():
        if key.endswith('num_batches_tracked'):
            assert value == 1, key

    # A step of the recipe's SGD from these gradients, by its formula, with each optimizer.
    lr, momentum, decay = 0.001, 0.9, 5e-4
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    moved = {}
    for name, p in model.named_parameters():
        # Biases learn twice as fast, and what the backbone does not have ten times.
        factor = (2 if name.endswith('.bias') else 1) * (1 if name.startswith('backbone.') else 10)
        moved[name] = lr * factor * (1 + momentum) * (p.grad + decay * start[name])
    for option in (dict(foreach=False), dict(foreach=True), dict(fused=True)):
        model.load_state_dict(start, strict=False)
        optimizer = {**optim_wrapper.optimizer, **option}
        build_optim_wrapper(model, {**optim_wrapper, 'optimizer': optimizer}).step()
        for name, p in model.named_parameters():
            _close(start[name] - p.detach(), moved[name], f'{option}: {name}')


#: Options that make training faster or smaller: the model's, the type it computes in, that of
#: autocast, and how far they may move the golden figures: the loss, and the median and the largest
#: of the gradients' norms. Single small gradients lose most in short types.
OPTIONS = {
    'float64, channels_last, checkpoint_segments': (
        dict(channels_last=True, checkpoint_segments=4),
        *(torch.float64, None, 1e-6, 1e-6, 1e-6),
    ),
    'float64, compile': (
        dict(compile=dict(backend='aot_eager', fullgraph=True)),
        *(torch.float64, None, 1e-6, 1e-6, 1e-6),
    ),
    'float32, channels_last': (
        dict(channels_last=True),
        *(torch.float32, None, 1e-4, 1e-2, 0.1),
    ),
    # Its numbers have 8 bits: each is off by up to 0.4 %.
    'bfloat16, channels_last': (
        dict(channels_last=True),
        *(torch.float32, torch.bfloat16, 0.05, 0.05, 1.0),
    ),
    # 11 bits, but a range that small gradients fall out of: the loss is scaled.
    'float16, channels_last': (
        dict(channels_last=True),
        *(torch.float32, torch.float16, 0.01, 0.05, 1.0),
    ),
}


SHORT = (torch.float16, torch.bfloat16)


class _SumsInFloat32(TorchDispatchMode):
    """Convolutions and products of short types as a GPU computes them: rounded once, after the sum.

    A CPU's own float16 had not come back through the network after 20 minutes, and bfloat16 takes
    six where the processor has no instructions for it.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        names = ('convolution', 'convolution_backward', 'mm', 'addmm', 'bmm')
        tensors = [x for x in args if isinstance(x, torch.Tensor)]
        short = tensors[0].dtype if tensors else None
        if func.overloadpacket.__name__ not in names or short not in SHORT:
            return func(*args, **(kwargs or {}))
        wide = [x.float() if isinstance(x, torch.Tensor) else x for x in args]
        result = func(*wide, **(kwargs or {}))
        return tree_map_only(torch.Tensor, lambda x: x.to(short), result)


@pytest.mark.slow
@pytest.mark.parametrize('case', ['resnet'], indirect=True)
@pytest.mark.parametrize(
    'name',
    [pytest.param(name, marks=needs_compile if 'compile' in name else ()) for name in OPTIONS],
)
def test_options_and_the_golden_figures(case, name):
    """Run with -s, it prints how far each option moves them."""
    options, dtype, half, *limits = OPTIONS[name]
    golden, build, names, images, _ = case
    model = build(**options).to(dtype).train()
    scale = 1024 if half == torch.float16 else 1
    with _SumsInFloat32() if half in SHORT else nullcontext():
        with torch.autocast('cpu', dtype=half, enabled=half is not None):
            losses = model(images.to(dtype), samples_of(LABELS), mode='loss')
        loss = total(losses)
        (scale * loss).backward()
    gradients = {n: p.grad.norm().item() / scale for n, p in model.named_parameters()}
    # The largest norms: those near zero have no relative error to speak of.
    expected = {names[k]: v for k, v in golden['grad_norm'].items()}
    largest = sorted(expected, key=expected.get)[len(expected) // 2 :]
    norms = sorted(abs(gradients[n] / expected[n] - 1) for n in largest)
    moved = dict(
        loss=abs(loss.item() / golden['loss'] - 1),
        median=norms[len(norms) // 2],
        largest=norms[-1],
    )
    print(f'\n{name}:', ', '.join(f'{what} {value:.1e}' for what, value in moved.items()))
    assert all(value < limit for value, limit in zip(moved.values(), limits, strict=True)), moved
    for key, buffer in golden['bn_after'].items():
        np.testing.assert_allclose(
            model.state_dict()[names[key]].double().norm(),
            buffer,
            rtol=1e-6 if dtype == torch.float64 else 0.02,
            atol=1e-8,
        )
