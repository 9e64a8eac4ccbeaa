"""tools/analysis_tools/benchmark_inference.py for real, on a tiny network; none looks at a time."""

import gc
import json
import statistics
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from modules import load_module
from tiny_project import TinyProject
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from bas_mm.benchmarking.networks import initial_model, without_weights
from bas_mm.benchmarking.timing import ratio_cells, ratio_of_rounds
from bas_mm.registry import DATASETS

TOOL = 'analysis_tools/benchmark_inference.py'
CPU = torch.device('cpu')
PARTS = {'data', 'network', 'maps', 'rest', 'metric'}


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('project'))


@pytest.fixture(scope='module')
def tool(repo_dir):
    path = repo_dir / 'tools' / TOOL
    return load_module(path)


def run(project, *arguments, check=True):
    threads = torch.get_num_threads()
    try:
        return project.run_here(
            TOOL, '--configs', project.config, '--threads', 1, *arguments, check=check
        )
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def loaders_at_collections():
    """How many loaders have processes whenever the garbage collector is called."""
    collect, found = gc.collect, []
    collect()
    before = {id(thing) for thing in gc.get_objects()}

    def count_and_collect(*arguments):
        new = (thing for thing in gc.get_objects() if id(thing) not in before)
        found.append(sum(isinstance(thing, _MultiProcessingDataLoaderIter) for thing in new))
        return collect(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('gc.collect', count_and_collect)
        yield found


@pytest.fixture(scope='module')
def figures(project, loaders_at_collections):
    """Seven classes, K = 2: 20 crops in a batch, 23 pictures in a whole test."""
    out = project.folder / 'new' / 'figures.json'
    options = ['--batch', 20, '--pictures', 23, '--picture-size', 50, 60, '--rounds', 2]
    options += ['--classes', 7, '--maps', 1, 3, 9, '--workers', 1, '--metric-workers', 1]
    done = run(project, *options, '--cfg-options', 'model.test_cfg.topk=2', '--out', out)
    content = json.loads(out.read_text())
    (network,) = content['networks']
    return content, network, done.stdout


def check_summary(row, pictures):
    assert len(row['seconds']) == 2
    assert row['median'] == statistics.median(row['seconds'])
    assert row['pictures_per_second'] == pictures / row['median']


@pytest.mark.slow
def test_what_was_run(figures):
    content, network, _ = figures
    assert content['command'][:2] == ['benchmark_inference.py', '--configs']
    assert content['machine']['versions']['torch'] == torch.__version__
    assert (content['batch'], content['rounds'], content['device']) == (20, 2, 'cpu')
    assert (network['name'], network['classes'], network['recipe_topk']) == ('tiny', 7, 2)


@pytest.mark.slow
def test_loaders_end_before_they_are_collected(figures, loaders_at_collections):
    assert loaders_at_collections
    assert not any(loaders_at_collections)


@pytest.mark.slow
def test_batches(figures):
    _, network, out = figures
    assert list(network['batches']) == ['centre', 'ten']
    for view, pictures in (('centre', 20), ('ten', 2)):
        figures_of_view = network['batches'][view]
        bare = figures_of_view['network']
        assert figures_of_view['pictures'] == pictures
        check_summary(bare, pictures)
        assert [test['topk'] for test in figures_of_view['tests']] == [1, 2, 7]
        for test in figures_of_view['tests']:
            check_summary(test, pictures)
            assert test['to_network'] == ratio_of_rounds(test['seconds'], bare['seconds'])
            assert all(cell in out for cell in ratio_cells(test['to_network']))


@pytest.mark.slow
def test_parts_make_a_whole(figures):
    _, network, out = figures
    assert [(row['view'], row['topk']) for row in network['parts']] == [
        (view, topk) for view in ('centre', 'ten') for topk in (1, 2, 7)
    ]
    for row in network['parts']:
        # A test makes no boxes: what they take is told, and not added.
        assert set(row['seconds']) == set(row['shares']) == {'boxes', *PARTS}
        assert all(row['seconds'].values())
        assert row['sum'] == pytest.approx(sum(row['seconds'][part] for part in PARTS))
        assert sum(row['shares'][part] for part in PARTS) == pytest.approx(1)
        assert row['shares']['boxes'] == row['seconds']['boxes'] / row['sum']
        cells = [f'{row["shares"][part]:.1%}' for part in ('network', 'maps')]
        cells += [f'{row["shares"][part]:.1%}' for part in ('rest', 'metric', 'boxes')]
        assert any(line.replace('|', ' ').split()[-5:] == cells for line in out.splitlines())


@pytest.mark.slow
def test_maps_of_some_classes(figures):
    _, network, _ = figures
    maps = network['maps']
    check_summary(maps['all'], 20)
    assert [row['classes'] for row in maps['some']] == [1, 3, 7]  # there are no nine
    for row in maps['some']:
        check_summary(row, 20)
        assert row['to_all'] == ratio_of_rounds(row['seconds'], maps['all']['seconds'])


@pytest.mark.slow
def test_whole_tests(figures):
    _, network, out = figures
    for view, batch in (('centre', 20), ('ten', 2)):
        row = network['loop'][view]
        assert (row['pictures'], row['batch']) == (23, batch)
        assert (row['workers'], row['metric_workers'], row['topk']) == (1, 1, 2)
        for name in ('test', 'network', 'network_and_maps'):
            check_summary(row[name], 23)
        for name, below in (('to_network', 'network'), ('to_maps', 'network_and_maps')):
            ratio = ratio_of_rounds(row['test']['seconds'], row[below]['seconds'])
            assert row['test'][name] == ratio
            assert all(cell in out for cell in ratio_cells(ratio))
        parts = row['parts']
        assert set(parts['seconds']) == set(parts['shares']) == {'loader', 'boxes', *PARTS}
        assert all(parts['seconds'].values())
        assert parts['sum'] == pytest.approx(sum(parts['seconds'].values()))
        assert f'{parts["shares"]["network"]:.1%}' in out
        assert 0 <= row['figures']['localization/gt_known'] <= 100
    assert set(network['loop']['centre']['figures']) == set(network['loop']['ten']['figures'])


def test_generated_pictures(project, tool, tmp_path):
    """They are read by the config's own pipeline; every crop of every view is there."""
    tool.write_split_folder(tmp_path / 'data', 5, (50, 60), 4)
    for view, shape in (('centre', (3, 32, 32)), ('ten', (10, 3, 32, 32))):
        cfg = Config.fromfile(project.config)
        tool.point_at(cfg, tmp_path / 'data', 4, view, 30)
        assert cfg.test_dataloader.batch_size == 30 // tool.VIEWS[view]
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        assert len(dataset) == 5
        for item in dataset:
            assert item['inputs'].shape == shape
            assert item['inputs'].float().std() > 20
            # The middle half of 60×50, scaled to 40×40 and moved by −4.
            assert item['data_samples'].gt_bboxes.tolist() == [[6, 6, 26, 26]]
            assert 0 <= item['data_samples'].gt_label < 4


@pytest.fixture
def batch(project, tool, tmp_path):
    tool.write_split_folder(tmp_path / 'data', 4, (50, 60), 4)

    def make(view):
        cfg = without_weights(Config.fromfile(project.config))
        tool.point_at(cfg, tmp_path / 'data', 4, view, 20)
        return tool.Batch(initial_model(cfg).eval(), cfg, CPU)

    return make


@pytest.mark.parametrize(('view', 'images'), [('centre', 4), ('ten', 20)])
def test_a_batch(batch, view, images):
    """What is tested beside the network is the same pictures; in parts all comes out the same."""
    batch = batch(view)
    assert batch.images.shape == (images, 3, 32, 32)
    seen = []
    hook = batch.model.head.register_forward_hook(lambda *call: seen.append(call[2]))
    batch.network()
    for topk in (1, 3):
        predictions = batch.test(topk)
        assert batch.model.test_cfg.topk == topk
        assert len(predictions) == batch.pictures
        # NeededBoxesHook is not there to say so; what they take is measured in the parts alone.
        assert not any('pred_bboxes' in sample for sample in predictions)
    for topk in (1, 3):
        assert set(batch.parts(topk)) == {'boxes', *PARTS}
        assert batch.model.test_cfg.threshold == 0.3
    hook.remove()
    # Each ran the network once, over the very same pictures.
    assert len(seen) == 5
    assert all(torch.equal(maps, seen[0]) for maps in seen)
    assert 'front' not in vars(batch.model.split)


def test_a_batch_is_pinned_as_its_loader_says(batch, tool, monkeypatch):
    asked = []
    monkeypatch.setattr(tool, 'pin_pictures', lambda *arguments: asked.append(arguments))
    data = batch('centre').data
    ((pinned, loader, device),) = asked
    assert pinned is data
    assert loader.dataset.type == 'SplitFolder'
    assert device == CPU


@pytest.mark.parametrize(('view', 'crops'), [('centre', 1), ('ten', 10)])
@pytest.mark.parametrize('topk', [1, 2, -1])
def test_network_and_maps(batch, tool, view, crops, topk):
    """The maps beside which a whole test is timed are those that its prediction is the mean of."""
    batch = batch(view)
    batch.model.test_cfg.class_source = 'pred'
    seen = []
    maps = batch.model.maps
    batch.model.maps = lambda *inputs: seen.append(maps(*inputs)) or seen[-1]
    predictions = batch.test(topk)
    tool.maps_pass(batch.model, batch.images, crops)
    expected, found = seen
    count = 4 if topk == -1 else topk
    assert found.shape[:2] == expected.shape[:2] == (batch.pictures, count)
    if topk != 1 or crops == 1:  # one map of ten crops is that of all crops' best class
        assert torch.equal(found, expected)
        assert torch.equal(found.mean(1)[0], predictions[0].pred_map)


class SlowLoader:
    """Takes a clock's tick for each batch, and one to begin."""

    dataset = (1, 2, 3)

    def __init__(self, tick):
        self.tick = tick

    def __len__(self):
        return 3

    def __iter__(self):
        self.tick(10)
        return iter(self.batches())

    def batches(self):
        for item in self.dataset:
            self.tick(1)
            yield item


def test_waiting_for_the_loader(tool, monkeypatch):
    """What a loader takes to begin, and to make each batch, is booked to it; nothing else is."""
    now = [0.0]

    def tick(seconds):
        now[0] += seconds

    watch = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr('bas_mm.benchmarking.part_clock.time', watch)
    clock = tool.PartClock(CPU)
    loader = tool.WatchedLoader(SlowLoader(tick), clock)
    assert (len(loader), loader.dataset) == (3, (1, 2, 3))
    seen = []
    with clock.watching([]):
        for item in loader:
            tick(100)
            seen.append(item)
    assert seen == [1, 2, 3]
    assert clock.seconds == {'loader': 13, 'rest': 300}


def test_cam_has_no_maps_of_some_classes(batch, tool):
    batch = batch('centre')
    assert tool.measure_maps(batch, [1], 4, 1)['some'][0]['classes'] == 1
    del batch.model.generator
    assert tool.measure_maps(batch, [1], 4, 1) is None


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--configs', 'missing.py'], 'the config missing.py does not exist'),
        (['--maps', '0'], 'at least 1'),
        (['--workers', '-1'], 'at least 0'),
    ],
)
def test_wrong_arguments(project, arguments, message):
    done = project.run_here(TOOL, *arguments, check=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_network_that_fails_leaves_the_figures_of_those_before(
    project, tool, tmp_path, monkeypatch
):
    figures = iter([dict(classes=4)])
    monkeypatch.setattr(tool, 'measure', lambda *args: next(figures))
    out = tmp_path / 'figures.json'
    options = ['--classes', '4', '7', '--device', 'cpu', '--out', str(out)]
    with pytest.raises(StopIteration):
        tool.main(['--configs', str(project.config), *options])
    assert not out.exists()
    content = json.loads(out.with_name('figures.partial.json').read_text())
    assert [network['classes'] for network in content['networks']] == [4]
    assert content['rounds'] == 5


def test_no_crop_for_ten(project):
    """A pipeline without a centre crop: one clear line."""
    config = project.folder / 'no_crop.py'
    config.write_text(
        f"_base_ = '{project.config.as_posix()}'\n"
        "test_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadLocImage')]))\n"
    )
    options = ['--configs', config, '--views', 'ten', '--batch', 2, '--pictures', 0]
    done = run(project, *options, check=False)
    assert done.returncode == 2
    assert 'the test pipeline has no LocCenterCrop' in done.stderr
