"""A path that does not exist ends every command in the same form: one line, exit status 2."""

from pathlib import Path

import pytest
from tiny_project import ROOT, run_in_process

# What is in the other places is not looked at: the first mistake is said.
COMMANDS = [
    'train.py nowhere.py',
    'test.py nowhere.py a.pth',
    'select_and_test.py nowhere.py a.pth',
    'quickstart.py --cam nowhere.py',
    'quickstart.py --bas nowhere.py',
    'export.py nowhere.py a.pth a.pt2',
    'det/make_boxes.py nowhere.py a.pth a.json',
    'wsss/make_seeds.py nowhere.py a.pth out',
    'wsss/make_masks.py nowhere.py a.pth seeds out',
    'wsss/make_irn_labels.py nowhere.py seeds out',
    'wsss/fuse_seeds.py nowhere maps out',
    'wsss/eval_seeds.py nowhere.py seeds',
    'wsss/eval_seeds.py nowhere --masks masks --classes 2',
    'wsss/eval_masks.py nowhere.py masks',
    'wsss/run_pipeline.py nowhere.py',
    'analysis_tools/activation_vs_mask.py nowhere.py a.pth --out a.png',
    'analysis_tools/eval_maps.py nowhere lists',
    'analysis_tools/figures_table.py nowhere',
    'analysis_tools/report.py --run A nowhere.py a.pth --out a.html',
    'analysis_tools/write_maps.py nowhere.py a.pth out',
    'dataset_converters/to_split_folder.py cub nowhere out',
    'dataset_converters/to_split_folder.py ilsvrc nowhere out',
    'dataset_converters/to_split_folder.py stanford_dogs nowhere out',
    'dataset_converters/to_split_folder.py stanford_cars nowhere out',
    'dataset_converters/to_split_folder.py fgvc_aircraft nowhere out',
    'dataset_converters/folders_to_split.py nowhere out',
    'dataset_converters/voc12_lists.py nowhere --sbd sbd',
    'dataset_converters/coco14_lists.py nowhere --no-masks',
    'model_converters/published_to_bas_mm.py nowhere.pth a.pth',
    'model_converters/published_irn_to_bas_mm.py nowhere.pth a.pth',
    'model_converters/deeplabv2_to_bas_mm.py nowhere.pth a.pth',
]


def test_no_command_is_left_out():
    tools = {path.relative_to(ROOT / 'tools').as_posix() for path in ROOT.glob('tools/**/*.py')}
    # Those that measure are for those who write this package.
    others = {name for name in tools if 'benchmark_' in name or 'check_' in name}
    assert {command.split()[0] for command in COMMANDS} == tools - others


@pytest.mark.parametrize('command', COMMANDS)
def test_a_path_that_does_not_exist(command, tmp_path):
    tool, *arguments = command.split()
    done = run_in_process(ROOT / 'tools' / tool, arguments, tmp_path)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'{Path(tool).name}: error: ')
    assert 'nowhere' in line
    if 'converters/' in tool:
        assert 'config' not in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('command', 'made_by'),
    [
        ('eval_seeds.py nowhere --masks . --classes 2', 'fuse_seeds.py SEEDS MAPS nowhere'),
        ('eval_masks.py nowhere --masks . --classes 2', 'CHECKPOINT SEEDS nowhere'),
        ('fuse_seeds.py nowhere . out', 'make_seeds.py CONFIG CHECKPOINT nowhere'),
        ('fuse_seeds.py . nowhere out', 'make_seeds.py CONFIG CHECKPOINT nowhere'),
    ],
)
def test_what_makes_a_folder_that_is_missing(command, made_by, tmp_path):
    tool, *arguments = command.split()
    done = run_in_process(ROOT / 'tools/wsss' / tool, arguments, tmp_path)
    assert done.returncode == 2
    assert made_by in done.stderr
