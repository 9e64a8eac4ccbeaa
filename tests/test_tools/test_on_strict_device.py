"""The commands on a device with memory of its own: nothing is left behind, little waited for."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import forked_python
import pytest
import torch
from strict_device import on_strict_device
from tiny_pipeline import write_pipeline
from tiny_project import ROOT, TinyProject
from torch.utils import backend_registration

pytestmark = pytest.mark.skipif(
    not hasattr(backend_registration, '_setup_privateuseone_for_python_backend'),
    reason='this torch has no devices that are written in Python',
)

EPOCHS, STEPS, BATCHES = 4, 4, 3  # of the project; validation every other epoch


class _Commands:
    """Commands in processes that have the device, and what they noted.

    Args:
        folder: Where they are run.
    """

    #: Runs a command.
    run_command = staticmethod(subprocess.run)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment, self.notes = on_strict_device(folder / 'device')
        self.environment.update(TinyProject.environment(PYTHONPATH=self.environment['PYTHONPATH']))

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        done = self.run_command(
            TinyProject.command(*command),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    def waits(self) -> dict[str, int]:
        """How often the host was held up, by the file and the function."""
        waits: dict[str, int] = {}
        for note in self.notes():
            if not note.non_blocking:
                place = f'{note.file}:{note.function}'
                waits[place] = waits.get(place, 0) + note.count
        return waits


#: Before the first step, and where a checkpoint is written or read.
ONCE = {
    'base_model/base_model.py:to',
    'model/weight_init.py:update_init_info',
    'model/base_module.py:init_weights',
    'runner/checkpoint.py:<lambda>',
    'runner/checkpoint.py:load',
    'runner/runner.py:<lambda>',
}


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('project'))


@contextmanager
def _served(commands: _Commands, *modules: str) -> Iterator[_Commands]:
    """Without the imports of each; torch takes no new device where losses went backward before."""
    parts = ('apis', 'datasets', 'engine', 'evaluation', 'models', 'visualization')
    common = [f'bas_mm.{part}' for part in parts]
    common += ['mmengine.runner', 'torch.utils.cpp_extension', 'matplotlib.pyplot']
    server = forked_python.Server(commands.environment, [*common, *modules])
    commands.run_command = server.run
    try:
        yield commands
    finally:
        server.close()


@pytest.fixture(scope='module')
def commands(project):
    with _served(_Commands(project.folder)) as commands:
        yield commands


@pytest.fixture(scope='module')
def trained(project, commands):
    """The waits of a training."""
    commands.run('train.py', project.config, '--work-dir', 'device')
    return commands.waits()


@pytest.mark.slow
def test_training_gives_the_weights_of_the_host(project, trained):
    project.run_here('train.py', project.config, '--work-dir', 'host')
    ours, theirs = (
        torch.load(project.folder / folder / f'epoch_{EPOCHS}.pth', weights_only=False)
        for folder in ('device', 'host')
    )
    assert ours['state_dict'].keys() == theirs['state_dict'].keys()
    for name, value in theirs['state_dict'].items():
        assert type(ours['state_dict'][name]) is torch.Tensor
        torch.testing.assert_close(ours['state_dict'][name], value, rtol=1e-4, atol=1e-6, msg=name)
    # The optimizer's state was written from the device as well.
    momenta = [state['momentum_buffer'] for state in ours['optimizer']['state'].values()]
    assert momenta
    assert all(type(momentum) is torch.Tensor for momentum in momenta)


@pytest.mark.slow
def test_no_step_of_training_is_waited_for(trained):
    waits = {place: count for place, count in trained.items() if place not in ONCE}
    assert waits == {
        # Two hooks read the losses and accuracies where an epoch ends: all are of one type.
        'hooks/deferred_outputs_hook.py:to_numbers': 2 * EPOCHS,
        # A batch's maps, scores and labels.
        'metrics/base_map_metric.py:to_array': 3 * BATCHES * EPOCHS // 2,
    }


@pytest.mark.slow
def test_options_of_training(project, commands):
    model = ['model.channels_last=True', 'model.checkpoint_segments=2']
    options = [*model, 'optim_wrapper.optimizer.fused=True', 'train_cfg.max_epochs=1']
    words = 'train.py', project.config, '--cfg-options', *options, '--work-dir'
    commands.run(*words, 'device_options')
    assert {place for place in commands.waits() if place not in ONCE} == {
        'hooks/deferred_outputs_hook.py:to_numbers',
        'metrics/base_map_metric.py:to_array',
    }
    project.run_here(*words, 'host_options')
    ours, theirs = (
        torch.load(project.folder / folder / 'epoch_1.pth', weights_only=False)['state_dict']
        for folder in ('device_options', 'host_options')
    )
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.slow
def test_training_goes_on_from_a_checkpoint(project, commands, trained):
    options = '--resume', '--cfg-options', f'train_cfg.max_epochs={EPOCHS + 1}'
    commands.run('train.py', project.config, '--work-dir', 'device', *options)
    assert commands.waits()['hooks/deferred_outputs_hook.py:to_numbers'] == 2
    resumed = torch.load(project.folder / f'device/epoch_{EPOCHS + 1}.pth', weights_only=False)
    assert resumed['meta']['iter'] == (EPOCHS + 1) * STEPS


@pytest.mark.slow
@pytest.mark.parametrize('options', [(), ('--tta',)], ids=['centre', 'ten crops'])
def test_a_test_has_the_figures_of_the_host_and_waits_for_batches(
    project, commands, trained, options
):
    checkpoint = project.folder / f'device/epoch_{EPOCHS}.pth'
    words = 'test.py', project.config, checkpoint, *options, '--out'
    commands.run(*words, 'device.json')
    waits = {place: count for place, count in commands.waits().items() if place not in ONCE}
    project.run_here(*words, 'host.json')
    ours, theirs = (
        json.loads((project.folder / f'{name}.json').read_text()) for name in ('device', 'host')
    )
    assert ours == pytest.approx(theirs)
    assert waits == {'metrics/base_map_metric.py:to_array': 3 * BATCHES}


@pytest.mark.slow
def test_pictures_are_localized_on_the_device(project, commands, trained):
    pictures = sorted((project.folder / 'data/images/val').iterdir())[:3]
    arguments = [project.config, project.folder / f'device/epoch_{EPOCHS}.pth', *pictures, '--json']
    found = {}
    for device in ('strict', 'cpu'):
        done = commands.run_command(
            [*TinyProject.command('')[:1], '-m', 'bas_mm', 'localize', *map(str, arguments)]
            + ['--device', device],
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        found[device] = json.loads(done.stdout)
        assert bool(commands.notes()) == (device == 'strict')
    assert found['strict'] == found['cpu']


@pytest.mark.slow
def test_the_pipeline_from_labels_to_a_segmentor(tmp_path):
    pytest.importorskip('pydensecrf', reason='pydensecrf2, the extra `crf`, is not installed')
    config = write_pipeline(tmp_path)
    # Figures of seeds and masks are counted on the host.
    words = 'wsss/run_pipeline.py', config, '--work-dir', 'work', '--num-workers', '1'
    with _served(_Commands(tmp_path), 'mmseg.models', 'forked_steps') as commands:
        done = commands.run(*words, '--skip', 'eval_seeds', 'eval_masks')
    assert '| segmentor ' in done.stdout
    notes = commands.notes()
    assert {note.script for note in notes} >= {'train.py', 'make_seeds.py', 'make_masks.py'}
    # In our part of a training step nothing is waited for.
    ours = {p.name for p in (ROOT / 'bas_mm/models').rglob('*.py')}
    waited = {
        (Path(note.file).name, note.function): note.count
        for note in notes
        if note.script == 'train.py' and not note.non_blocking and Path(note.file).name in ours
    }
    # Before the first step.
    waited.pop(('pretrained_backbone.py', '__call__'))
    assert waited == {
        # Once in three steps of IRNet.
        ('affinity_losses.py', '_offsets_on'): 1,
        # Scores and labels of a validation, which is one batch; each training has its own notes.
        ('multi_label_cam_head.py', 'predict'): 1,
        ('multi_label_classifier.py', '_bring_to_host'): 1,
    }
    # Nor is the walk of a picture, while the next one is read.
    walks = [note for note in notes if Path(note.file).name == 'random_walk.py']
    assert any(note.function == 'seeds_to_labels' for note in walks)
    assert all(note.non_blocking for note in walks)


#: A validation of three pictures by the configs' metrics; says where what they keep is.
VALIDATION = """
import json, sys
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmpretrain.structures import DataSample
from mmengine.registry import DefaultScope
from tiny import tiny_multi_label_model

device, onehot = sys.argv[1], bool(int(sys.argv[2]))
cfg = Config.fromfile('configs/_base_/datasets/voc12_multilabel.py')
model = tiny_multi_label_model().eval().to(device)
DefaultScope.get_instance('test', scope_name='bas_mm')
evaluator = Evaluator(cfg.val_evaluator)
images = torch.randn(3, 3, 48, 64, generator=torch.Generator().manual_seed(1))
samples = [DataSample().set_gt_label(labels) for labels in ([0, 3], [2], [1, 2, 4])]
if onehot:
    for sample in samples:
        sample.set_gt_score(torch.zeros(5).index_fill(0, sample.gt_label, 1))
with torch.no_grad():
    evaluator.process(model.val_step(dict(inputs=images, data_samples=samples)))
kept = [value for metric in evaluator.metrics for row in metric.results for value in row.values()]
devices = [str(value.device) for value in kept]
devices += [str(sample.pred_label.device) for sample in samples]
print(json.dumps([devices, evaluator.evaluate(3)]))
"""


@pytest.mark.parametrize('onehot', [0, 1], ids=['labels', 'scores'])
def test_what_metrics_of_several_labels_keep_is_on_the_host(tmp_path, onehot):
    # Processes exchange it: what lies on the device of one the others would load on that one.
    commands = _Commands(tmp_path)
    (tmp_path / 'validation.py').write_text(VALIDATION)
    paths = (str(ROOT / 'tests'), str(ROOT), commands.environment['PYTHONPATH'])
    found = {}
    for device in ('strict', 'cpu'):
        done = subprocess.run(
            [sys.executable, str(tmp_path / 'validation.py'), device, str(onehot)],
            cwd=ROOT,
            env={**commands.environment, 'PYTHONPATH': os.pathsep.join(paths)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        devices, found[device] = json.loads(done.stdout.splitlines()[-1])
        assert devices == ['cpu'] * (2 * 2 * 3 + 3)
        waits = {place: count for place, count in commands.waits().items() if place not in ONCE}
        # The batch's scores, and its labels of each kind; no picture's.
        expected = {
            'heads/multi_label_cam_head.py:predict': 1,
            'classifiers/multi_label_classifier.py:_bring_to_host': 1 + onehot,
        }
        assert waits == (expected if device == 'strict' else {})
    assert found['strict'] == pytest.approx(found['cpu'])


def test_tensors_of_the_host_are_refused(tmp_path):
    commands = _Commands(tmp_path)
    script = tmp_path / 'mixed.py'
    script.write_text(
        'import torch\n'
        'x = torch.ones(3).to("strict")\n'
        'for wrong in (lambda: x + torch.ones(3), lambda: x.numpy()):\n'
        '    try:\n'
        '        wrong()\n'
        '    except RuntimeError as error:\n'
        '        print("refused:", error)\n'
        'x.sum().item(), x[x > 0], x.cpu(), torch.ones(3).to("strict", non_blocking=True)\n'
        'assert (x * 2 + 1).cpu().tolist() == [3, 3, 3]\n'
    )
    done = subprocess.run(
        [*TinyProject.command('')[:1], str(script)],
        env=commands.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('refused:') == 2
    noted = {(note.what, note.non_blocking): note.count for note in commands.notes()}
    assert noted == {
        ('to the device', False): 1,
        ('to the device', True): 1,
        ('_local_scalar_dense', False): 1,
        ('index', False): 1,
        ('to the host', False): 2,
    }
