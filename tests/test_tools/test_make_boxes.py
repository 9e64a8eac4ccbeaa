"""make_boxes.py: from a checkpoint to a COCO file, on one process and on two."""

import json
import re
import sys
from fractions import Fraction
from pathlib import Path

import forked_python
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from tiny_project import ROOT, TinyProject, free_port

from bas_mm.datasets import LoadLocImage
from bas_mm.evaluation.functional import protocol_a_boxes
from bas_mm.evaluation.score_files import read_scores
from bas_mm.registry import DATASETS, MODELS

CLASSES = ('red', 'green', 'blue', 'white')


def save_checkpoint(project: TinyProject, name: str = 'tiny.pth') -> torch.nn.Module:
    """Random weights of the project's network, in a checkpoint."""
    cfg = Config.fromfile(project.config)
    init_default_scope('bas_mm')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    # Maps that differ from picture to picture and from class to class.
    torch.nn.init.normal_(model.generator.conv.weight, std=0.7)
    torch.save(dict(state_dict=model.state_dict(), meta={}), project.folder / name)
    return model.eval()


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    project = TinyProject(tmp_path_factory.mktemp('boxes'))
    project.model = save_checkpoint(project)
    return project


def make(project, out, *options, check=True, config='tiny.py'):
    return project.run_here(
        *('det/make_boxes.py', config, 'tiny.pth', out, '--work-dir', 'w', *options), check=check
    )


@torch.no_grad()
def by_hand(project, split: str, source: str, theta: float) -> list[tuple]:
    """Box in the original picture, score and class of each picture, from the model itself."""
    cfg = Config.fromfile(project.config)
    dataset_cfg = cfg[f'{split}_dataloader'].dataset
    dataset_cfg.update(pipeline=cfg.test_pipeline, test_mode=True)
    dataset = DATASETS.build(dataset_cfg)
    project.model.test_cfg.class_source = source
    rows = []
    for index in range(len(dataset)):
        item = dataset[index]
        batch = dict(inputs=[item['inputs']], data_samples=[item['data_samples']])
        (sample,) = project.model.test_step(batch)
        (box,) = protocol_a_boxes(sample.pred_map.numpy(), [theta], (32, 32)).tolist()
        # 48 x 48 pixels, resized to 40 x 40, of which the middle 32 x 32 are the view.
        corners = [float((Fraction(v) + 4) * 48 / 40) for v in box]
        label = int(sample.gt_label if source == 'gt' else sample.pred_label)
        rows.append((sample.image_id, corners, float(sample.pred_score[label]), label))
    return rows


@pytest.mark.parametrize(('split', 'source'), [('train', 'gt'), ('val', 'pred'), ('test', 'gt')])
def test_boxes_scores_and_classes_of_the_model(project, split, source):
    out = f'out/{split}.json'
    # The test of the config's θ is the one on the training pictures.
    theta, options = (0.3, ()) if split == 'train' else (0.7, ('--threshold', '0.7'))
    done = make(project, out, '--split', split, '--classes', source, '--scores', 's.csv', *options)
    content = json.loads((project.folder / out).read_text())
    rows = by_hand(project, split, source, theta)
    count = 16 if split == 'train' else 11
    assert len(rows) == len(content['images']) == len(content['annotations']) == count
    assert f'{out}: boxes of {count} of {count} pictures' in done.stdout
    assert [c['name'] for c in content['categories']] == list(CLASSES)
    scores = read_scores(project.folder / 's.csv')
    for image, item, (image_id, box, score, label) in zip(
        content['images'], content['annotations'], rows
    ):
        assert image['file_name'] == str(project.folder / 'data/images' / image_id)
        assert (image['width'], image['height']) == (48, 48)
        assert (item['image_id'], item['category_id']) == (image['id'], label + 1)
        x0, y0, width, height = item['bbox']
        assert [x0, y0, x0 + width, y0 + height] == pytest.approx(box, abs=1e-9)
        assert item['score'] == pytest.approx(score, abs=1e-6)
        assert scores[image_id][label] == pytest.approx(score, abs=1e-6)
    # The test means something: boxes differ.
    assert len({tuple(row[1]) for row in rows}) > 1


def test_ten_crops_change_the_scores_and_not_the_boxes(project):
    contents = []
    for options in ((), ('--tta',)):
        make(project, 'a.json', '--class-agnostic', *options)
        contents.append(json.loads((project.folder / 'a.json').read_text()))
    one, ten = (c['annotations'] for c in contents)
    assert [a['bbox'] for a in one] == [a['bbox'] for a in ten]
    assert {a['category_id'] for a in one + ten} == {1}
    assert not np.allclose([a['score'] for a in one], [a['score'] for a in ten], atol=1e-6)


def test_threshold_of_the_command_line(project):
    areas = []
    for theta in ('0.05', '0.8'):
        make(project, 'a.json', '--threshold', theta)
        content = json.loads((project.folder / 'a.json').read_text())
        areas.append(sum(a['area'] for a in content['annotations']))
    assert areas[0] > areas[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('a.txt',), 'OUT a.txt: the name must end in .json'),
        (('a.json', '--threshold', '1'), r'--threshold must lie in [0, 1), got 1'),
        (('a.json', '--scores', './a.json'), '--scores ./a.json: this file is to have the boxes'),
        (('a.json', '--scores', 'a_classes.txt'), '--scores a_classes.txt: this file is to have'),
        (('a.json', '--class-agnostic', '--classes', 'pred'), 'not allowed with argument'),
        (
            (
                *('a.json', '--cfg-options', 'model.test_cfg.threshold=None'),
                'test_evaluator.thresholds=[0.1,0.2]',
            ),
            'has no single θ, neither in model.test_cfg nor in test_evaluator',
        ),
        (
            ('a.json', '--cfg-options', 'train_dataloader=None'),
            'tiny.py has no train_dataloader',
        ),
    ],
)
def test_bad_commands_are_one_line(project, options, message):
    done = make(project, *options, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (project.folder / 'a.txt').exists()


@pytest.mark.parametrize('kind', ['BASSegClassifier', 'bas_mm.MultiLabelCAMClassifier'])
def test_models_of_several_labels_are_refused(project, kind):
    """Whether there is a θ or not."""
    done = make(project, 'a.json', '--cfg-options', f'model.type={kind}', check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    name = kind.removeprefix('bas_mm.')
    assert f"tiny.py: model.type='{name}' is for pictures with several labels, of which" in line
    assert 'take a model of configs/bas or configs/cam' in line


def test_another_threshold_than_that_of_the_figures_is_said(project):
    options = ['a.json', '--cfg-options', 'test_evaluator.thresholds=0.5']
    said = 'make_boxes.py: warning: tiny.py has two θ: boxes are at 0.3 (model.test_cfg.threshold)'
    assert said in make(project, *options).stderr
    same = [*options[:2], 'test_evaluator.thresholds=0.3']
    assert 'warning: tiny.py' not in make(project, *same).stderr
    assert 'warning: tiny.py' not in make(project, *options, '--threshold', '0.2').stderr


def test_sets_that_show_pictures_several_times_are_refused(project):
    (project.folder / 'repeated.py').write_text(
        "_base_ = 'tiny.py'\n"
        'train_dataloader = dict(dataset=dict(\n'
        "    _delete_=True, type='RepeatDataset', times=2, dataset=dict(type='SplitFolder')))\n"
    )
    done = make(project, 'a.json', config='repeated.py', check=False)
    assert done.returncode == 2
    assert '--split train: the data sets of repeated.py must have a pipeline of' in done.stderr


def test_pictures_for_training_need_no_masks(project):
    """Of a set that is tested by masks, which its training pictures do not have; nor do tests."""
    (project.folder / 'masks.py').write_text(
        "_base_ = 'tiny.py'\n"
        'test_dataloader = dict(dataset=dict(pipeline=[\n'
        "    dict(type='LoadLocImage'), dict(type='LocResize', scale=(40, 40)),\n"
        "    dict(type='LocCenterCrop', crop_size=32), dict(type='LoadLocMask'),\n"
        "    dict(type='PackLocalizationInputs')]))\n"
        "test_evaluator = dict(_delete_=True, type='PxAP')\n"
        'model = dict(test_cfg=dict(threshold=None))\n'
    )
    done = make(project, 'masks.json', config='masks.py', check=False)
    assert done.returncode == 2
    assert 'give one by --threshold' in done.stderr
    for split in ('train', 'test'):
        options = ('--threshold', '0.3', '--split', split)
        make(project, 'masks.json', *options, config='masks.py')
        make(project, 'plain.json', *options)
        written = (project.folder / 'masks.json').read_text()
        assert written == (project.folder / 'plain.json').read_text()


def test_unreadable_pictures(project, monkeypatch):
    make(project, 'whole.json')
    whole = json.loads((project.folder / 'whole.json').read_text())
    path = Path(whole['images'][5]['file_name'])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    options = '--cfg-options'
    try:
        # Read in another process.
        done = make(project, 'a.json', options, 'test_dataloader.num_workers=1', check=False)
        assert done.returncode == 2
        assert re.fullmatch(
            rf'make_boxes\.py: error: unreadable picture {re.escape(str(path))}: [^.]*\. '
            r'Repair it, or take it from all lists, '
            r'or leave such pictures out by train_dataloader\.dataset\.skip_unreadable=True\n',
            done.stderr.splitlines(keepends=True)[-1],
        )
        skip = 'train_dataloader.dataset.skip_unreadable=True'
        done = make(project, 'left.json', options, skip)
        assert 'left.json: boxes of 15 of 15 pictures' in done.stdout
        assert re.search(
            rf'unreadable picture {re.escape(str(path))}: OSError: [^.]*; it is left out',
            done.stderr,
        )
        make(project, 'some.json', options, skip, 'train_dataloader.dataset.indices="[7,5,2]"')

        # Two processes share the work of looking for them.
        read, transform = project.folder / 'read.txt', LoadLocImage.transform

        def noting(self, results: dict) -> dict:
            with read.open('a') as file:
                file.write(f'{results["img_path"]}\n')
            return transform(self, results)

        monkeypatch.setattr(LoadLocImage, 'transform', noting)
        arguments = 'tiny.py', 'tiny.pth', 'two.json', '--work-dir', 'w', options, skip
        done = project.run_ranks('det/make_boxes.py', *arguments)
        assert done.stderr.count('it is left out') == 1
        # Each once, and each of the others, one of them twice to make two equal shares, once more.
        assert len(read.read_text().splitlines()) == 16 + 15 + 1
    finally:
        path.write_bytes(content)
    left, some, two = (
        json.loads((project.folder / f'{n}.json').read_text()) for n in ('left', 'some', 'two')
    )
    assert two['images'] == left['images']
    assert [a['bbox'] for a in two['annotations']] == [a['bbox'] for a in left['annotations']]
    expected = whole['annotations'][:5] + whole['annotations'][6:]
    assert [a['bbox'] for a in left['annotations']] == [a['bbox'] for a in expected]
    names = [whole['images'][index]['file_name'] for index in (7, 2)]
    assert [image['file_name'] for image in some['images']] == names


@pytest.mark.slow
def test_two_processes_write_the_same_file(project):
    make(project, 'one.json', '--scores', 'one.csv')
    command = project.command('det/make_boxes.py')[1]
    done = forked_python.run(
        [
            *(sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2'),
            *(f'--master_port={free_port()}', command, 'tiny.py', 'tiny.pth', 'two.json'),
            *('--scores', 'two.csv', '--work-dir', 'w2', '--launcher', 'pytorch'),
        ],
        cwd=project.folder,
        env=project.environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    one, two = ((project.folder / f'{n}_classes.txt').read_text() for n in ('one', 'two'))
    assert one == two
    one, two = (json.loads((project.folder / f'{n}.json').read_text()) for n in ('one', 'two'))
    assert one['images'] == two['images']
    assert [a['bbox'] for a in one['annotations']] == [a['bbox'] for a in two['annotations']]
    # Batches are put together otherwise, which convolutions answer with other last digits.
    assert [a['score'] for a in one['annotations']] == pytest.approx(
        [a['score'] for a in two['annotations']], abs=1e-6
    )
    one, two = (read_scores(project.folder / f'{n}.csv') for n in ('one', 'two'))
    assert list(one) == list(two)
