"""figures_table.py: the figures of several runs side by side."""

import json

import pytest
from tiny_project import TinyProject


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('table'))


def test_a_line_for_each_file(project):
    one = dict(top1_loc=71.75, gt_known=80.0, iou_30=90.01, extra=1.0)
    two = dict(top1_loc=8.0, top5_loc=9.5)
    for name, figures in (('one', one), ('two', two)):
        content = {f'localization/{key}': value for key, value in figures.items()}
        (project.folder / f'{name}.json').write_text(json.dumps(content))
    done = project.run_here('analysis_tools/figures_table.py', 'BAS=one.json', 'b c=two.json')
    head, _, first, second = done.stdout.splitlines()
    cells = [[cell.strip() for cell in line.split('|')[1:-1]] for line in (head, first, second)]
    assert cells[0][:5] == ['', 'Top-1 Loc', 'Top-5 Loc', 'GT-Known', 'IoU 0.3']
    assert cells[1][:6] == ['BAS', '71.8', '–', '80.0', '90.0', '–']
    assert cells[2][:5] == ['b c', '8.0', '9.5', '–', '–']


def test_a_figure_that_is_no_number_is_a_dash(project):
    """JSON has no NaN: tools/test.py writes null."""
    figures = {'localization/top1_loc': 71.8, 'localization/gt_known': None, 'a/b/iou_30': 90.0}
    (project.folder / 'nan.json').write_text(json.dumps(figures))
    done = project.run_here('analysis_tools/figures_table.py', 'BAS=nan.json')
    cells = [cell.strip() for cell in done.stdout.splitlines()[-1].split('|')[1:-1]]
    assert cells[:5] == ['BAS', '71.8', '–', '–', '90.0']


def test_lines_of_one_name_keep_their_figures(project):
    for name, figure in (('one', 1.0), ('two', 2.0), ('three', 3.0)):
        (project.folder / f'{name}.json').write_text(json.dumps({'localization/top1_loc': figure}))
    rows = ('BAS=one.json', 'BAS=two.json', 'CAM=three.json')
    done = project.run_here('analysis_tools/figures_table.py', *rows)
    lines = [line.split('|') for line in done.stdout.splitlines()[2:]]
    found = [(line[1].strip(), line[2].strip()) for line in lines]
    assert found == [('BAS', '1.0'), ('BAS', '2.0'), ('CAM', '3.0')]


@pytest.mark.parametrize(
    ('content', 'row', 'message'),
    [
        ('{}', 'bad.json', 'NAME=FILE is expected, got bad.json'),
        ('{}', 'A=absent.json', 'the file of figures absent.json does not exist'),
        ('[1]', 'A=bad.json', 'bad.json holds no figures of tools/test.py'),
        ('{"localization/miou": 3}', 'A=bad.json', 'bad.json has none of top1_loc'),
    ],
)
def test_bad_files_are_named(project, content, row, message):
    (project.folder / 'bad.json').write_text(content)
    done = project.run_here('analysis_tools/figures_table.py', row, check=False)
    assert done.returncode == 2
    assert message in done.stderr
