"""quickstart.py: what is wrong with one of two configs is said before either is trained."""

import errno
import os
import shutil

import pytest
from held_folder import held
from tiny_project import TinyProject
from tiny_run import write_split_folder

from bas_mm.apis import COLUMNS, LocalizationResult
from bas_mm.datasets.errors import UnreadableImageError

CONFIGS = ('--cam', 'tiny.py', '--bas', 'own.py')


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    project = TinyProject(tmp_path_factory.mktemp('quickstart'))
    write_split_folder(project.folder / 'more', dict(test=3), seed=1)
    (project.folder / 'file').touch()
    return project


@pytest.fixture
def begun(monkeypatch, project):
    """Names of the trainings that were begun, none of which takes place."""
    names = []

    def train(cfg, name):
        names.append(name)
        figures = dict.fromkeys(COLUMNS, 50.0)
        return LocalizationResult(name, cfg, f'{name}.pth', 0.3, figures, figures)

    def draw(results, folder, count):
        return [folder / f'{number}.png' for number in range(count)]

    monkeypatch.setattr('bas_mm.apis.train_and_test', train)
    monkeypatch.setattr('bas_mm.apis.write_comparison_pictures', draw)
    (project.folder / 'own.py').write_text("_base_ = 'tiny.py'\n")
    yield names
    shutil.rmtree(project.folder / 'out', ignore_errors=True)


def _run(project, *options, check=True):
    return project.run_here('quickstart.py', *CONFIGS, '--out-dir', 'out', *options, check=check)


TEST = 'test_dataloader = dict(dataset=dict({}))'
CLASSES = 'model = dict(generator=dict(num_classes=5), head=dict(num_classes=5))'
PXAP = "test_evaluator = dict(_delete_=True, type='PxAP')"


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (TEST.format("data_root='no'"), 'test_dataloader.dataset: no'),
        (CLASSES, 'model.head.num_classes=5 and model.generator.num_classes=5, but train_'),
        (PXAP, 'test_evaluator has no LocalizationMetric: '),
    ],
)
def test_a_mistake_of_the_second_config(project, begun, change, message):
    (project.folder / 'own.py').write_text(f"_base_ = 'tiny.py'\n{change}\n")
    done = _run(project, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f'quickstart.py: error: own.py: {message}')
    assert done.stderr.count('\n') == 1
    assert not begun
    assert not (project.folder / 'out').exists()


def test_metrics_whose_figures_would_have_one_name(project, begun):
    (project.folder / 'own.py').write_text(
        "_base_ = 'tiny.py'\ntest_evaluator = [{{_base_.val_evaluator}}] * 2\n"
    )
    done = _run(project, check=False)
    assert done.returncode == 2
    assert 'own.py: test_evaluator has LocalizationMetric twice' in done.stderr
    assert not begun


def test_configs_that_test_other_pictures(project, begun):
    more = f"data_root='{project.folder / 'more'}', split_dir='metadata/test'"
    (project.folder / 'own.py').write_text(f"_base_ = 'tiny.py'\n{TEST.format(more)}\n")
    done = _run(project, check=False)
    assert done.returncode == 2
    expected = 'quickstart.py: error: tiny.py and own.py test on other pictures or classes: '
    assert done.stderr.startswith(expected)
    assert not begun


def test_a_folder_that_cannot_be_made(project, begun):
    done = project.run_here('quickstart.py', *CONFIGS, '--out-dir', 'file', check=False)
    assert done.returncode == 2
    folder = project.folder
    assert done.stderr == f'quickstart.py: error: --out-dir file: {folder}/file is no folder\n'
    assert not begun


def test_a_folder_that_another_command_writes_into(project, begun):
    with held(project.folder / 'out') as process:
        done = _run(project, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(
        f'quickstart.py: error: out is being written by another command, process {process.pid} on '
    )
    assert done.stderr.endswith(': wait for its end, or name another --out-dir\n')
    assert done.stderr.count('\n') == 1
    assert not begun
    assert not (project.folder / 'out').exists()


def test_a_picture_that_is_found_to_be_broken(project, begun, monkeypatch):
    def train(*_):
        raise UnreadableImageError('a.png is broken')

    monkeypatch.setattr('bas_mm.apis.train_and_test', train)
    done = _run(project, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == 'quickstart.py: error: tiny.py: a.png is broken'


def test_a_table_that_the_disk_has_no_room_for(project, begun, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('bas_mm.utils.result_files.os.chmod', fail)
    done = _run(project, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith('/out/table.md: No space left on device')
    assert begun == ['CAM', 'BAS']


def test_thresholds_that_are_chosen_on_pictures_of_test(project, begun):
    """It is said once where both do so; with pictures of their own it is not."""
    done = _run(project)
    (line,) = done.stderr.splitlines()
    assert line == (
        'quickstart.py: warning: val_dataloader and test_dataloader read the same pictures: θ is '
        'chosen on what is reported. Figures to report need a val_dataloader.dataset of other '
        'pictures'
    )
    assert 'each method at its θ chosen on pictures of test:' in done.stdout
    dataset = 'test_dataloader.dataset'
    own = [f'{dataset}.data_root={project.folder / "more"}', f'{dataset}.split_dir=metadata/test']
    done = _run(project, '--pictures', '4', '--cfg-options', *own)
    assert not done.stderr
    assert 'each method at its θ chosen on val:' in done.stdout
    assert begun == ['CAM', 'BAS'] * 2
    # At the end, where everything lies.
    out = project.folder / 'out'
    assert done.stdout.splitlines()[-3:] == [
        f'Table and figures: {out}',
        f'Pictures:          {out}/pictures/0.png and 3 more beside it',
        f'Logs, weights:     {out}/cam and {out}/bas',
    ]
    assert {file.name for file in out.iterdir()} == {'table.md', 'results.json'}
