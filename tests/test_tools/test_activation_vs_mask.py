"""tools/analysis_tools/activation_vs_mask.py on a small project."""

import json
import re

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from tiny_project import TinyProject

from bas_mm.apis import sweep_masks
from bas_mm.registry import DATASETS, MODELS
from bas_mm.visualization.activation_plot import settled_at

TOOL = 'analysis_tools/activation_vs_mask.py'


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    project = TinyProject(tmp_path_factory.mktemp('activation'))
    init_default_scope('bas_mm')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(project.config).model)
    model.init_weights()
    torch.save({'state_dict': model.state_dict()}, project.folder / 'tiny.pth')
    project.model = model
    return project


def test_plot_and_figures(project):
    done = project.run_here(TOOL, 'tiny.py', 'tiny.pth', '--out', 'out/a.png', '--pictures', 4)
    image = cv2.imread(str(project.folder / 'out/a.png'))
    assert image.shape == (600, 960, 3)
    written = json.loads((project.folder / 'out/a.json').read_text())
    dataset = DATASETS.build(Config.fromfile(project.config).val_dataloader.dataset)
    ratios = [step / 10 for step in range(1, 21)]
    # 11 pictures: the first, the last and two between them.
    curves, about = sweep_masks(project.model, dataset, [0, 3, 7, 10], ratios, 4)
    assert written['ratios'] == ratios
    for name, values in curves._asdict().items():
        np.testing.assert_allclose(written[name], values, rtol=1e-6)
    assert {key: written[key] for key in about} == about
    assert about['truth'] == 'boxes'
    ways = {
        'cross_entropy': curves.cross_entropy,
        'foreground': -curves.foreground,
        'background': curves.background,
    }
    assert written['settled'] == {key: settled_at(ratios, way) for key, way in ways.items()}
    said = re.findall(r'([a-z-]+) (?:activation )?at ([\d.]+)', done.stdout.splitlines()[-2])
    assert {name.replace('-', '_'): float(at) for name, at in said} == written['settled']


def test_errors(project):
    def error(*arguments):
        done = project.run_here(TOOL, *arguments, check=False)
        assert done.returncode == 2
        return done.stderr

    assert 'the config no.py does not exist' in error('no.py', 'tiny.pth')
    assert 'the checkpoint no.pth does not exist' in error('tiny.py', 'no.pth')
    assert 'must end in .png, .svg or .pdf' in error('tiny.py', 'tiny.pth', '--out', 'a.txt')
    assert '--pictures must be at least 1' in error('tiny.py', 'tiny.pth', '--pictures', 0)
    state = project.model.state_dict()
    del state['generator.conv.weight']
    torch.save(state, project.folder / 'lacks.pth')
    message = error('tiny.py', 'lacks.pth')
    assert 'lacks.pth: ' in message
    assert 'missing 1: generator.conv.weight' in message
    content = (project.folder / 'tiny.pth').read_bytes()
    (project.folder / 'cut.pth').write_bytes(content[: len(content) // 2])
    assert 'the checkpoint cut.pth cannot be read' in error('tiny.py', 'cut.pth')


def test_a_checkpoint_of_classes_in_another_order_is_refused(project):
    """The cross-entropy would be that of other classes."""
    state = project.model.state_dict()
    command = TOOL, 'tiny.py', 'named.pth', '--out', 'named.png', '--pictures', 1

    def run(*classes):
        meta = dict(dataset_meta=dict(classes=classes))
        torch.save(dict(meta=meta, state_dict=state), project.folder / 'named.pth')
        return project.run_here(*command, check=False)

    done = run('red', 'blue', 'green', 'white')
    assert done.returncode == 2
    (line,) = (line for line in done.stderr.splitlines() if 'error: ' in line)
    assert (
        'test_dataloader.dataset has the classes in another order than the training set of the '
        "checkpoint: class 1, counted from 0, is 'green' in the first and 'blue' in the second"
    ) in line
    assert not (project.folder / 'named.png').exists()
    assert run('red', 'green', 'blue', 'white').returncode == 0
