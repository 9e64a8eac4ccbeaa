import json
from argparse import Namespace

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from modules import load_module, status_of

from bas_mm.registry import MODELS
from bas_mm.version import __version__


@pytest.fixture(scope='module')
def converter(repo_dir):
    script = repo_dir / 'tools/model_converters/published_irn_to_bas_mm.py'
    return load_module(script)


@pytest.fixture(scope='module')
def published(golden_dir) -> dict[str, torch.Tensor]:
    """The published names; each weight holds a number of its own."""
    keys = json.loads((golden_dir / 'wsss.json').read_text())['irn']['keys']
    return {
        name: torch.full(shape, i, dtype=torch.long if name.endswith('tracked') else torch.float)
        for i, (name, shape) in enumerate(keys.items(), start=1)
    }


def _with_aliases(weights: dict) -> dict:
    """The backbone and the branches a second time, as the published file has them."""
    aliases = {
        'stage1.0.weight': weights['resnet50.conv1.weight'],
        'stage5.0.2.conv3.weight': weights['resnet50.layer4.2.conv3.weight'],
        'backbone.0.0.weight': weights['resnet50.conv1.weight'],
        'edge_layers.5.weight': weights['fc_edge6.weight'],
        'dp_layers.6.3.weight': weights['fc_dp7.3.weight'],
    }
    return {**weights, **aliases}


def test_published_network_loads_strictly(converter, published, repo_dir, tmp_path):
    source, target = tmp_path / 'res50_irn.pth', tmp_path / 'out' / 'ours.pth'
    weights = _with_aliases(published)
    torch.save({f'module.{name}': weight for name, weight in weights.items()}, source)
    assert status_of(converter.main, [str(source), str(target)]) == 0

    model = MODELS.build(Config.fromfile(repo_dir / 'configs/wsss/irn_resnet50_voc12.py').model)
    load_checkpoint(model, str(target), strict=True)
    state = model.state_dict()
    for name, theirs in {
        'backbone.layer3.5.bn2.running_var': 'resnet50.layer3.5.bn2.running_var',
        'boundary_branch.reductions.0.0.weight': 'fc_edge1.0.weight',
        'boundary_branch.reductions.4.1.bias': 'fc_edge5.1.bias',
        'boundary_branch.joint.bias': 'fc_edge6.bias',
        'displacement_branch.reductions.3.1.weight': 'fc_dp4.1.weight',
        'displacement_branch.coarse_joint.0.weight': 'fc_dp6.0.weight',
        'displacement_branch.fine_joint.1.bias': 'fc_dp7.1.bias',
        'displacement_branch.field.weight': 'fc_dp7.3.weight',
        'mean_shift.running_mean': 'mean_shift.running_mean',
    }.items():
        assert torch.equal(state[name], published[theirs]), name
    # No weight was lost, doubled or changed on the way; one is there twice.
    numbers = sorted(int(value.flatten()[0]) for value in state.values())
    twice = int(published['fc_dp7.4.running_mean'][0])
    assert numbers == [i for i in range(1, len(published) + 1) if i != twice]


def test_what_does_not_fit_is_listed_and_nothing_written(converter, published, tmp_path, capsys):
    source, target = tmp_path / 'src.pth', tmp_path / 'dst.pth'
    weights = {k: v for k, v in published.items() if k != 'fc_dp6.1.bias'}
    weights['fc_edge6.weight'] = torch.ones(2, 160, 1, 1)
    torch.save(dict(weights, classifier=torch.ones(1)), source)
    assert status_of(converter.main, [str(source), str(target)]) == 2
    error = capsys.readouterr().err
    for line in (
        '  classifier\n',
        '  displacement_branch.coarse_joint.1.bias\n',
        'fc_edge6.weight (2, 160, 1, 1) in the file, boundary_branch.joint.weight (1, 160, 1, 1)',
        'dst.pth not written. To write it anyway: --allow-unplaced --allow-missing',
    ):
        assert line in error
    assert not target.exists()
    for option in ('--allow-unplaced', '--allow-missing'):
        assert status_of(converter.main, [str(source), str(target), option]) == 2
    assert not target.exists()
    both = ['--allow-unplaced', '--allow-missing']
    assert status_of(converter.main, [str(source), str(target), *both]) == 0
    assert 'classifier' not in torch.load(target)['state_dict']
    capsys.readouterr()

    torch.save({'conv1_1.weight': torch.ones(1)}, source)
    assert status_of(converter.main, [str(source), str(target)]) == 2
    assert 'src.pth: not a published IRNet, but conv1_1.weight' in capsys.readouterr().err
    assert status_of(converter.main, [str(tmp_path / 'no'), str(target)]) == 2
    assert 'no such file' in capsys.readouterr().err
    torch.save(dict(epoch=1), source)
    assert status_of(converter.main, [str(source), str(target)]) == 2
    assert 'src.pth: no named tensors' in capsys.readouterr().err
    torch.save(published, source)
    assert status_of(converter.main, [str(source), str(target), '--config', 'none.py']) == 2
    assert 'none.py: no such config' in capsys.readouterr().err


def test_what_is_said_and_written(converter, published, tmp_path, capsys):
    """An old file: it holds its options, and no counters of batches but one."""
    weights = {k: v for k, v in published.items() if not k.endswith('tracked')}
    weights['resnet50.bn1.num_batches_tracked'] = torch.tensor(7)
    # Of another shape, which is as good as none.
    weights['fc_edge6.bias'] = torch.ones(3)
    source, target = tmp_path / 'src.pth', tmp_path / 'dst.pth'
    torch.save(dict(weights, args=Namespace(lr=1)), source)
    command = [str(source), str(target)]
    assert status_of(converter.main, command) == 2
    assert '--trust-source' in capsys.readouterr().err
    command.append('--trust-source')
    assert status_of(converter.main, command) == 2
    assert 'To write it anyway: --allow-missing\n' in capsys.readouterr().err
    assert (
        status_of(converter.main, [*command[:1], str(tmp_path), *command[2:], '--allow-missing'])
        == 2
    )
    assert capsys.readouterr().err.endswith(f'error: DST {tmp_path} is a folder\n')
    assert status_of(converter.main, [*command, '--allow-missing']) == 0
    said, written = capsys.readouterr(), torch.load(target)
    state = written['state_dict']
    assert said.err.startswith(f'{source} (IRNet):\n1 of different shape:\n')
    assert said.out == f'{target}: {len(state)} weights of IRNet from {source}\n'
    assert written['meta'] == dict(
        bas_mm_version=__version__, backbone='irn_resnet50', converted_from='src.pth'
    )
    assert state['backbone.bn1.num_batches_tracked'] == 7
    counters = [value for name, value in state.items() if name.endswith('tracked')]
    assert sum(counters) == 7
    assert len(counters) > 50


def test_another_config(converter, published, repo_dir, tmp_path, capsys):
    config = tmp_path / 'deeper.py'
    base = (repo_dir / 'configs/wsss/irn_resnet50_voc12.py').as_posix()
    config.write_text(f'_base_ = {base!r}\nmodel = dict(backbone=dict(depth=101))\n')
    source, target = tmp_path / 'src.pth', tmp_path / 'dst.pth'
    torch.save(published, source)
    assert status_of(converter.main, [str(source), str(target), '--config', str(config)]) == 2
    error = capsys.readouterr().err
    assert '  backbone.layer3.22.conv1.weight\n' in error
    assert 'without a place' not in error
