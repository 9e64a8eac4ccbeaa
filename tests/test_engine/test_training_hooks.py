"""ClassCountHook, EmptyLoaderHook and NonFiniteLossHook inside a real Runner."""

from types import SimpleNamespace

import pytest
import torch
from gloo_pair import run_pair
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder


@pytest.fixture(scope='module')
def split_folder(tmp_path_factory):
    return write_split_folder(tmp_path_factory.mktemp('data'), dict(train=8, test=5))


def _runner(cfg, name: str) -> Runner:
    cfg.experiment_name = name
    return Runner.from_cfg(cfg)


@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
def test_stock_runner_trains_and_tests(split_folder, tmp_path, kind):
    runner = _runner(tiny_run_cfg(split_folder, tmp_path, kind, epochs=1), f'run-{kind}')
    before = {n: p.detach().clone() for n, p in runner.model.named_parameters()}
    runner.train()
    assert (tmp_path / 'epoch_1.pth').is_file()
    moved = [n for n, p in runner.model.named_parameters() if not torch.equal(before[n], p)]
    assert {'backbone', 'head'} <= {n.split('.')[0] for n in moved}
    figures = runner.test()
    assert 0 <= figures['localization/gt_known'] <= 100
    assert figures['localization/threshold'] in (0.2, 0.4, 0.6)


@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
def test_hooks_of_mmpretrain(split_folder, tmp_path, kind):
    """They ask for the names of the classes, and for the loss, by mmpretrain's own names."""
    cfg = tiny_run_cfg(split_folder, tmp_path, kind, epochs=2)
    smooth = dict(type='mmpretrain.LabelSmoothLoss', label_smooth_val=0.3, mode='original')
    # ClassNumCheckHook compares what each part of the model has.
    cfg.model.setdefault('data_preprocessor', {}).update(num_classes=cfg.model.head.num_classes)
    cfg.custom_hooks = [
        dict(type='mmpretrain.ClassNumCheckHook'),
        dict(type='mmpretrain.SwitchRecipeHook', schedule=[dict(action_epoch=2, loss=smooth)]),
    ]
    runner = _runner(cfg, f'run-mmpretrain-{kind}')
    runner.train()
    head = runner.model.head
    assert type(head.loss_module).__name__ == 'LabelSmoothLoss'
    maps, labels = torch.rand(2, head.num_classes, 3, 3), torch.tensor([0, 1])
    expected = head.loss_module(maps.mean((2, 3)), labels)
    if kind == 'CAMClassifier':
        assert head.loss(maps, labels)['loss_cls'] == expected
    cfg.model.head.num_classes += 1
    if kind == 'BASClassifier':
        cfg.model.generator.num_classes += 1
    with pytest.raises(AssertionError, match='does not matches'):
        _runner(cfg, f'run-classes-{kind}').train()


def test_a_training_without_a_batch_is_refused(split_folder, tmp_path):
    cfg = tiny_run_cfg(split_folder, tmp_path, epochs=1)
    cfg.custom_hooks = [dict(type='EmptyLoaderHook')]
    cfg.train_dataloader.update(batch_size=9, drop_last=True)
    message = r'train_dataloader\.batch_size=9: the 8 pictures of a process are fewer'
    with pytest.raises(ValueError, match=message):
        _runner(cfg, 'run-empty').train()
    assert not list(tmp_path.glob('*.pth'))
    cfg.train_dataloader.batch_size = 8
    _runner(cfg, 'run-one-batch').train()
    assert (tmp_path / 'epoch_1.pth').is_file()
    # Loops of iterations take their pictures from a sampler that never ends.
    cfg.train_dataloader.update(batch_size=9, sampler=dict(type='InfiniteSampler'))
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=1, val_interval=9)
    cfg.default_hooks.checkpoint = None
    cfg.param_scheduler = None
    runner = _runner(cfg, 'run-iterations')
    runner.train()
    assert runner.iter == 1


def test_an_epoch_without_an_end_is_refused(split_folder, tmp_path):
    cfg = tiny_run_cfg(split_folder, tmp_path, epochs=1)
    cfg.custom_hooks = [dict(type='EmptyLoaderHook')]
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    runner = _runner(cfg, 'run-without-an-end')

    def never(*_, **__):
        raise AssertionError('the training has begun')

    runner.model.train_step = never
    with pytest.raises(ValueError, match=r'train_dataloader\.sampler: .* an epoch never ends'):
        runner.train()


@pytest.mark.parametrize(
    ('loader', 'said'),
    [
        # Six pictures and five.
        (dict(batch_size=2, drop_last=True), 'the processes have 3, 2 batches, and those with'),
        (dict(batch_size=6, drop_last=True), 'batch_size=6: the 5 pictures of a process are few'),
        (dict(batch_size=3), None),
    ],
)
def test_processes_with_different_numbers_of_batches_are_refused(tmp_path, loader, said):
    """Both of them end: the one with more would wait for hours, the one with fewer goes on."""
    data = write_split_folder(tmp_path / 'data', dict(train=11, test=2))

    def train(rank: int) -> None:
        cfg = tiny_run_cfg(data, tmp_path / 'run', epochs=1)
        cfg.custom_hooks = [dict(type='EmptyLoaderHook')]
        cfg.train_dataloader.update(loader)
        cfg.train_dataloader.sampler.round_up = False
        message = None
        try:
            _runner(cfg, 'run-uneven').train()
        except ValueError as error:
            message = str(error)
        assert message is None if said is None else said in message, message

    run_pair(train, tmp_path, seconds=60)


@pytest.mark.parametrize(
    'train_cfg',
    [
        dict(by_epoch=True, max_epochs=2),
        dict(type='IterBasedTrainLoop', max_iters=6),
    ],
)
def test_a_list_in_place_of_the_loader(repo_dir, tmp_path, monkeypatch, train_cfg):
    """mmpretrain's vis_scheduler.py draws a schedule so: a model that does nothing, no data."""
    monkeypatch.setattr('mmengine.runner.loops.time', SimpleNamespace(sleep=lambda _: None))
    said = []
    monkeypatch.setattr(
        'bas_mm.engine.hooks.epoch_seed_hook.print_log', lambda text, **_: said.append(text)
    )

    class Numbers(list):
        dataset = SimpleNamespace(metainfo=None)

    class Nothing(BaseModel):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 1, 1)
            self.steps = 0

        def forward(self, inputs, data_samples, mode='tensor'):
            pass

        def train_step(self, data, optim_wrapper):
            self.steps += 1

    model = Nothing()
    Runner(
        model=model,
        work_dir=str(tmp_path),
        train_dataloader=Numbers(range(3)),
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(checkpoint=None, logger=None, runtime_info=None),
        custom_hooks=Config.fromfile(repo_dir / 'configs/_base_/default_runtime.py').custom_hooks,
        default_scope='bas_mm',
        log_level='WARNING',
        experiment_name=f'run-list-{len(train_cfg)}-{"type" in train_cfg}',
    ).train()
    assert model.steps == 6
    (warning,) = said
    assert 'come from a Numbers, which is no DataLoader of torch' in warning


def test_nan_loss_stops_with_its_terms_and_keeps_the_last_checkpoint(split_folder, tmp_path):
    runner = _runner(tiny_run_cfg(split_folder, tmp_path), 'run-nan')

    def poison(module, args, output):
        # In the second epoch's last iteration, after which a checkpoint is due.
        return output * float('nan') if module.training and runner.iter == 3 else output

    runner.model.generator.register_forward_hook(poison)
    with pytest.raises(FloatingPointError) as error:
        runner.train()
    message = str(error.value)
    assert 'iteration 4 (epoch 2)' in message
    for term in ('loss_cls=', 'loss_fg=nan', 'loss_area=nan'):
        assert term in message
    assert str(tmp_path / 'epoch_1.pth') in message
    kept = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    assert all(torch.isfinite(v).all() for v in kept.values() if v.is_floating_point())
    assert [p.name for p in tmp_path.glob('epoch_*.pth')] == ['epoch_1.pth']


@pytest.mark.parametrize(
    ('kind', 'parts', 'count'),
    [
        ('BASClassifier', ('head', 'generator'), 7),
        ('CAMClassifier', ('head',), 7),
        ('CAMClassifier', ('head',), 3),
    ],
)
def test_other_number_of_classes_is_named_before_the_first_iteration(
    split_folder, tmp_path, kind, parts, count
):
    cfg = tiny_run_cfg(split_folder, tmp_path, kind)
    for part in parts:
        cfg.model[part].num_classes = count
    runner = _runner(cfg, f'run-classes-{kind}-{count}')
    wrong = ' and '.join(f'model.{part}.num_classes={count}' for part in parts)
    right = ' and '.join(f'model.{part}.num_classes=4' for part in parts)
    message = f'{wrong}, but {{}}_dataloader.dataset has 4 classes. Set {right}.'
    with pytest.raises(ValueError, match=message.format('train')):
        runner.train()
    assert runner.iter == 0
    for phase in ('val', 'test'):
        with pytest.raises(ValueError, match=message.format(phase)):
            getattr(runner, phase)()


def test_classes_in_another_order_are_refused(split_folder, tmp_path):
    swapped = ('green', 'red', 'blue', 'white')
    said = "dataset has the classes in another order than {}: class 0, counted from 0, is '{}' in"

    def run(name: str, phase: str, **changed: tuple[str, ...]) -> str | None:
        cfg = tiny_run_cfg(split_folder, tmp_path, 'CAMClassifier', epochs=1)
        if phase != 'train':
            cfg.load_from = str(tmp_path / 'epoch_1.pth')
        for loader, classes in changed.items():
            if loader in ('resume', 'load_from'):
                cfg[loader] = classes
            else:
                cfg[f'{loader}_dataloader'].dataset.classes = classes
        runner = _runner(cfg, f'run-order-{name}')
        try:
            getattr(runner, phase)()
        except ValueError as error:
            return str(error)
        return None

    # Before the first iteration, not at the first validation.
    message = run('1', 'train', val=swapped)
    assert message.startswith(
        'val_dataloader.' + said.format('train_dataloader.dataset', 'green')
    ), message
    assert not list(tmp_path.glob('*.pth'))
    assert run('2', 'train') is None
    checkpoint = 'the training set of the checkpoint'
    for phase in ('val', 'test'):
        assert run(f'3{phase}', phase) is None
        message = run(f'4{phase}', phase, **{phase: swapped})
        assert message.startswith(f'{phase}_dataloader.' + said.format(checkpoint, 'green'))
        # Names of another kind, and numbers in place of names.
        assert run(f'5{phase}', phase, **{phase: ('r', 'g', 'b', 'w')}) is None
        assert run(f'6{phase}', phase, **{phase: 4}) is None
    # A training goes on with the classes that it began with; it may begin with any weights.
    every = dict(train=swapped, val=swapped)
    first = str(tmp_path / 'epoch_1.pth')
    message = run('7', 'train', resume=True, load_from=first, **every)
    assert message.startswith('train_dataloader.' + said.format(checkpoint, 'green'))
    assert run('8', 'train', load_from=first, **every) is None


def test_checkpoints_without_names_are_tested(split_folder, tmp_path):
    cfg = tiny_run_cfg(split_folder, tmp_path, 'CAMClassifier')
    runner = _runner(cfg, 'run-no-names')
    for content in (dict(), dict(meta=None), dict(meta=dict(dataset_meta=dict(classes='x')))):
        weights = runner.model.state_dict()
        torch.save(dict(state_dict=weights, **content), tmp_path / 'bare.pth')
        cfg.load_from = str(tmp_path / 'bare.pth')
        _runner(cfg, f'run-no-names-{len(str(content))}').test()
