"""tools/export.py: the commands of the docs, and wrong ones."""

import errno
import json
import os
import re
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from tiny_project import ROOT, TinyProject

from bas_mm.export.exported_classifier import ExportedClassifier
from bas_mm.registry import MODELS
from bas_mm.utils.dependencies import parse_release


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    project = TinyProject(tmp_path_factory.mktemp('export'))
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(project.config).model)
    model.init_weights()
    torch.save(model.state_dict(), project.folder / 'c.pth')
    return project, ExportedClassifier(model)


def test_onnx(project):
    onnxruntime = pytest.importorskip('onnxruntime', reason='the extra `export` is not installed')
    pytest.importorskip('onnxscript', reason='the extra `export` is not installed')
    project, exported = project
    done = project.run_here('export.py', 'tiny.py', 'c.pth', 'o/a.onnx', '--dynamic-batch')
    shapes = 'images: (N, 3, 32, 32)\nscores: (N, 4)\nmap: (N, 8, 8)\n'
    assert shapes + 'checked with onnxruntime ' in done.stdout
    assert 'o/a.onnx: ' in done.stdout
    session = onnxruntime.InferenceSession(str(project.folder / 'o/a.onnx'))
    images = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8)
    for value, wanted in zip(session.run(None, {'images': images.numpy()}), exported(images)):
        torch.testing.assert_close(torch.from_numpy(value), wanted, rtol=1e-4, atol=1e-6)
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said['classes']) == ['red', 'green', 'blue', 'white']
    assert json.loads(said['threshold']) == 0.3


def test_pt2_with_a_class_as_input_another_size_and_settings(project):
    project, exported = project
    done = project.run_here(
        *('export.py', 'tiny.py', 'c.pth', 'a.pt2', '--maps', 'given', '--size', '40', '24'),
        *('--no-check', '--cfg-options', 'model.test_cfg.threshold=0.7'),
    )
    assert 'images: (1, 3, 40, 24)\nclasses: (1,)\nscores: (1, 4)\nmap: (1, 10, 6)' in done.stdout
    assert 'checked' not in done.stdout
    extra = {'metadata.json': ''}
    run = torch.export.load(str(project.folder / 'a.pt2'), extra_files=extra).module()
    images = torch.randint(256, (1, 3, 40, 24), dtype=torch.uint8)
    scores, maps = run(images, torch.tensor([2]))
    everything = ExportedClassifier(exported.model, 'all')(images)
    torch.testing.assert_close(scores, everything[0])
    torch.testing.assert_close(maps, everything[1][:, 2])
    said = json.loads(extra['metadata.json'])
    assert (said['threshold'], said['view_size'], said['maps']) == (0.7, [40, 24], 'given')


def test_a_checkpoint_that_does_not_fit_ends_in_one_line(project):
    project, exported = project
    options = ('--cfg-options', 'model.head.hidden_channels=16')
    done = project.run_here('export.py', 'tiny.py', 'c.pth', 'b.pt2', *options, check=False)
    assert done.returncode == 2
    assert re.search(r'tiny\.py: c\.pth: .* of another shape', done.stderr)
    assert not (project.folder / 'b.pt2').exists()


def test_weights_that_the_model_does_not_have_are_told(project):
    """As of a BAS checkpoint with the config of CAM, whose file has no generator."""
    project, exported = project
    state = {**exported.model.state_dict(), 'other.weight': torch.zeros(1), 'b': torch.zeros(1)}
    torch.save(state, project.folder / 'more.pth')
    export = 'export.py', 'tiny.py', 'more.pth', 'more.pt2', '--no-check'
    told = 'export.py: warning: 2 entries of more.pth are not in the model, such as other.weight'
    assert project.run_here(*export).stderr.splitlines().count(told) == 1
    assert (project.folder / 'more.pt2').is_file()


def test_a_name_that_no_file_can_have_is_one_line(project):
    project, _ = project
    for out in (f'{"a" * 300}.pt2', f'{"a" * 300}/b.pt2'):
        export = 'export.py', 'tiny.py', 'c.pth', out, '--no-check'
        done = project.run_here(*export, check=False)
        assert done.returncode == 2
        assert 'File name too long' in done.stderr.splitlines()[-1]
        assert 'Traceback' not in done.stderr


def test_mistakes_of_the_config_and_a_full_disk_are_one_line(project, monkeypatch):
    project, _ = project
    export = 'export.py', 'tiny.py', 'c.pth', 'd.pt2', '--no-check'

    def said(*options):
        done = project.run_here(*export, *options, check=False)
        assert done.returncode == 2
        return done.stderr.splitlines()[-1].removeprefix('export.py: error: tiny.py: ')

    assert said('--cfg-options', 'model.head.type=Foo').startswith(
        "model.head.type='Foo': there is no model of this name"
    )
    assert said('--cfg-options', 'model.head.foo=3') == 'model.head.foo: BASHead takes no foo'

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('bas_mm.utils.result_files.os.chmod', fail)
    assert said() == 'd.pt2: No space left on device'
    assert not (project.folder / 'd.pt2').exists()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['c.py', 'no.pth', 'a.onnx'], r'the checkpoint no\.pth does not exist'),
        (['c.py', 'c.py', 'a.pth'], r'a\.pth: the name must end in \.onnx or \.pt2'),
        (['c.py', 'c.py', '.'], r'\. is a folder'),
        (['c.py', 'c.py', 'a.pt2', '--size', '0', '3'], r'--size 0 3'),
        (['c.py', 'c.py', 'a.pt2', '--maps', 'some'], r'invalid choice'),
        pytest.param(
            *(['c.py', 'c.py', 'a.onnx'], r'not here: pip install .*onnxscript'),
            marks=pytest.mark.skipif(
                parse_release(torch.__version__) < (2, 6),
                reason='with torch 2.5 and before nothing that could be installed would help',
            ),
        ),
    ],
)
def test_wrong_commands_end_in_one_line_at_once(arguments, message, tmp_path):
    (tmp_path / 'c.py').write_text('')
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            'import runpy, sys\n'
            'for name in ("torch", "mmengine", "onnxscript"): sys.modules[name] = None\n'
            'sys.argv = sys.argv[1:]\n'
            'runpy.run_path(sys.argv[0], run_name="__main__")',
            str(ROOT / 'tools' / 'export.py'),
            *arguments,
        ],
        cwd=tmp_path,
        env=TinyProject.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(message, done.stderr)
