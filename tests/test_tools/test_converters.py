import argparse
import errno
import json
import os
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import forked_python
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from modules import load_module, status_of
from published_files import mobilenet_by_formula

from bas_mm.models.weights.key_maps import PUBLISHED_BACKBONES
from bas_mm.registry import MODELS
from bas_mm.utils import result_files
from bas_mm.utils.result_files import whole_file
from bas_mm.version import __version__

NAMES = {
    'vgg': 'vgg16',
    'mobilenet': 'mobilenetv1',
    'resnet': 'resnet50',
    'inception': 'inceptionv3',
}


@pytest.fixture(scope='module')
def script(repo_dir: Path) -> Path:
    return repo_dir / 'tools/model_converters/published_to_bas_mm.py'


@pytest.fixture(scope='module')
def converter(script: Path) -> ModuleType:
    return load_module(script)


def test_every_published_network_can_be_named(converter):
    assert set(converter.BACKBONES) == set(PUBLISHED_BACKBONES)


def our_model(repo_dir: Path, backbone: str, num_classes: int) -> torch.nn.Module:
    cfg = Config.fromfile(repo_dir / f'configs/bas/bas_{backbone}_cub.py').model
    cfg.generator.num_classes = cfg.head.num_classes = num_classes
    del cfg.test_cfg  # its K is for CUB's classes
    return MODELS.build(cfg)


@pytest.mark.parametrize('entry', NAMES)
def test_every_published_network_loads_strictly(converter, golden_dir, repo_dir, tmp_path, entry):
    keys = json.loads((golden_dir / 'wsol.json').read_text())[entry]['keys']
    # A number of its own for each weight shows where it went.
    weights = {
        name: torch.full(shape, i, dtype=torch.long if name.endswith('tracked') else torch.float)
        for i, (name, shape) in enumerate(keys.items(), start=1)
    }
    source, target = tmp_path / 'published.pth.tar', tmp_path / 'out' / 'ours.pth'
    torch.save(dict(model={f'module.{k}': v for k, v in weights.items()}, epoch=7), source)
    assert status_of(converter.main, [str(source), str(target)]) == 0
    assert [p.name for p in target.parent.iterdir()] == ['ours.pth']

    model = our_model(repo_dir, NAMES[entry], num_classes=7)
    checkpoint = load_checkpoint(model, str(target), strict=True)
    assert checkpoint['meta']['backbone'] == NAMES[entry]
    state = model.state_dict()
    for name, theirs in [
        ('head.classifier.0.weight', 'classifier_cls.0.weight'),
        ('head.classifier.4.bias', 'classifier_cls.4.bias'),
        ('generator.conv.weight', 'classifier_loc.0.weight'),
    ]:
        assert torch.equal(state[name], weights[theirs])
    # No weight was lost, doubled or changed on the way.
    numbers = sorted(int(value.flatten()[0]) for value in state.values())
    assert numbers == list(range(1, len(weights) + 1))


@pytest.mark.parametrize('wrap', [None, 'state_dict'])
def test_other_wrappings_and_old_files_without_batch_counters(converter, repo_dir, tmp_path, wrap):
    weights = mobilenet_by_formula()
    torch.save(weights if wrap is None else {wrap: weights}, tmp_path / 'src.pth.tar')
    assert (
        status_of(converter.main, [str(tmp_path / 'src.pth.tar'), str(tmp_path / 'dst.pth')]) == 0
    )
    model = our_model(repo_dir, 'mobilenetv1', num_classes=3)
    load_checkpoint(model, str(tmp_path / 'dst.pth'), strict=True)
    assert model.backbone.stem.bn.num_batches_tracked == 0
    assert torch.equal(model.backbone.stem.conv.weight, weights['model.0.0.weight'])


def test_what_does_not_fit_is_listed_and_nothing_written(converter, tmp_path, capsys):
    weights = mobilenet_by_formula()
    weights['model.14.0.weight'] = torch.ones(2)
    weights['ema_decay'] = torch.ones(1)
    del weights['model.5.3.weight']
    weights['classifier_loc.0.bias'] = torch.ones(9)
    source, target = tmp_path / 'src.pth.tar', tmp_path / 'dst.pth'
    torch.save(weights, source)

    assert status_of(converter.main, [str(source), str(target)]) == 2
    error = capsys.readouterr().err
    assert 'ema_decay' in error
    assert 'model.14.0.weight' in error
    assert 'backbone.block5.pointwise_conv.conv.weight' in error
    assert 'classifier_loc.0.bias (9,) in the file, generator.conv.bias (3,)' in error
    assert 'dst.pth not written' in error
    assert '--allow-unplaced --allow-missing' in error

    assert status_of(converter.main, [str(source), str(target), '--allow-unplaced']) == 2
    assert status_of(converter.main, [str(source), str(target), '--allow-missing']) == 2
    assert [p.name for p in tmp_path.iterdir()] == ['src.pth.tar']
    assert (
        status_of(converter.main, [str(source), str(target), '--allow-unplaced', '--allow-missing'])
        == 0
    )
    written = torch.load(target)['state_dict']
    assert 'backbone.block5.pointwise_conv.conv.weight' not in written
    assert 'generator.conv.bias' not in written
    assert torch.equal(written['backbone.stem.conv.weight'], weights['model.0.0.weight'])

    # Another shape is as good as none.
    torch.save({**mobilenet_by_formula(), 'classifier_loc.0.bias': torch.ones(9)}, source)
    assert status_of(converter.main, [str(source), str(target)]) == 2
    assert 'To write it anyway: --allow-missing\n' in capsys.readouterr().err


def test_the_wrong_backbone_is_refused(converter, tmp_path, capsys):
    source, target = tmp_path / 'src.pth.tar', tmp_path / 'dst.pth'
    torch.save(mobilenet_by_formula(), source)
    assert status_of(converter.main, [str(source), str(target), '--backbone', 'vgg16']) == 2
    assert 'model.0.0.weight' in capsys.readouterr().err
    assert not target.exists()


def test_unusable_files_are_named(converter, tmp_path, capsys):
    target = str(tmp_path / 'dst.pth')
    source = tmp_path / 'src.pth.tar'

    def error_of(*options: str) -> str:
        assert status_of(converter.main, [str(source), target, *options]) == 2
        return capsys.readouterr().err

    assert 'src.pth.tar: no such file' in error_of()
    source.write_bytes(b'')
    assert 'src.pth.tar: not' in error_of()
    torch.save(dict(epoch=1), source)
    assert 'src.pth.tar: no named tensors' in error_of()
    torch.save({'blocks.0.weight': torch.ones(2)}, source)
    assert 'src.pth.tar: not a published BAS network' in error_of()
    torch.save({'conv1_1.weight': torch.ones(2)}, source)
    assert f'{source}: no classifier_loc.0.weight' in error_of()
    # The published training script saves its argparse options too.
    torch.save(dict(model=mobilenet_by_formula(), args=argparse.Namespace(lr=1)), source)
    assert '--trust-source' in error_of()
    assert f'{tmp_path}/none.py: no such config' in error_of(
        '--trust-source', '--config', f'{tmp_path}/none.py'
    )
    assert status_of(converter.main, [str(source), target, '--trust-source']) == 0


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'none', 'not a checkpoint ('),
        (b'PK\3\4', 'not readable as a checkpoint ('),
        (b'cno_such_module\nX\n.', 'not readable as a checkpoint (No module named'),
        (b'cargparse\nX\n.', "not readable as a checkpoint (Can't get attribute"),
        (b'\x80\x63.', 'not readable as a checkpoint (unsupported pickle protocol'),
    ],
)
def test_broken_files_of_a_trusted_source(converter, tmp_path, capsys, content, reason):
    """No advice to do what was done."""
    source = tmp_path / 'src.pth.tar'
    source.write_bytes(content)
    assert (
        status_of(converter.main, [str(source), str(tmp_path / 'dst.pth'), '--trust-source']) == 2
    )
    error = capsys.readouterr().err
    assert error.partition(': ')[2].startswith(f'error: {source}: {reason}')
    assert '--trust-source' not in error


def test_what_is_said_and_written(converter, tmp_path, capsys):
    weights = mobilenet_by_formula()
    # Counters are kept; weights are written in the order of their dimensions.
    weights['model.0.1.num_batches_tracked'] = torch.tensor(7)
    turned = weights['model.1.3.weight'].transpose(0, 1).contiguous()
    weights['model.1.3.weight'] = turned.transpose(0, 1)
    weights['ema'] = torch.ones(1)
    source, target = tmp_path / 'src.pth.tar', tmp_path / 'dst.pth'
    torch.save(weights, source)
    command = [str(source), str(target), '--allow-unplaced', '--backbone', 'mobilenetv1']
    assert status_of(converter.main, command) == 0
    said, written = capsys.readouterr(), torch.load(target)
    state = written['state_dict']
    assert said.err.splitlines() == [
        f'{source} (mobilenetv1):',
        '1 in the file, without a place in the model:',
        '  ema',
    ]
    assert said.out == f'{target}: {len(state)} weights of mobilenetv1 from {source}\n'
    assert written['meta'] == dict(
        bas_mm_version=__version__, backbone='mobilenetv1', converted_from='src.pth.tar'
    )
    assert state['backbone.stem.bn.num_batches_tracked'] == 7
    assert state['backbone.block1.depthwise_conv.bn.num_batches_tracked'] == 0
    assert all(weight.is_contiguous() for weight in state.values())


def test_a_file_that_cannot_be_written(converter, tmp_path, monkeypatch, capsys):
    """What was there stays, and one line says why."""

    def fail(file, content):
        file.write(content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def full_disk(path, *_):
        with whole_file(path) as file:
            yield SimpleNamespace(write=partial(fail, file))

    source, target = tmp_path / 'src.pth.tar', tmp_path / 'dst.pth'
    torch.save(mobilenet_by_formula(), source)
    target.write_text('whole')
    command = [str(source), str(target)]
    with monkeypatch.context() as patch:
        patch.setattr(result_files, 'whole_file', full_disk)
        assert status_of(converter.main, command) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith(f': error: [Errno 28] No space left on device: {str(target)!r}')
    assert target.read_text() == 'whole'
    assert {path.name for path in tmp_path.iterdir()} == {'src.pth.tar', 'dst.pth'}
    assert status_of(converter.main, [str(source), str(tmp_path)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith(f': error: DST {tmp_path} is a folder')


def test_as_a_command(script, tmp_path):
    source, target = tmp_path / 'src.pth.tar', tmp_path / 'dst.pth'
    torch.save(mobilenet_by_formula(), source)
    command = [sys.executable, str(script), source, target]
    done = forked_python.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'weights of mobilenetv1' in done.stdout
    assert target.is_file()
