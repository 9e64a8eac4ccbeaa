"""What makes training faster or smaller changes no figure, waits for nothing, computes no more."""

import copy
import pickle

import pytest
import torch
from compiling import needs_compile
from mmengine.optim import build_optim_wrapper
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from tiny import Moves, samples_of, tiny_model, tiny_model_cfg, total
from torch._dynamo.utils import counters
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._python_dispatch import TorchDispatchMode
from twins import pretend_a_twin

from bas_mm.models.classifiers import class_map_classifier
from bas_mm.models.functional import checkpoints_itself
from bas_mm.models.layers import WaitFreeSyncBatchNorm
from bas_mm.registry import MODELS

LABELS = (0, 3, 1, 2)
KINDS = ('BASClassifier', 'CAMClassifier', 'BASSegClassifier', 'MultiLabelCAMClassifier')


def _images(n: int = 4, size: int = 64) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def _model(kind: str, **options):
    """The same weights whatever the options."""
    cfg = tiny_model_cfg('BASClassifier' if 'BAS' in kind else 'CAMClassifier')
    cfg.update(type=kind, **options)
    if kind in ('BASSegClassifier', 'MultiLabelCAMClassifier'):
        del cfg['test_cfg'], cfg['head']['hidden_channels']
        cfg['head']['type'] = kind.replace('Classifier', 'Head')
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    if options:  # initialisers draw in the order of the memory, so that its layout counts
        model.load_state_dict(_model(kind).state_dict())
    else:
        model.init_weights()
    return model.double().train()


def _step(model):
    """Loss terms, gradients and buffers of one training step."""
    torch.manual_seed(5)  # of the class that BAS-Seg draws
    losses = model(_images().double(), samples_of(LABELS), mode='loss')
    total(losses).backward()
    return (
        losses,
        {name: p.grad for name, p in model.named_parameters()},
        dict(model.named_buffers()),
    )


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    'options',
    [
        dict(channels_last=True),
        dict(checkpoint_segments=1),
        dict(checkpoint_segments=3),
        dict(channels_last=True, checkpoint_segments=2),
        # The graph that dynamo makes; what compiles it is torch's affair.
        pytest.param(dict(compile=dict(backend='eager', fullgraph=True)), marks=needs_compile),
        pytest.param(
            dict(channels_last=True, compile=dict(backend='aot_eager', fullgraph=True)),
            marks=needs_compile,
        ),
    ],
    ids=str,
)
def test_losses_gradients_and_statistics_stay(kind, options):
    torch._dynamo.reset()
    counters.clear()
    plain = _step(_model(kind))
    assert counters['stats']['unique_graphs'] == 0
    fast = _step(_model(kind, **options))
    # One graph for one step, and none where none was asked for.
    assert counters['stats']['unique_graphs'] == ('compile' in options)
    for expected, got in zip(plain, fast):
        assert list(expected) == list(got)
        for name, value in expected.items():
            torch.testing.assert_close(got[name], value, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize('kind', ['BASClassifier', 'BASSegClassifier'])
@pytest.mark.parametrize('switch', ['with_cp', 'activation_checkpointing'])
def test_checkpoints_of_other_packages(kind, switch):
    """They run the tail again in the backward pass, when the frozen pass has been left."""
    losses, gradients, buffers = _step(_model(kind))
    model = _model(kind)
    before = {name: value.clone() for name, value in model.named_buffers()}
    if switch == 'with_cp':
        for module in model.backbone.modules():
            if hasattr(module, 'with_cp'):  # as model.backbone.with_cp of a config does
                module.with_cp = True
    else:
        turn_on_activation_checkpointing(model, ['backbone.layer3', 'backbone.layer4'])
    found, own_gradients, own_buffers = _step(model)
    assert any(type(node).__name__ == 'CheckpointFunctionBackward' for node in _graph_of(found))
    for expected, got in ((losses, found), (gradients, own_gradients)):
        assert list(expected) == list(got)
        for name, value in expected.items():
            torch.testing.assert_close(got[name], value, rtol=1e-9, atol=1e-12, msg=name)
    # That they record the statistics of the main pass twice is how they are. Not those of F_b:
    # in float64 two steps of a running mean follow from one.
    for name in ('running_mean', 'running_var'):
        key = f'backbone.layer4.1.bn2.{name}'
        twice = buffers[key] + 0.9 * (buffers[key] - before[key])
        torch.testing.assert_close(own_buffers[key], twice, rtol=1e-9, atol=1e-12)
    # The switches are as they were.
    assert checkpoints_itself(model.backbone.layer4)


def _graph_of(losses: dict[str, torch.Tensor]) -> set:
    """All nodes of the graph of a step's losses."""
    seen, waiting = set(), [total(losses).grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return seen


def test_gradients_in_float16():
    """Forward and back; the loss is scaled, as the range of float16 needs."""
    scale = 2.0**10
    _, expected, _ = _step(_model('BASClassifier'))
    model = _model('BASClassifier', channels_last=True).float()
    with torch.autocast('cpu', dtype=torch.float16):
        losses = model(_images(), samples_of(LABELS), mode='loss')
    (scale * total(losses)).backward()
    for name, p in model.named_parameters():
        difference = (p.grad.double() / scale - expected[name]).norm()
        assert difference <= 0.2 * expected[name].norm(), name


@needs_compile
@pytest.mark.parametrize('kind', KINDS)
def test_compiles_without_graph_breaks_in_loss_mode(kind):
    model = _model(kind)
    explained = torch._dynamo.explain(model)(_images().double(), samples_of(LABELS), mode='loss')
    assert explained.graph_break_count == 0, explained.break_reasons
    assert explained.graph_count == 1
    torch._dynamo.reset()


@needs_compile
def test_a_compiled_model_can_be_pickled():
    model = _model('CAMClassifier', compile=dict(backend='eager'))
    _step(model)
    other = pickle.loads(pickle.dumps(model))
    torch.testing.assert_close(_step(other)[0], _step(model)[0])


@needs_compile
def test_a_copy_of_a_compiled_model_computes_with_its_own_weights():
    model = _model('BASClassifier', compile=dict(backend='eager'))
    _step(model)
    other = copy.deepcopy(model)
    other.zero_grad()
    model.zero_grad()
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(1.5)
    losses = other(_images().double(), samples_of(LABELS), mode='loss')
    reference = _model('BASClassifier')
    reference.load_state_dict(other.state_dict())
    expected = reference(_images().double(), samples_of(LABELS), mode='loss')
    torch.testing.assert_close(losses['loss_cls'], expected['loss_cls'])
    total(losses).backward()
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.skipif(
    '__getstate__' not in vars(torch.nn.Module),
    reason='this torch copies what it compiled as it is',
)
def test_a_copy_of_what_torch_compiled_does_not_run_the_original():
    model = _model('CAMClassifier')
    model.compile(backend='eager')
    assert copy.deepcopy(model)._compiled_call_impl is None


def test_channels_last_holds_for_pictures_maps_and_weights_loaded_later():
    model = _model('BASClassifier', channels_last=True)
    model.load_state_dict(_model('BASClassifier').state_dict())
    features, tail_features = model.extract_feat(_images().double())
    weights = [p for p in model.parameters() if p.ndim == 4 and min(p.shape[1:3]) > 1]
    for tensor in (features, tail_features, model.head(tail_features), *weights):
        assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert model.generator.conv.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        (dict(checkpoint_segments=-1), 'must be a whole number of at least 0, got -1'),
        (dict(checkpoint_segments=1.5), 'must be a whole number of at least 0, got 1.5'),
        # Each of them is true.
        (dict(compile='False'), "='False': True, False or a dict of arguments is needed"),
        (dict(channels_last='False'), "='False': True or False is needed"),
        (dict(sync_batch_norm='False'), "='False': True or False is needed"),
    ],
    ids=str,
)
def test_options_of_another_type(option, message):
    with pytest.raises(ValueError) as error:
        _model('CAMClassifier', **option)
    (key,) = option
    assert str(error.value).startswith(f'model.{key}')
    assert str(error.value).endswith(message)


@pytest.mark.parametrize('kind', ['CAMClassifier', 'BASSegClassifier'])
def test_pictures_too_small_for_a_batch_norm(kind):
    message = 'a batch of 1 pictures of 8×8 leaves a batch norm one value .*train_dataloader'
    with pytest.raises(ValueError, match=message):
        _model(kind).loss(_images(1, 8).double(), samples_of(LABELS[:1]))


@pytest.mark.parametrize('cfg', [True, {}, dict(backend='eager')], ids=str)
def test_a_torch_that_would_break_the_graph(monkeypatch, cfg):
    monkeypatch.setattr(torch, '__version__', '2.6.0+cu124')
    _model('BASClassifier')  # without it, any torch will do
    with pytest.raises(ValueError, match=r'needs torch 2\.7 or later, here is 2\.6\.0\+cu124'):
        _model('BASClassifier', compile=cfg)


@needs_compile
def test_compile_and_checkpoints_exclude_each_other():
    message = r'model.compile=\{\} and model.checkpoint_segments=2'
    with pytest.raises(ValueError, match=message):
        _model('BASClassifier', compile={}, checkpoint_segments=2)


@needs_compile
def test_compile_and_checkpoints_of_other_packages_exclude_each_other():
    model = _model('BASClassifier', compile=dict(backend='eager'))
    turn_on_activation_checkpointing(model, 'backbone.layer4')
    with pytest.raises(ValueError, match='with_cp or activation_checkpointing: torch.compile'):
        model(_images().double(), samples_of(LABELS), mode='loss')


@needs_compile
def test_compile_and_synchronised_norms_exclude_each_other_on_several_processes(monkeypatch):
    model = _model('BASClassifier', compile=dict(backend='eager'))
    model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    monkeypatch.setattr(class_map_classifier, 'get_world_size', lambda: 2)
    with pytest.raises(ValueError, match='Set sync_bn=None; model.sync_batch_norm=True shares'):
        model(_images().double(), samples_of(LABELS), mode='loss')


@needs_compile
def test_another_batch_size_has_a_static_graph_of_its_own():
    graphs = []

    def backend(graph, inputs):
        sizes = [n for x in inputs for n in getattr(x, 'shape', (x,))]
        graphs.append('static' if all(isinstance(n, int) for n in sizes) else 'dynamic')
        return graph

    model = _model('CAMClassifier', compile=dict(backend=backend))
    for n in (4, 3, 4, 3):
        model(_images(n).double(), samples_of(LABELS[:n]), mode='loss')
    assert graphs == ['static', 'static']
    torch._dynamo.reset()


class _Names(TorchDispatchMode):
    """Notes every operator."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def _kept_by(model, function) -> int:
    """Numbers that a function keeps for its backward pass, but for the weights."""
    weights = {p.data_ptr() for p in model.parameters()}
    kept = []

    def pack(tensor):
        if tensor.data_ptr() not in weights:
            kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        function()
    return sum(kept)


@pytest.mark.parametrize('kind', ['BASClassifier', 'BASSegClassifier'])
def test_checkpointing_keeps_less_of_every_pass(kind):
    images, labels = _images().double(), torch.tensor(LABELS)

    def kept_of(**options):
        model = _model(kind, **options)
        features = model.front(images).detach().requires_grad_()
        front = _kept_by(model, lambda: model.front(images))
        return dict(
            front=front,
            tail=_kept_by(model, lambda: model.extract_feat(images)) - front,
            frozen=_kept_by(model, lambda: model.foreground_and_background(features, labels)),
            step=_kept_by(model, lambda: model.loss(images, samples_of(LABELS))),
        )

    plain, fewer = kept_of(), kept_of(checkpoint_segments=2)
    for part, limit in dict(front=1 / 4, tail=1 / 4, frozen=1 / 2, step=1 / 4).items():
        assert fewer[part] < limit * plain[part], part


@pytest.mark.parametrize('twin', [False, True], ids=['one process', 'two processes'])
@pytest.mark.parametrize('kind', KINDS)
def test_a_training_step_reads_no_value_and_sends_pictures_and_labels_alone(
    kind, twin, monkeypatch
):
    """On a device without values: whatever reads one there, or its place, is an error."""
    if twin:
        pretend_a_twin(monkeypatch)
    model = _model(kind).float().to('meta')
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    assert {isinstance(m, WaitFreeSyncBatchNorm) for m in norms} == {twin}
    wrapper = build_optim_wrapper(
        model,
        dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
    )
    pictures = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    with Moves() as moves:
        log = model.train_step(dict(inputs=pictures, data_samples=samples_of(LABELS)), wrapper)
    assert all(value.device.type == 'meta' for value in log.values())
    assert all(state['momentum_buffer'].shape for state in wrapper.optimizer.state.values())
    assert sorted(moves.seen) == [((4,), 'meta', True), ((4, 3, 64, 64), 'meta', True)]


@pytest.mark.parametrize(
    'wait',
    [
        lambda x: x[x > 0],
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: x.sum().item(),
        lambda x: bool(x[0] > 0),
        lambda x: x.cpu(),
        lambda x: x.nonzero(),
        lambda x: torch.unique(x),
        lambda x: torch.equal(x, x + 1),
        lambda x: x.repeat_interleave(torch.ones_like(x, dtype=torch.long)),
    ],
)
def test_the_device_without_values_notices(wait):
    with pytest.raises((NotImplementedError, RuntimeError, TypeError)):
        wait(torch.zeros(8, device='meta'))


@pytest.mark.parametrize('kind', ['BASClassifier', 'BASSegClassifier'])
def test_no_step_of_training_is_one_that_torch_refuses_to_make_deterministic_on_gpus(kind):
    model = _model(kind)
    targets = model.loss_targets(samples_of(LABELS), torch.device('cpu'))
    with _Names() as names:
        total(model.loss_terms(_images().double(), *targets)).backward()
    assert 'max_pool2d_with_indices_backward' in names.seen  # one that does not change
    # Of torch.use_deterministic_algorithms' list those that a network like ours could have.
    refused = ('adaptive_', 'upsample', 'reflection_pad', 'nll_loss2d', 'grid_sampler', 'put_')
    assert not [name for name in names.seen if name.lstrip('_').startswith(refused)]


def test_training_computes_the_maps_of_one_class_per_image_alone(monkeypatch):
    model = tiny_model().train()
    # A hook that fails: the convolution to all classes must not be run, nor the frozen pass's.
    calls = []
    model.generator.conv.register_forward_pre_hook(lambda *_: calls.append('generator'))
    model.head.classifier[-1].register_forward_pre_hook(lambda *_: calls.append('classifier'))
    total(model(_images(), samples_of(LABELS), mode='loss')).backward()
    assert calls == ['classifier']  # A itself, which score_1 and score_2 need whole
    assert model.generator.conv.weight.grad.abs().sum((1, 2, 3)).gt(0).all()


@pytest.mark.parametrize(('k', 'dense'), [(1, False), (2, False), (3, True), (4, True)])
def test_maps_of_few_classes_do_without_the_others(k, dense):
    model = tiny_model()
    features = torch.randn(2, 32, 5, 6)
    classes = torch.tensor([[3, 0, 1, 2], [2, 2, 0, 1]])[:, :k]
    whole = model.generator(features)
    calls = []
    model.generator.conv.register_forward_pre_hook(lambda *_: calls.append(1))
    maps = model.generator(features, classes)
    assert bool(calls) == dense
    for image in range(2):
        torch.testing.assert_close(maps[image], whole[image, classes[image]])


@pytest.mark.parametrize('option', ['fused', 'foreach'])
def test_fused_and_foreach_steps_are_those_of_the_plain_optimizer(option):
    def trained(**options):
        model = _model('BASClassifier', channels_last=bool(options))
        wrapper = build_optim_wrapper(
            model,
            dict(
                constructor='bas_mm.RecipeOptimWrapperConstructor',
                optimizer=dict(
                    type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4, nesterov=True, **options
                ),
            ),
        )
        assert all(group.get(option) == options.get(option) for group in wrapper.param_groups)
        for _ in range(3):
            wrapper.update_params(total(model(_images().double(), samples_of(LABELS), mode='loss')))
        return model.state_dict()

    plain, fast = trained(foreach=False), trained(**{option: True})
    for name, value in plain.items():
        torch.testing.assert_close(fast[name], value, rtol=1e-9, atol=1e-12, msg=name)
