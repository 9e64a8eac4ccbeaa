"""tools/analysis_tools/benchmark_train.py, for real on a tiny network; no test looks at a time."""

import argparse
import copy
import json
import statistics
import weakref
from types import SimpleNamespace

import pytest
import torch
from compiling import needs_compile
from mmengine.config import Config
from modules import load_module
from tiny_project import TinyProject

from bas_mm.benchmarking.networks import random_items, without_weights
from bas_mm.benchmarking.timing import ratio_cells, ratio_of_rounds
from bas_mm.models.classifiers import BASClassifier

TOOL = 'analysis_tools/benchmark_train.py'
CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """The tiny BAS config, and one of CAM with the same network."""
    project = TinyProject(tmp_path_factory.mktemp('project'))
    project.cam = project.folder / 'tiny_cam.py'
    project.cam.write_text(
        f"_base_ = '{project.config.as_posix()}'\n"
        "model = dict(_delete_=True, type='CAMClassifier',\n"
        '    backbone={{_base_.model.backbone}}, split={{_base_.model.split}},\n'
        '    data_preprocessor={{_base_.model.data_preprocessor}},\n'
        "    head=dict(type='CAMHead', num_classes=4, in_channels=16, hidden_channels=8))\n"
    )
    return project


@pytest.fixture(scope='module')
def tool(repo_dir):
    path = repo_dir / 'tools' / TOOL
    return load_module(path)


def run(project, *arguments, check=True):
    configs = ['--cam', project.cam, '--bas', project.config]
    threads = torch.get_num_threads()
    try:
        return project.run_here(
            TOOL, *configs, '--size', 32, '--threads', 1, *arguments, check=check
        )
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def figures(project):
    out = project.folder / 'new' / 'figures.json'
    options = ['--variants', 'fused', 'bf16', 'bf16+foreach', '--classes', 4, 7]
    done = run(project, '--batch', 3, '--rounds', 3, '--steps', 2, *options, '--out', out)
    return json.loads(out.read_text()), done.stdout


def test_what_was_run(figures):
    content, _ = figures
    assert content['command'][:2] == ['benchmark_train.py', '--cam']
    assert content['machine']['versions']['torch'] == torch.__version__
    assert (content['batch'], content['size']) == (3, 32)
    assert (content['rounds'], content['steps']) == (3, 2)
    assert [network['classes'] for network in content['networks']] == [4, 7]
    assert {network['name'] for network in content['networks']} == {'tiny'}


def test_limits(figures):
    content, out = figures
    four, seven = (network['multiply_adds'] for network in content['networks'])
    for work in (four, seven):
        assert work['cam'] == sum(
            sum(work[part].values()) for part in ('front', 'tail', 'classifier')
        )
        assert work['amc']['to_weights'] == 0
        amc = sum(work['amc'].values())
        assert work['limit'] == 1 + amc / work['cam'] > 1
        assert f'{work["limit"]:.4f}' in out
    # Three more classes: the last layer, 8 channels to 4×4 points of class maps.
    assert seven['cam'] - four['cam'] == 3 * 3 * 8 * 4 * 4
    assert seven['generator'] == four['generator']  # one map, however many there are


def test_steps_and_their_ratios(figures):
    content, out = figures
    for network in content['networks']:
        assert list(network['variants']) == ['base', 'fused', 'bf16', 'bf16+foreach']
        for variant in network['variants'].values():
            cam, bas = variant['CAM'], variant['BAS']
            for row in (cam, bas):
                assert len(row['seconds']) == len(row['core_seconds']) == 3
                assert row['median'] == statistics.median(row['seconds'])
                assert row['images_per_second'] == 3 / row['median']
                assert 0 < row['held_bytes'] < row['peak_bytes']
            assert bas['time_to_cam'] == ratio_of_rounds(bas['seconds'], cam['seconds'])
            assert bas['over_limit'] * network['multiply_adds']['limit'] == pytest.approx(
                bas['time_to_cam']['median'], rel=1e-12
            )
            assert bas['memory_to_cam'] == bas['peak_bytes'] / cam['peak_bytes']
            # The generator: 8 channels of F, 3×3, and a bias, for each class; with its momentum.
            generator = 2 * 4 * (8 * 9 + 1) * network['classes']
            assert bas['held_bytes'] - cam['held_bytes'] == generator
        ratio = network['variants']['base']['BAS']['time_to_cam']
        assert all(cell in out for cell in ratio_cells(ratio))


def test_options_beside_the_base(figures):
    content, _ = figures
    for network in content['networks']:
        for method in ('CAM', 'BAS'):
            rows = {name: row[method] for name, row in network['variants'].items()}
            base = rows.pop('base')
            assert base['time_to_base'] == dict(median=1, min=1, max=1)
            assert base['memory_to_base'] == 1
            for name, row in rows.items():
                assert row['memory_to_base'] == row['peak_bytes'] / base['peak_bytes']
                assert row['time_to_base'] == ratio_of_rounds(row['seconds'], base['seconds'])
                # By what is left in torch's records of earlier runs, a batch's labels, 24 bytes,
                # are counted as freed in one run and not in another.
                less = base['peak_bytes'] - row['peak_bytes']
                assert less > 0.01 * base['peak_bytes'] if 'bf16' in name else less <= 24


def test_parts_make_a_whole(figures):
    content, out = figures
    for network in content['networks']:
        for method, parts in network['parts'].items():
            backward = {'backward_amc', 'backward_generator'}
            shares = parts['shares']
            whole = {part: share for part, share in shares.items() if part not in backward}
            assert sum(whole.values()) == pytest.approx(1)
            assert parts['sum'] == pytest.approx(sum(parts['seconds'][part] for part in whole))
            expected = {'data', 'front', 'tail', 'losses', 'backward', 'optimizer', 'rest'}
            if method == 'BAS':
                expected |= {'generator', 'amc'}
                assert backward <= set(shares)
            assert set(whole) == expected
            assert f'{shares["front"]:.1%}' in out


@pytest.mark.parametrize('method', ['CAM', 'BAS'])
def test_a_step_in_parts_is_a_step(project, tool, method):
    """The same weights and statistics afterwards, bit for bit, and no gradient left over."""
    path = project.cam if method == 'CAM' else project.config
    contenders = [
        tool.Contender(without_weights(Config.fromfile(path)), method, random_items(3, 32, 4), CPU)
        for _ in range(2)
    ]
    for _ in range(2):
        contenders[0].steps()
        contenders[1].parts()
    whole, parts = (contender.model.state_dict() for contender in contenders)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    fresh = tool.Contender(
        without_weights(Config.fromfile(path)), method, random_items(3, 32, 4), CPU
    )
    before = fresh.model.state_dict()
    trained = {
        name.partition('.')[0] for name in whole if not torch.equal(whole[name], before[name])
    }
    assert trained == {'backbone', 'head'} | ({'generator'} if method == 'BAS' else set())
    assert all(p.grad is None for p in contenders[1].model.parameters())


def test_each_step_gets_a_batch_as_a_loader_gives_it(project, tool):
    """Its labels are on the host, where an earlier step or another model has sent them away."""
    cfg = without_weights(Config.fromfile(project.config))
    items = random_items(3, 32, 4)
    labels = [item['data_samples'].gt_label for item in items]
    contenders = [tool.Contender(cfg, 'BAS', items, CPU) for _ in range(2)]
    batches = []

    def step_that_sends(data, wrapper):
        batches.append([sample.gt_label for sample in data['data_samples']])
        assert torch.equal(data['inputs'], torch.stack([item['inputs'] for item in items]))
        for sample in data['data_samples']:
            sample.set_gt_label(sample.gt_label.to('meta'))

    for contender in contenders:
        contender.model.train_step = step_that_sends
        contender.steps(2)
        contender.steps()
    assert batches == [labels] * 6


def test_a_round_is_of_several_steps(project, tool, monkeypatch):
    """Its seconds are those of one of them."""
    steps, waits, warmed_up = [], [], []
    warm_up = tool.Contender.warm_up
    monkeypatch.setattr(
        tool.Contender, 'warm_up', lambda self: warmed_up.append(self.what) or warm_up(self)
    )

    def seconds_in_turn(rounds, functions):
        steps.clear()
        waits.clear()
        for function in functions.values():
            function()
        return {name: [(6.0, 3.0), (9.0, 1.5)] for name in functions}

    monkeypatch.setattr(tool, 'seconds_in_turn', seconds_in_turn)
    now = [0.0]

    def wait(device):
        waits.append(device)
        now[0] += 4

    monkeypatch.setattr(tool, 'synchronise', wait)
    monkeypatch.setattr(tool, 'time', SimpleNamespace(perf_counter=lambda: now[0]))
    train_step = BASClassifier.train_step
    monkeypatch.setattr(
        BASClassifier, 'train_step', lambda *args: steps.append(1) or train_step(*args)
    )
    args = argparse.Namespace(batch=2, rounds=2, steps=3, size=32, methods=['BAS'], no_parts=True)
    figures = tool.measure(
        lambda method: without_weights(Config.fromfile(project.config)), ['base'], args, CPU
    )
    assert warmed_up == ['BAS, base']
    assert (len(steps), len(waits)) == (3, 1)
    row = figures['variants']['base']['BAS']
    assert (row['seconds'], row['core_seconds']) == ([2.0, 3.0], [1.0, 0.5])
    assert row['images_per_second'] == 2 / 2.5
    assert (row['wait_seconds'], row['wait']) == ([4], 4)  # of a round, not of a step


def test_steps_that_wait_for_the_host(figures, tool):
    """Where the device has hardly anything left to do at a round's end, the limit is not its."""
    content, out = figures
    network = copy.deepcopy(content['networks'][0])
    for rows in network['variants'].values():
        for row in rows.values():
            assert row['wait'] == statistics.median(row['wait_seconds'])
            assert len(row['wait_seconds']) == 3
            row.update(median=2.0, wait=1.25)
    base = network['variants']['base']
    base['CAM']['wait'] = 0.125
    assert tool.held_up([network]) == ['tiny (C = 4, CAM, base)']
    head, row = tool.step_table([network], 'base', waits=True)
    assert head[2:8] == ['CAM, s', 'wait, s', 'images/s', 'BAS, s', 'wait, s', 'images/s']
    assert (row[2:4], row[5:7], len(row)) == (['2', '0.125'], ['2', '1.25'], len(head))
    head, row, *_ = tool.variants_table([network], ['base'], waits=True)
    assert (head[4:6], row[4:6], len(row)) == (['step, s', 'wait, s'], ['2', '0.125'], len(head))
    # A CPU does the work itself.
    assert 'wait' not in out
    assert 'hardly ahead' not in out


def test_groups_of_variants(tool):
    cuda = torch.device('cuda')
    assert tool.groups_of(['base', 'fused', 'bf16'], CPU) == [['base', 'fused', 'bf16']]
    assert tool.groups_of(['base', 'fused', 'bf16'], cuda) == [['base', 'fused'], ['base', 'bf16']]
    assert tool.groups_of(['base'], cuda) == [['base']]


def test_variants_in_groups(project, tool, monkeypatch):
    """Four models at most, those of the base kept; ratios are those of a group's rounds."""
    begun, alive = [], weakref.WeakSet()

    class Watched(tool.Contender):
        def __init__(self, cfg, what, *arguments):
            begun.append(what)
            super().__init__(cfg, what, *arguments)
            alive.add(self.model)
            assert len(alive) <= 4

    rounds = iter([{'base': 2.0, 'fused': 3.0}, {'base': 5.0, 'foreach': 10.0}])

    def seconds_in_turn(count, functions):
        for function in functions.values():
            function()
        seconds = next(rounds)
        return {(v, m): [(seconds[v] * (1 + (m == 'BAS')), 1.0)] * count for v, m in functions}

    monkeypatch.setattr(tool, 'Contender', Watched)
    monkeypatch.setattr(tool, 'seconds_in_turn', seconds_in_turn)
    monkeypatch.setattr(tool, 'groups_of', lambda *_: [['base', 'fused'], ['base', 'foreach']])
    args = argparse.Namespace(batch=2, rounds=2, steps=1, size=32, no_parts=True)
    args.methods = ['CAM', 'BAS']
    paths = dict(CAM=project.cam, BAS=project.config)
    figures = tool.measure(
        lambda method: without_weights(Config.fromfile(paths[method])),
        ['base', 'fused', 'foreach'],
        args,
        CPU,
    )
    variants = figures['variants']
    assert begun == [f'{method}, {variant}' for variant in variants for method in args.methods]
    for method, factor in (('CAM', 1), ('BAS', 2)):
        rows = {variant: variants[variant][method] for variant in variants}
        assert [row['median'] / factor for row in rows.values()] == [2.0, 3.0, 10.0]
        assert [row['time_to_base']['median'] for row in rows.values()] == [1.0, 1.5, 2.0]


@pytest.mark.parametrize(('left_out', 'steps'), [(0, 2), (1, 2), (3, 4), (21, 22), (22, None)])
def test_warming_up_ends_after_the_optimizers_first_step(project, tool, capsys, left_out, steps):
    """Scaled losses that overflow leave steps out: it would have no state yet."""
    cfg = without_weights(Config.fromfile(project.config))
    contender = tool.Contender(cfg, 'BAS, fp16', random_items(2, 32, 4), CPU)
    optimizer, calls = contender.wrapper.optimizer, []

    def step_of_wrapper():
        calls.append(True)
        if len(calls) > left_out:
            optimizer.step()

    contender.wrapper.step = step_of_wrapper
    if steps is None:
        capsys.readouterr()  # what mmengine says of the initial weights
        with pytest.raises(SystemExit) as caught:
            contender.warm_up()
        assert caught.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert 'BAS, fp16: the optimizer left out all of 22 steps' in line
        return
    contender.warm_up()
    assert len(calls) == steps
    assert all('momentum_buffer' in state for state in optimizer.state.values())
    assert optimizer.state
    assert not optimizer._optimizer_step_post_hooks


@needs_compile
def test_parts_of_a_compiled_model_are_those_of_the_model_as_written(project, tool):
    cfg = without_weights(Config.fromfile(project.config))
    cfg.model.compile = dict(backend='none of that name')
    contender = tool.Contender(cfg, 'BAS', random_items(3, 32, 4), CPU)
    assert {'front', 'tail', 'amc'} <= set(contender.parts())
    with pytest.raises(Exception, match='none of that name'):
        contender.steps()  # compiled, as before


def test_models_of_earlier_networks_do_not_count_for_the_compiler(project, monkeypatch):
    """It would run the ninth model of a class uncompiled."""
    resets = []
    monkeypatch.setattr(torch.compiler, 'reset', lambda: resets.append(True))
    options = ['--methods', 'CAM', '--no-parts', '--batch', 2, '--rounds', 1]
    run(project, *options, '--classes', 4, 7)
    assert len(resets) == 2


def test_a_network_that_fails_leaves_the_figures_of_those_before(
    project, tool, tmp_path, monkeypatch
):
    figures = iter([dict(classes=4)])
    monkeypatch.setattr(tool, 'measure', lambda *args: next(figures))
    out = tmp_path / 'figures.json'
    configs = ['--cam', str(project.cam), '--bas', str(project.config)]
    with pytest.raises(StopIteration):
        tool.main([*configs, '--classes', '4', '7', '--device', 'cpu', '--out', str(out)])
    assert not out.exists()
    content = json.loads(out.with_name('figures.partial.json').read_text())
    assert [network['classes'] for network in content['networks']] == [4]
    assert content['rounds'] == 5


@pytest.mark.parametrize(
    ('variant', 'device', 'model', 'wrapper', 'optimizer'),
    [
        ('base', 'cpu', {}, 'OptimWrapper', {}),
        ('channels_last', 'cpu', dict(channels_last=True), 'OptimWrapper', {}),
        ('compile', 'cpu', dict(compile={}), 'OptimWrapper', {}),
        ('checkpoint', 'cuda', dict(checkpoint_segments=4), 'OptimWrapper', {}),
        ('fused', 'cuda', {}, 'OptimWrapper', dict(fused=True)),
        ('foreach', 'cpu', {}, 'OptimWrapper', dict(foreach=True)),
        ('bf16', 'cpu', {}, 'bas_mm.CPUAmpOptimWrapper', {}),
        ('bf16', 'cuda', {}, 'AmpOptimWrapper', {}),
        ('channels_last+fp16', 'cuda', dict(channels_last=True), 'AmpOptimWrapper', {}),
    ],
)
def test_options_are_settings_of_the_config(
    project, tool, variant, device, model, wrapper, optimizer
):
    cfg, before = (Config.fromfile(project.config) for _ in range(2))
    tool.apply_variant(cfg, variant, torch.device(device))
    assert cfg.model.to_dict() == {**before.model.to_dict(), **model}
    assert cfg.optim_wrapper.type == wrapper
    assert cfg.optim_wrapper.optimizer.to_dict() == {
        **before.optim_wrapper.optimizer.to_dict(),
        **optimizer,
    }
    if wrapper == 'AmpOptimWrapper':
        dtype = 'bfloat16' if 'bf16' in variant else 'float16'
        assert cfg.optim_wrapper.dtype == dtype
        scale = dict(bfloat16=dict(enabled=False), float16=dict(init_scale=4096))[dtype]
        assert cfg.optim_wrapper.loss_scale == scale


def test_float16_is_scaled_where_the_config_scales_nothing(project, tool):
    cfg = Config.fromfile(project.config)
    cfg.optim_wrapper.loss_scale = dict(enabled=False)
    tool.apply_variant(cfg, 'fp16', torch.device('cuda'))
    assert cfg.optim_wrapper.loss_scale == dict(init_scale=4096)


def test_one_method_alone_in_the_mixed_precision_of_a_gpu(project):
    """Its config is that of a GPU; here it trains in bfloat16, as with --amp."""
    out = project.folder / 'bas.json'
    amp = ['type=AmpOptimWrapper', 'dtype=float16', 'loss_scale=dynamic']
    options = ['--device', 'cpu', '--variants', 'bf16']
    options += ['--cfg-options', *(f'optim_wrapper.{setting}' for setting in amp)]
    options += ['--methods', 'BAS', '--no-parts', '--batch', 2, '--rounds', 1, '--out', out]
    done = run(project, *options)
    (network,) = json.loads(out.read_text())['networks']
    assert set(network['variants']['base']) == {'BAS'}
    assert 'parts' not in network
    assert 'Steps' not in done.stdout


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--cam', 'missing.py', '--bas', 'missing.py'], 'the config missing.py does not exist'),
        (['--bas', 'missing.py'], 'the same number of configs'),
        (['--variants', 'base+quick'], "there is no option 'quick'"),
        (['--rounds', '0'], 'at least 1'),
        (['--steps', '0'], 'at least 1'),
    ],
)
def test_wrong_arguments(project, arguments, message):
    done = project.run_here(TOOL, *arguments, check=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_what_cannot_be_run(project):
    done = run(project, '--device', 'cpu', '--variants', 'fp16', check=False)
    assert (done.returncode, 'fp16 needs a GPU' in done.stderr) == (2, True)
    done = run(project, '--cfg-options', 'model.speed=2', check=False)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("unexpected keyword argument 'speed'")
