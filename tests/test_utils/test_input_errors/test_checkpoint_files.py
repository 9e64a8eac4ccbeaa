"""Checkpoints that cannot be read or gone on from."""

import pytest
import torch
from failing_calls import said_of
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg

from bas_mm.utils.input_errors import describe_input_error


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (b'no checkpoint', 'FILE cannot be read as a checkpoint: UnpicklingError: '),
        (b'PK\3\4', 'FILE cannot be read as a checkpoint: RuntimeError: '),
        (None, 'load_from: there is no checkpoint FILE: train or convert '),
    ],
)
def test_checkpoints(data, tmp_path, content, expected):
    file = tmp_path / 'c.pth'
    if content is not None:
        file.write_bytes(content)
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    cfg.load_from = str(file)
    with pytest.raises(Exception) as caught:
        Runner.from_cfg(cfg).test()
    said = describe_input_error(caught.value, dict(cfg.items()))
    assert said.startswith(expected.replace('FILE', str(file)))
    assert '\n' not in said


def test_checkpoints_that_a_training_cannot_go_on_from(data, tmp_path):
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    Runner.from_cfg(cfg).train()
    file = tmp_path / 'work/epoch_1.pth'
    weights = tmp_path / 'weights.pth'
    torch.save(torch.load(file, weights_only=False)['state_dict'], weights)

    def said(checkpoint, **settings):
        other = tiny_run_cfg(data, tmp_path / 'more', epochs=2)
        other.update(load_from=str(checkpoint), resume=True)
        other.merge_from_dict(settings)
        return said_of(Runner.from_cfg(other).train, cfg=dict(other.items()))

    def expected(checkpoint, reason):
        return (
            f'{checkpoint} is none that this training can go on from: {reason}. To begin with its '
            f'weights give --cfg-options load_from={checkpoint}, without --resume'
        )

    assert said(weights) == expected(weights, 'it has no meta')
    one_group = {'optim_wrapper.constructor': 'DefaultOptimWrapperConstructor'}
    reason = (
        'its optimizer is another one: loaded state dict has a different number of parameter groups'
    )
    assert said(file, **one_group) == expected(file, reason)


def test_errors_of_a_resume_that_are_none_of_the_checkpoints(data, tmp_path, monkeypatch):
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    Runner.from_cfg(cfg).train()
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=2)
    cfg.resume = True
    for function, kind in (
        ('mmengine.optim.OptimWrapper.load_state_dict', ValueError),
        ('torch.optim.Optimizer.load_state_dict', RuntimeError),
        ('mmengine.logging.MessageHub.load_state_dict', KeyError),
    ):
        with monkeypatch.context() as patch:

            def load_state_dict(*_, kind=kind):
                raise kind('a')

            patch.setattr(function, load_state_dict)
            assert said_of(Runner.from_cfg(cfg).train, cfg=dict(cfg.items())) is None


@pytest.mark.parametrize(
    ('error', 'reason'),
    [
        ("ValueError('a\\nb')", 'ValueError: a'),
        # Of a file as any other, but of this one it is known what it is for.
        ("PermissionError(13, 'no', 'c')", "PermissionError: [Errno 13] no: 'c'"),
    ],
)
def test_what_is_said_of_a_checkpoint(error, reason):
    space = dict(__name__='mmengine.runner.checkpoint')
    exec(f'def _load_checkpoint(filename):\n raise {error}', space)
    said = said_of(space['_load_checkpoint'], 'c.pth')
    assert said == f'c.pth cannot be read as a checkpoint: {reason}'


@pytest.mark.parametrize(
    ('speaker', 'error'),
    [
        ('mmengine.logging.logger', 'OSError(28, "no room")'),
        ('logging', 'BrokenPipeError(32, "broken")'),
        ('tqdm', 'BrokenPipeError(32, "broken")'),
    ],
)
def test_what_is_none_of_the_checkpoints(speaker, error):
    """mmengine says what it reads: to somebody who has gone, or to a disk that is full."""
    other = dict(__name__=speaker)
    exec(f'def say():\n raise {error}', other)
    space = dict(__name__='mmengine.runner.checkpoint', say=other['say'])
    exec('def _load_checkpoint(filename):\n say()', space)
    assert said_of(space['_load_checkpoint'], 'c.pth') is None


def test_another_function_of_the_name_of_mmengines_reader():
    def _load_checkpoint(filename):
        raise ValueError('a')

    assert said_of(_load_checkpoint, 'c.pth') is None
