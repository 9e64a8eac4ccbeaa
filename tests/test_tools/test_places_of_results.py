"""Where a tool's result cannot be written, it is said before all the work, and nothing is made."""

import pytest
from tiny_project import TinyProject


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    project = TinyProject(tmp_path_factory.mktemp('places'))
    (project.folder / 'file').touch()
    (project.folder / 'folder').mkdir()
    for name in ('a.png', 'b.json'):
        (project.folder / name).mkdir()
    return project


BOXES, MAPS = ('det/make_boxes.py', 'tiny.py', 'file'), 'data/metadata/val'
ACTIVATION = ('analysis_tools/activation_vs_mask.py', 'tiny.py', 'file', '--out')
EVAL = ('analysis_tools/eval_maps.py', 'folder', MAPS, '--out')
# Neither is a config of a data set: it is not read.
SEEDS = ('wsss/eval_seeds.py', 'file', 'folder', '--out')
MASKS = ('wsss/eval_masks.py', 'file', 'folder', '--out')
CONVERT = [
    (f'model_converters/{name}_to_bas_mm.py', 'file')
    for name in ('deeplabv2', 'published', 'published_irn')
]
REPORT = ('analysis_tools/report.py', '--run', 'A', 'tiny.py', 'file')


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        ((*BOXES, 'file/b.json'), 'OUT file/b.json: {}/file is no folder'),
        ((*BOXES, 'c.json', '--scores', 'file/s.csv'), '--scores file/s.csv: {}/file is no folder'),
        (
            ('analysis_tools/write_maps.py', 'tiny.py', 'file', 'file'),
            'OUT_DIR file: {}/file is no folder',
        ),
        (('export.py', 'tiny.py', 'file', 'file/m.pt2'), 'OUT file/m.pt2: {}/file is no folder'),
        (('select_and_test.py', 'tiny.py', 'file', '--out', 'folder'), '--out folder is a folder'),
        ((*EVAL, 'folder'), '--out folder is a folder'),
        ((*EVAL, 'file/a/b.json'), '--out file/a/b.json: {}/file is no folder'),
        ((*SEEDS, 'b.json'), '--out b.json is a folder'),
        ((*MASKS, 'file/b.json'), '--out file/b.json: {}/file is no folder'),
        ((*ACTIVATION, 'a.png'), '--out a.png is a folder'),
        ((*ACTIVATION, 'b.png'), '--out b.json is a folder'),  # beside the plot
        ((*CONVERT[0], 'folder'), 'DST folder is a folder'),
        ((*CONVERT[1], 'folder'), 'DST folder is a folder'),
        ((*CONVERT[2], 'file/w.pth'), 'DST file/w.pth: {}/file is no folder'),
        ((*REPORT, '--out', 'file/r.html'), '--out file/r.html: {}/file is no folder'),
        ((*REPORT, '--work-dir', 'file'), '--work-dir file: {}/file is no folder'),
    ],
)
def test_it_is_said_at_once(project, command, message):
    before = sorted(project.folder.rglob('*'))
    done = project.run_here(*command, check=False)
    assert done.returncode == 2
    # The file is no checkpoint: had it been read, that would have been said.
    assert done.stderr.splitlines()[-1].endswith(': error: ' + message.format(project.folder))
    assert sorted(project.folder.rglob('*')) == before


@pytest.mark.parametrize(
    'command',
    [
        'benchmark_all.py file/a',
        'benchmark_embedded.py --out file/a',
        'benchmark_embedded.py --work-dir file/a',
        'benchmark_hooks.py --out file/a',
        'benchmark_inference.py --out file/a',
        'benchmark_loader.py --out file/a',
        'benchmark_metrics.py --out file/a',
        'benchmark_norms.py --device cpu --out file/a',
        'benchmark_random_walk.py --out file/a',
        'benchmark_seeds.py --out file/a',
        'benchmark_train.py --out file/a',
        'benchmark_wsss_embedded.py --work-dir file/a',
        'check_device.py --out file/a',
    ],
)
def test_figures_that_would_be_lost_when_all_is_measured(project, command):
    tool, *arguments = command.split()
    done = project.run_here(f'analysis_tools/{tool}', *arguments, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'{tool}: error: ')
    assert line.endswith(f'file/a: {project.folder}/file is no folder')
    assert done.stdout == ''  # nothing was measured


def test_a_work_folder_that_is_a_file(project):
    """mmengine's own folders, of which its run begins."""
    done = project.run_here('train.py', 'tiny.py', '--work-dir', 'file', check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith('/file is no folder')
