"""IRNet trained by a stock Runner from its config, and the mean field in its checkpoint."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from gloo_pair import run_pair
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tiny_irn import pictures_cfg, tiny_irn_cfg, write_irn_pictures

from bas_mm.engine.hooks.displacement_mean_hook import DisplacementMeanHook, displacement_mean
from bas_mm.registry import MODELS

CONFIG = Path(__file__).resolve().parents[3] / 'configs/wsss/irn_resnet50_voc12.py'
KEY = 'mean_shift.running_mean'


def _cfg(root: Path, work_dir: Path, name: str) -> Config:
    """The config of VOC 2012 with a small network and small crops."""
    cfg = Config.fromfile(CONFIG)
    cfg.model = tiny_irn_cfg(crop=48)
    loader = cfg.train_dataloader
    loader.update(batch_size=2, num_workers=0)
    loader.dataset.pictures = pictures_cfg(root)
    loader.dataset.label_dir = str(root / 'labels')
    next(t for t in loader.dataset.pipeline if t.type == 'mmseg.RandomCrop').crop_size = (48, 48)
    cfg.train_cfg.max_epochs = cfg.param_scheduler[0].end = 2
    cfg.default_hooks.logger.interval = 1
    cfg.log_level = 'WARNING'
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = name
    return cfg


@torch.no_grad()
def _slow_mean(model, root: Path) -> torch.Tensor:
    """Of all points of the pictures as they are, one after the other."""
    import cv2

    total, count = torch.zeros(2, dtype=torch.float64), 0
    for path in sorted((root / 'JPEGImages').iterdir()):
        rgb = torch.from_numpy(cv2.imread(str(path))[..., ::-1].copy()).permute(2, 0, 1)
        inputs = (rgb.float()[None] - 127) / 64
        field = model.displacement_branch(model.extract_feat(inputs))[0].double()
        total += field.flatten(1).sum(1)
        count += field[0].numel()
    return total / count


def _resume(cfg: Config, checkpoint: Path) -> Runner:
    """A run that goes on from a checkpoint, with its epochs behind it."""
    cfg.resume, cfg.load_from = True, str(checkpoint)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def test_run_from_the_config_with_its_mean(tmp_path):
    root = write_irn_pictures(tmp_path / 'set', 4)
    runner = Runner.from_cfg(_cfg(root, tmp_path / 'run', 'irn-run'))
    runner.train()

    scalars = runner.message_hub.log_scalars
    for name in ('loss_pos', 'loss_neg', 'loss_dp_fg', 'loss_dp_bg'):
        values, counts = scalars[f'train/{name}'].data
        assert len(values) == 4
        assert (values > 0).all()
    state = runner.model.state_dict()
    last, first = (torch.load(tmp_path / f'run/epoch_{i}.pth', weights_only=False) for i in (2, 1))
    learnt = {n for n, value in state.items() if not torch.equal(value, first['state_dict'][n])}
    assert {name.split('.')[0] for name in learnt} == {
        'boundary_branch',
        'displacement_branch',
        'mean_shift',
    }
    # The displacement branch learns ten times as fast; at the end both rates are 0.
    rates = {
        name: group['initial_lr']
        for group in runner.optim_wrapper.optimizer.param_groups
        for name, parameter in runner.model.named_parameters()
        if any(parameter is p for p in group['params'])
    }
    ratio = rates['displacement_branch.field.weight'] / rates['boundary_branch.joint.weight']
    assert ratio == pytest.approx(10)

    mean = _slow_mean(runner.model, root)
    torch.testing.assert_close(state[KEY].double(), mean, rtol=1e-4, atol=1e-6)
    assert torch.equal(last['state_dict'][KEY], state[KEY])
    assert 'optimizer' in last
    # Other weights have another mean.
    assert not first['state_dict'][KEY].any()

    # Stopped between the last checkpoint and the mean: the resumed run has nothing else to do. In a
    # copy of the folder it is the copy's checkpoint, though it names the original as the last one.
    last['state_dict'][KEY].zero_()
    torch.save(last, tmp_path / 'run/epoch_2.pth')
    # As a kill has left the note, and where there is none.
    (tmp_path / 'run/last_checkpoint').write_text('')
    for copy in (tmp_path / name for name in ('copy', 'unnoted', 'mmengines', 'linked')):
        # The last one is of links into the original, as of cp -rs.
        linked = copy.name == 'linked'
        shutil.copytree(
            tmp_path / 'run', copy, copy_function=os.symlink if linked else shutil.copy2
        )
        if copy.name == 'unnoted':
            (copy / 'last_checkpoint').unlink()
        cfg = _cfg(root, copy, f'irn-{copy.name}')
        if copy.name == 'mmengines':
            cfg.default_hooks.checkpoint.type = 'CheckpointHook'
        assert _resume(cfg, copy / 'epoch_2.pth').iter == runner.iter
        again = torch.load(copy / 'epoch_2.pth', weights_only=False)['state_dict']
        for name, value in state.items():
            assert torch.equal(again[name], value), name
    untouched = torch.load(tmp_path / 'run/epoch_2.pth', weights_only=False)['state_dict']
    assert not untouched[KEY].any()


def test_the_checkpoint_that_is_resumed_gets_the_mean_and_no_other(tmp_path, capsys):
    root = write_irn_pictures(tmp_path / 'set', 4)
    run, other = tmp_path / 'run', tmp_path / 'other'
    Runner.from_cfg(_cfg(root, run, 'irn-noted')).train()
    last = (run / 'epoch_2.pth').read_bytes()

    def resumed(folder, name):
        cfg = _cfg(root, folder, name)
        cfg.train_cfg.max_epochs = cfg.param_scheduler[0].end = 1
        capsys.readouterr()
        return _resume(cfg, run / 'epoch_1.pth')

    # The folder's note names the second one.
    runner = resumed(run, 'irn-first')
    state = torch.load(run / 'epoch_1.pth', weights_only=False)['state_dict']
    mean = _slow_mean(runner.model.eval(), root)
    torch.testing.assert_close(state[KEY].double(), mean, rtol=1e-4, atol=1e-6)
    assert (run / 'epoch_2.pth').read_bytes() == last

    # Another training's file of that name, in a folder that goes on from this one's.
    first = (run / 'epoch_1.pth').read_bytes()
    other.mkdir()
    (other / 'epoch_1.pth').write_bytes(last)
    resumed(other, 'irn-elsewhere')
    assert (other / 'epoch_1.pth').read_bytes() == last
    said = capsys.readouterr().out
    assert f'is not put into {other}/epoch_1.pth: its boundary_branch.' in said
    assert 'save_last' not in said
    # And a folder without any.
    resumed(tmp_path / 'new', 'irn-new')
    assert (run / 'epoch_1.pth').read_bytes() == first
    assert not list((tmp_path / 'new').glob('*.pth'))


def test_a_run_whose_end_is_not_saved_is_told_how_to_save_it(tmp_path, capsys):
    cfg = _cfg(write_irn_pictures(tmp_path / 'set', 4), tmp_path / 'run', 'irn-unsaved')
    cfg.train_cfg.max_epochs = cfg.param_scheduler[0].end = 3
    cfg.default_hooks.checkpoint.update(interval=2, save_last=False)
    Runner.from_cfg(cfg).train()
    said = capsys.readouterr().out
    assert f'is not put into {tmp_path}/run/epoch_2.pth: its boundary_branch.' in said
    assert 'default_hooks.checkpoint.save_last=True saves' in said
    state = torch.load(tmp_path / 'run/epoch_2.pth', weights_only=False)['state_dict']
    assert not state[KEY].any()


@pytest.mark.parametrize('update_buffers', [False, True])
def test_the_mean_is_that_of_the_averaged_weights_in_the_checkpoint(tmp_path, update_buffers):
    root = write_irn_pictures(tmp_path / 'set', 4)
    cfg = _cfg(root, tmp_path / 'run', f'irn-ema-{update_buffers}')
    cfg.optim_wrapper.optimizer.lr = 0.5
    average = dict(type='EMAHook', momentum=0.05, update_buffers=update_buffers)
    cfg.custom_hooks = [average, *cfg.custom_hooks]
    runner = Runner.from_cfg(cfg)
    runner.train()
    checkpoint = torch.load(tmp_path / 'run/epoch_2.pth', weights_only=False)
    model = runner.model
    trained = {name: value.clone() for name, value in model.state_dict().items()}
    for name in ('boundary_branch.joint.weight', 'displacement_branch.field.weight'):
        assert not torch.allclose(trained[name], checkpoint['state_dict'][name])
        assert torch.equal(trained[name], checkpoint['ema_state_dict'][f'module.{name}'])
    mean_of_the_trained = _slow_mean(model, root)
    model.load_state_dict(checkpoint['state_dict'])
    mean = _slow_mean(model, root)
    torch.testing.assert_close(checkpoint['state_dict'][KEY].double(), mean, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(mean, mean_of_the_trained, rtol=1e-2)


def test_another_model_is_refused_before_it_is_trained(tmp_path):
    cfg = _cfg(write_irn_pictures(tmp_path / 'set', 2), tmp_path / 'run', 'irn-other')
    runner = Runner.from_cfg(cfg)
    runner.model = torch.nn.Linear(1, 1)
    hook = next(h for h in runner.hooks if type(h).__name__ == 'DisplacementMeanHook')
    with pytest.raises(TypeError, match='is for IRNet, not for Linear'):
        hook.before_train(runner)


def _images() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(32, 48), (40, 24), (64, 64)]
    return [torch.randint(0, 256, (3, *s), generator=generator).byte() for s in sizes]


def _model():
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('bas_mm'):
        return MODELS.build(tiny_irn_cfg())


def test_cudnn_does_not_search_anew_for_each_image(monkeypatch):
    model, seen = _model(), []
    model.displacement_branch.register_forward_pre_hook(
        lambda *_: seen.append(torch.backends.cudnn.benchmark)
    )
    monkeypatch.setattr(torch.backends.cudnn, 'benchmark', True)  # as the config has it
    displacement_mean(model, [dict(inputs=[image]) for image in _images()])
    assert seen == [False] * 3
    assert torch.backends.cudnn.benchmark is True


def test_processes_share_the_images(tmp_path):
    def share(rank: int) -> None:
        batches = [dict(inputs=[image]) for image in _images()[rank::2]]
        torch.save(displacement_mean(_model(), batches), tmp_path / f'{rank}.pt')

    run_pair(share, tmp_path)
    expected = displacement_mean(_model(), [dict(inputs=[image]) for image in _images()])
    for rank in range(2):
        # Shares of different sizes: a mean of means would be another one.
        torch.testing.assert_close(torch.load(tmp_path / f'{rank}.pt'), expected)


def test_no_picture_counts_twice_where_processes_share_them(tmp_path):
    root = write_irn_pictures(tmp_path / 'set', 3)

    def share(rank: int) -> None:
        cfg = _cfg(root, tmp_path / 'run', 'irn-shared')
        cfg.randomness = dict(seed=0)
        runner = Runner.from_cfg(cfg)
        next(h for h in runner.hooks if isinstance(h, DisplacementMeanHook)).after_train(runner)
        torch.save(runner.model.state_dict(), tmp_path / f'{rank}.pth')

    run_pair(share, tmp_path)
    model = _model().eval()
    for rank in range(2):
        model.load_state_dict(torch.load(tmp_path / f'{rank}.pth'))
        mean = _slow_mean(model, root)
        torch.testing.assert_close(model.state_dict()[KEY].double(), mean, rtol=1e-4, atol=1e-6)
