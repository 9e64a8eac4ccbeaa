"""LocalizationVisualizationHook: which pictures, from what, under which names."""

import re
import sys
from collections import defaultdict
from types import ModuleType, SimpleNamespace
from uuid import uuid4

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from mmpretrain.structures import DataSample
from tiny import tiny_model, tiny_multi_label_model_cfg
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.engine.hooks import LocalizationVisualizationHook
from bas_mm.registry import MODELS
from bas_mm.visualization import LocalizationVisualizer
from bas_mm.visualization.functional import TRUE_COLOR


@pytest.fixture(autouse=True)
def visualizer():
    return LocalizationVisualizer.get_instance(f'hook_test_{uuid4()}')


def batch(ids, crops=False):
    """Inputs, BGR, with blue in proportion to the index; ten crops told apart by red."""
    inputs = torch.zeros(len(ids), 10, 3, 224, 224, dtype=torch.uint8)
    for crop in range(10):
        inputs[:, crop, 2] = crop
    inputs[:, :, 0] = 200
    samples = []
    for image_id in ids:
        sample = DataSample(metainfo={'image_id': image_id}).set_gt_label(0)
        sample.set_field(torch.rand(28, 28), 'pred_map')
        samples.append(sample)
    return {'inputs': inputs if crops else inputs[:, 4]}, samples


def runner(tmp_path, epoch=0):
    return SimpleNamespace(log_dir=str(tmp_path / 'log'), epoch=epoch, iter=epoch * 7)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file())


def test_every_third_picture_over_uneven_batches(tmp_path):
    hook = LocalizationVisualizationHook(enable=True, interval=3, out_dir=str(tmp_path))
    for _ in range(2):  # a second test counts from 0 again
        hook.before_test_epoch(None)
        start = 0
        for size in (4, 4, 2):
            data, samples = batch([f'test/{i}.jpg' for i in range(start, start + size)])
            hook.after_test_iter(runner(tmp_path), 0, data, samples)
            start += size
    assert files(tmp_path) == [f'test/{i}.jpg.png' for i in (0, 3, 6, 9)]


def test_processes_share_the_same_pictures(tmp_path, monkeypatch):
    for rank in range(2):
        monkeypatch.setattr(
            'bas_mm.engine.hooks.localization_visualization_hook.get_dist_info',
            lambda rank=rank: (rank, 2),
        )
        hook = LocalizationVisualizationHook(enable=True, interval=3, out_dir=str(tmp_path))
        hook.before_test_epoch(None)
        data, samples = batch([f'{i}.jpg' for i in range(rank, 10, 2)])
        hook.after_test_iter(runner(tmp_path), 0, data, samples)
    assert files(tmp_path) == [f'{i}.jpg.png' for i in (0, 3, 6, 9)]


@pytest.mark.parametrize('crops', [False, True])
def test_the_view_is_drawn_in_its_colours(crops, tmp_path):
    hook = LocalizationVisualizationHook(enable=True, interval=1, out_dir=str(tmp_path))
    data, samples = batch(['a.jpg'], crops)
    hook.after_test_iter(runner(tmp_path), 0, data, samples)
    drawing = cv2.imread(str(tmp_path / 'a.jpg.png'))
    # Blue as in the input; of ten crops the fifth, the centre one.
    assert (drawing[:224, :224] == (200, 0, 4)).all()


def test_ids_that_differ_in_suffix_or_leave_the_folder(tmp_path):
    out = tmp_path / 'out'
    hook = LocalizationVisualizationHook(enable=True, interval=1, out_dir=str(out))
    ids = ['a.jpg', 'a.png', '../../b.jpg', '/c.jpg', 'd/./e.jpg', '..', 'f\\g.jpg', '/']
    hook.after_test_iter(runner(tmp_path), 0, *batch(ids))
    expected = ['a.jpg.png', 'a.png.png', '__/__/b.jpg.png', 'c.jpg.png', 'd/e.jpg.png']
    expected += ['__.png', 'f/g.jpg.png', 'picture.png']
    assert files(tmp_path) == sorted(f'out/{name}' for name in expected)


def test_pictures_without_an_id_are_numbered(tmp_path):
    hook = LocalizationVisualizationHook(
        enable=True, interval=1, train_interval=1, out_dir=str(tmp_path)
    )
    for size in (2, 1):
        data, samples = batch([None] * size)
        hook.after_test_iter(runner(tmp_path), 0, data, samples)
    model = torch.nn.Module()
    model.test_step = lambda batch: samples
    hook.after_train_iter(SimpleNamespace(iter=0, model=model), 0, data)
    expected = [f'picture_{i}.png' for i in range(3)]
    assert files(tmp_path) == [*expected, 'train/iter_1/picture_0.png']


@pytest.mark.parametrize(
    ('loop', 'folders'),
    [
        (EpochBasedTrainLoop, ['epoch_1/', 'epoch_2/']),
        (IterBasedTrainLoop, ['iter_7/', 'iter_14/']),
        (None, ['']),
    ],
)
def test_validations_of_a_training_are_kept_apart(tmp_path, loop, folders):
    hook = LocalizationVisualizationHook(enable=True, interval=2, out_dir=str(tmp_path))
    if loop is not None:
        hook.before_train(SimpleNamespace(train_loop=object.__new__(loop)))
    for epoch in (1, 2):
        hook.before_val_epoch(None)
        # Each counts from 0.
        hook.after_val_iter(runner(tmp_path, epoch), 0, *batch(['a.jpg', 'b.jpg', 'c.jpg']))
    expected = {f'{folder}{name}.jpg.png' for folder in folders for name in 'ac'}
    assert set(files(tmp_path)) == expected
    # A validation afterwards is none of the training's.
    hook.after_train(None)
    hook.before_val_epoch(None)
    hook.after_val_iter(runner(tmp_path, 2), 0, *batch(['d.jpg']))
    assert set(files(tmp_path)) - expected == {'d.jpg.png'}


def test_names_and_steps_of_backends(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        LocalizationVisualizer, 'add_image', lambda self, name, _, step: drawn.append((name, step))
    )
    hook = LocalizationVisualizationHook(enable=True, train_interval=2)
    hook.before_train(SimpleNamespace(train_loop=object.__new__(EpochBasedTrainLoop)))
    data, samples = batch(['../b.jpg', 'c.jpg'])
    model = torch.nn.Module()
    model.test_step = lambda batch: samples
    for iteration in range(4):
        hook.after_train_iter(SimpleNamespace(iter=iteration, model=model), 0, data)
    hook.after_val_iter(runner(tmp_path, 3), 0, data, samples)
    hook.before_test_epoch(None)
    hook.after_test_iter(runner(tmp_path, 3), 0, *batch([f'{i}.jpg' for i in range(60)]))
    hook.after_train(None)
    hook.before_val_epoch(None)
    hook.after_val_iter(runner(tmp_path, 4), 0, data, samples)
    training = [(f'train/{i}', step) for step in (2, 4) for i in (0, 1)]
    tests = [(f'test/{i}.jpg', 0) for i in (0, 50)]
    assert drawn == [*training, ('val/__/b.jpg', 3), *tests, ('val/__/b.jpg', 0)]


def test_settings_of_a_drawing(tmp_path, monkeypatch):
    drawn = []

    def note(self, name, view, sample, **settings):
        drawn.append((view[0, 0].tolist(), settings))

    monkeypatch.setattr(LocalizationVisualizer, 'add_datasample', note)
    hook = LocalizationVisualizationHook(
        enable=True, interval=1, show=True, wait_time=2.0, threshold=0.3, channel_order='rgb'
    )
    hook.before_run(SimpleNamespace(visualizer=LocalizationVisualizer(), model=tiny_model()))
    hook.after_test_iter(runner(tmp_path), 0, *batch(['a.jpg']))
    settings = dict(threshold=0.3, show=True, wait_time=2.0, out_file=None, step=0)
    assert drawn == [([200, 0, 4], settings)]


def test_backends_get_as_many_pictures_on_several_processes(tmp_path, monkeypatch):
    drawn = defaultdict(list)
    monkeypatch.setattr(
        LocalizationVisualizer, 'add_image', lambda self, name, *_, **__: drawn[world].append(name)
    )
    for world in (1, 2, 3):
        for rank in range(world):
            monkeypatch.setattr(
                'bas_mm.engine.hooks.localization_visualization_hook.get_dist_info',
                lambda rank=rank: (rank, world),  # noqa: B023 - called at once
            )
            hook = LocalizationVisualizationHook(enable=True, interval=4)
            hook.before_test_epoch(None)
            data, samples = batch([f'{i}.jpg' for i in range(rank, 12, world)])
            hook.after_test_iter(runner(tmp_path), 0, data, samples)
    # Those of the main process, no further than the number of processes from 0, 4, 8.
    assert drawn[1] == drawn[2] == ['test/0.jpg', 'test/4.jpg', 'test/8.jpg']
    assert drawn[3] == ['test/0.jpg', 'test/3.jpg', 'test/6.jpg']


def test_off_by_default(tmp_path):
    hook = LocalizationVisualizationHook(out_dir=str(tmp_path))
    hook.after_test_iter(runner(tmp_path), 0, *batch(['a.jpg']))
    assert files(tmp_path) == []
    assert (hook.interval, hook.train_interval, hook.train_pictures) == (50, 0, 4)
    # A batch may be none, as mmengine's own hooks allow for.
    LocalizationVisualizationHook(enable=True).after_test_iter(runner(tmp_path), 0, None, None)
    for settings, data in ((dict(enable=True), None), (dict(), batch(['a.jpg'])[0])):
        hook = LocalizationVisualizationHook(train_interval=1, **settings)
        hook.after_train_iter(SimpleNamespace(iter=0), 0, data)


def test_bad_settings_and_inputs(tmp_path):
    with pytest.raises(ValueError, match='interval'):
        LocalizationVisualizationHook(interval=0)
    with pytest.raises(ValueError, match='train_interval'):
        LocalizationVisualizationHook(train_interval=-1)
    with pytest.raises(ValueError, match='train_pictures'):
        LocalizationVisualizationHook(train_pictures=0)
    with pytest.raises(ValueError, match='channel_order'):
        LocalizationVisualizationHook(channel_order='hsv')
    hook = LocalizationVisualizationHook(enable=True, interval=1, out_dir=str(tmp_path))
    data, samples = batch(['a.jpg'])
    with pytest.raises(ValueError, match='uint8'):
        hook.after_test_iter(runner(tmp_path), 0, {'inputs': data['inputs'].float()}, samples)


def test_drawing_into_the_void_is_refused(tmp_path):
    hook = LocalizationVisualizationHook(enable=True)
    model = tiny_model()
    with pytest.raises(ValueError, match=r'(?s)nowhere.*out_dir.*vis_backends'):
        hook.before_run(SimpleNamespace(visualizer=LocalizationVisualizer(), model=model))
    with pytest.raises(ValueError, match='LocalizationVisualizer.*is SimpleNamespace'):
        hook.before_run(SimpleNamespace(visualizer=SimpleNamespace(), model=model))
    good = LocalizationVisualizer(
        vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path)
    )
    hook.before_run(SimpleNamespace(visualizer=good, model=model))
    LocalizationVisualizationHook().before_run(SimpleNamespace(visualizer=None))
    for kind in ('BASSegClassifier', 'MultiLabelCAMClassifier'):
        several = MODELS.build(tiny_multi_label_model_cfg(kind))
        for model in (several, torch.nn.DataParallel(several)):
            message = f'{kind}, which predicts several labels and no map'
            with pytest.raises(ValueError, match=message):
                hook.before_run(SimpleNamespace(visualizer=good, model=model))
    # A folder of its own will do.
    hook = LocalizationVisualizationHook(enable=True, out_dir=str(tmp_path))
    hook.before_run(SimpleNamespace(visualizer=LocalizationVisualizer(), model=tiny_model()))


def test_training_pictures_are_the_main_process_s(tmp_path, monkeypatch):
    data, samples = batch(['a.jpg'])
    model, modes = torch.nn.Module(), []

    def test_step(batch):
        modes.append((model.training, torch.is_grad_enabled()))
        return samples

    model.test_step = test_step
    for rank, expected in ((1, []), (0, ['train/iter_8/a.jpg.png'])):
        monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None, rank=rank: rank)
        hook = LocalizationVisualizationHook(enable=True, train_interval=2, out_dir=str(tmp_path))
        state = SimpleNamespace(iter=7, model=model)
        hook.after_train_iter(state, 0, {**data, 'data_samples': samples})
        assert files(tmp_path) == expected
    assert modes == [(False, False)]
    assert model.training


class FakeWandb(ModuleType):
    """What mmengine's backend calls of Weights & Biases, and what came in."""

    def __init__(self):
        super().__init__('wandb')
        self.logged, self.settings, self.ended = [], None, False
        self.config = SimpleNamespace(update=lambda config, allow_val_change: None)
        self.run = SimpleNamespace(log_code=lambda name: None)

    class Image:
        def __init__(self, array):
            assert array.dtype == np.uint8
            self.array = array

    def init(self, **settings):
        self.settings = settings

    def log(self, values, commit):
        self.logged.append(dict(values))

    def join(self):
        self.ended = True


@pytest.fixture(scope='module')
def split_folder(tmp_path_factory):
    return write_split_folder(tmp_path_factory.mktemp('data'), dict(train=12, test=5))


def run_training(split_folder, work_dir, backends, **hook):
    """Weights and random state after three iterations, a validation and a test."""
    cfg = tiny_run_cfg(split_folder, work_dir, epochs=1, threshold=0.3)
    cfg.default_hooks.visualization = dict(type='LocalizationVisualizationHook', **hook)
    cfg.visualizer = dict(type='LocalizationVisualizer', vis_backends=backends)
    cfg.experiment_name = f'hook-{uuid4()}'
    trained = Runner.from_cfg(cfg)
    # A part that a recipe keeps in eval mode, as frozen batch norms are.
    trained.model.backbone.layer4.train = lambda mode=True: None
    for part in trained.model.backbone.layer4.modules():
        part.training = False
    trained.train()
    modes = {name: part.training for name, part in trained.model.named_modules()}
    state = trained.model.state_dict(), torch.get_rng_state()
    trained.test()
    return *state, modes


@pytest.mark.slow
def test_a_training_is_drawn_by_all_backends_and_not_disturbed(split_folder, tmp_path, monkeypatch):
    accumulator = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator', reason='needs tensorboard'
    )
    wandb = FakeWandb()
    monkeypatch.setitem(sys.modules, 'wandb', wandb)
    modes_seen = []
    draw = LocalizationVisualizer.add_datasample

    def spy(self, name, image, sample, **kwargs):
        modes_seen.append((name, torch.is_grad_enabled()))
        return draw(self, name, image, sample, **kwargs)

    monkeypatch.setattr(LocalizationVisualizer, 'add_datasample', spy)
    plain = run_training(split_folder, tmp_path / 'plain', [], enable=False)
    assert not modes_seen
    backends = [
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend'),
        dict(type='WandbVisBackend', init_kwargs=dict(project='seen')),
    ]
    hook = dict(enable=True, interval=2, train_interval=2, train_pictures=3)
    drawn = run_training(split_folder, tmp_path / 'drawn', backends, **hook)

    # Weights, running statistics, batch counters, random numbers and modes are the same.
    assert plain[0].keys() == drawn[0].keys()
    assert all(torch.equal(plain[0][name], drawn[0][name]) for name in plain[0])
    assert torch.equal(plain[1], drawn[1])
    assert plain[2] == drawn[2]

    tests = [f'test/{i:04d}.png' for i in (0, 2, 4)]
    expected = {f'train/{i}': 2 for i in range(3)}  # of three iterations the second
    expected.update({f'val/{name}': 1 for name in tests})
    expected.update({f'test/{name}': 0 for name in tests})

    (folder,) = (tmp_path / 'drawn').glob('*/vis_data/vis_image')
    assert files(folder) == sorted(f'{name}_{step}.png' for name, step in expected.items())
    board = accumulator.EventAccumulator(str(folder.parent), {'images': 0}).Reload()
    assert set(board.Tags()['images']) == set(expected)
    assert 'loss_area' in board.Tags()['scalars']
    of_wandb = {
        name: value.array
        for values in wandb.logged
        for name, value in values.items()
        if isinstance(value, FakeWandb.Image)
    }
    assert set(of_wandb) == set(expected)
    assert wandb.settings['project'] == 'seen'
    assert wandb.ended
    for name, step in expected.items():
        file = cv2.imread(str(folder / f'{name}_{step}.png'))[..., ::-1]
        (event,) = board.Images(name)
        assert event.step == step
        shown = cv2.imdecode(np.frombuffer(event.encoded_image_string, np.uint8), 1)[..., ::-1]
        np.testing.assert_array_equal(shown, file)
        np.testing.assert_array_equal(of_wandb[name], file)
        # Picture, map and boxes, 240 wide each: what a training batch has no true box of, too.
        assert file.shape[1] == 3 * 240 + 2 * 6


def test_weights_and_biases_without_an_account(tmp_path, monkeypatch):
    """The package itself: drawings and curves are in the folder of a run that is offline."""
    for name, value in (('MODE', 'offline'), ('CONSOLE', 'off'), ('ERROR_REPORTING', 'false')):
        monkeypatch.setenv(f'WANDB_{name}', value)
    pytest.importorskip('wandb', reason='wandb is not installed')
    drawer = LocalizationVisualizer(
        vis_backends=[dict(type='WandbVisBackend')], save_dir=str(tmp_path)
    )
    monkeypatch.setattr(
        'bas_mm.engine.hooks.localization_visualization_hook.Visualizer.get_current_instance',
        lambda: drawer,
    )
    hook = LocalizationVisualizationHook(enable=True, interval=2)
    drawer.add_config(Config(dict(lr=0.5)))
    drawer.add_scalars(dict(loss=0.25))
    hook.after_test_iter(runner(tmp_path), 0, *batch(['a/b.jpg', 'c.jpg', 'd.jpg']))
    drawer.close()
    (run,) = tmp_path.rglob('offline-run-*')
    assert len(list(run.glob('*.wandb'))) == 1
    drawn = sorted(path for path in run.rglob('*.png'))
    names = [path.relative_to(run / 'files/media/images').as_posix() for path in drawn]
    assert [re.sub(r'_\d+_\w+\.png$', '', name) for name in names] == ['test/a/b.jpg', 'test/d.jpg']
    for path in drawn:
        assert (cv2.imread(str(path))[:224, :224] == (200, 0, 4)).all()


def test_training_pictures_as_files(split_folder, tmp_path):
    out = tmp_path / 'pictures'
    run_training(
        split_folder, tmp_path / 'run', [], enable=True, interval=4, train_interval=1,
        train_pictures=2, out_dir=str(out),
    )  # fmt: skip
    names = files(out)
    training = [name for name in names if name.startswith('train/')]
    assert [sum(f'iter_{i}/' in name for name in training) for i in (1, 2, 3)] == [2, 2, 2]
    assert set(names) - set(training) == {
        *(f'epoch_1/test/{i:04d}.png.png' for i in (0, 4)),
        *(f'test/{i:04d}.png.png' for i in (0, 4)),
    }
    # A true box is in those of validation and test alone: training reads none.
    for name in names:
        true_box = (cv2.imread(str(out / name))[:240, -240:] == TRUE_COLOR).all(-1).any()
        assert true_box == (name not in training), name
    # The picture of a training name is that very picture of the set, perhaps mirrored.
    drawn = cv2.imread(str(out / training[0]))[2:240:5, 2:240:5]
    name = training[0].partition('/iter_1/')[2].removesuffix('.png')
    source = cv2.imread(str(split_folder / 'images' / name))
    assert any(np.array_equal(drawn, view) for view in (source, source[:, ::-1]))
