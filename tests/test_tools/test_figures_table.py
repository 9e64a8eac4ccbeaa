"""figures_table.py: the figures of several runs side by side."""

import json

import numpy as np
import pytest
from tiny_project import TinyProject

from bas_mm.evaluation import LocalizationMetric, MaxBoxAccV2, PxAP, ViewBoxAcc


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('table'))


def table(project, *rows):
    """The cells that are printed, without the line below the heads."""
    done = project.run_here('analysis_tools/figures_table.py', *rows)
    head, _, *lines = done.stdout.splitlines()
    return [[cell.strip() for cell in line.split('|')[1:-1]] for line in (head, *lines)]


def test_a_line_for_each_file(project):
    one = dict(top1_loc=71.75, gt_known=80.0, iou_30=90.01, extra=1.0)
    two = dict(top1_loc=8.0, top5_loc=9.5)
    for name, figures in (('one', one), ('two', two)):
        content = {f'localization/{key}': value for key, value in figures.items()}
        (project.folder / f'{name}.json').write_text(json.dumps(content))
    assert table(project, 'BAS=one.json', 'b c=two.json') == [
        ['', 'Top-1 Loc', 'Top-5 Loc', 'GT-Known', 'IoU 0.3'],
        ['BAS', '71.8', '–', '80.0', '90.0'],
        ['b c', '8.0', '9.5', '–', '–'],
    ]


def test_figures_of_every_metric_that_any_file_has(project):
    contents = dict(
        boxes=dict(max_box_acc_v2_50=60.25, max_box_acc=59.0, max_box_acc_threshold=0.2),
        masks=dict(piou=40.0, pxap=50.0, piou_threshold=0.3, top1_cls=0.0),
        view={'view_box_acc_v2': 70.0, 'gt_known@0.2': 1.0},
    )
    for name, figures in contents.items():
        content = {f'localization/{key}': value for key, value in figures.items()}
        (project.folder / f'{name}.json').write_text(json.dumps(content))
    heads = ['Top-1 Cls', 'MaxBoxAcc', 'MaxBoxAccV2 0.5', 'BoxAccV2 of the view', 'PxAP', 'pIoU']
    assert table(project, 'B=boxes.json', 'M=masks.json', 'V=view.json') == [
        ['', *heads],
        ['B', '–', '59.0', '60.2', '–', '–', '–'],
        ['M', '0.0', '–', '–', '–', '50.0', '40.0'],
        ['V', '–', '–', '–', '70.0', '–', '–'],
    ]
    # OpenImages has masks alone.
    (project.folder / 'm.json').write_text(json.dumps({'localization/pxap': 50.0}))
    assert table(project, 'M=m.json') == [['', 'PxAP'], ['M', '50.0']]


def test_every_figure_of_a_metric_has_a_column(project):
    """But thresholds, and what is said in the help."""
    sample = dict(
        image_id='a',
        img_shape=(9, 9),
        pred_map=np.eye(9),
        pred_score=np.ones(1),
        gt_label=np.zeros(1),
        gt_bboxes=np.array([[1, 1, 7, 7]]),
        gt_bboxes_view=np.array([[1, 1, 7, 7]]),
        gt_mask=np.eye(9, dtype=np.uint8),
    )
    figures = {}
    for metric in (
        LocalizationMetric(thresholds=0.5),
        MaxBoxAccV2(with_max_box_acc=True),
        ViewBoxAcc(with_max_box_acc=True),
        PxAP(),
    ):
        metric.process(None, [sample])
        figures.update(metric.evaluate(1))
    (project.folder / 'all.json').write_text(json.dumps(figures))
    left_out = ('top5_cls', 'mean_iou_acc')
    shown = [k for k in figures if 'threshold' not in k and not k.endswith(left_out)]
    head, row = table(project, 'A=all.json')
    assert len(set(head)) == len(head) == 1 + len(shown)
    assert '–' not in row


def test_a_figure_that_is_no_number_is_a_dash(project):
    """JSON has no NaN: tools/test.py writes null."""
    figures = {'localization/top1_loc': 71.8, 'localization/gt_known': None, 'a/b/iou_30': 90.0}
    (project.folder / 'nan.json').write_text(json.dumps(figures))
    (project.folder / 'one.json').write_text(json.dumps({'localization/gt_known': 1.0}))
    found = table(project, 'BAS=nan.json', 'b=one.json')
    assert found[1] == ['BAS', '71.8', '–', '90.0']


def test_lines_of_one_name_keep_their_figures(project):
    for name, figure in (('one', 1.0), ('two', 2.0), ('three', 3.0)):
        (project.folder / f'{name}.json').write_text(json.dumps({'localization/top1_loc': figure}))
    rows = ('BAS=one.json', 'BAS=two.json', 'CAM=three.json')
    assert table(project, *rows)[1:] == [['BAS', '1.0'], ['BAS', '2.0'], ['CAM', '3.0']]


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
