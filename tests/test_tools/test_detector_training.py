"""Detectors of mmdetection on boxes of a BAS model, for real: trained, tested, counted again."""

import json
import pickle
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from releases import write_cub
from test_make_boxes import save_checkpoint
from tiny_project import ROOT, TinyProject

from bas_mm.evaluation.coco_boxes import coco_boxes
from bas_mm.evaluation.score_files import read_scores
from bas_mm.registry import MODELS
from bas_mm.visualization.functional import PREDICTED_COLOR, TRUE_COLOR

pytestmark = [pytest.mark.det, pytest.mark.slow]

CONFIGS = ROOT / 'configs/det'

# The embedded recipe on the pictures of the tiny project.
TINY = """
_base_ = {base!r}
model = dict(
    backbone=dict(stem_channels=4, base_channels=4),
    neck=dict(in_channels=[8, 16], out_channels=8),
    bbox_head=dict(in_channels=8, feat_channels=8, num_classes={count},
                   norm_cfg=dict(type='GN', num_groups=4)),
    test_cfg=dict(score_thr=0.0),
)
train_dataloader = dict(
    batch_size=8,
    dataset=dict(ann_file='boxes{agnostic}.json', metainfo=dict(classes={classes})),
)
dataset = dict(
    _delete_=True, type='bas_mm.SplitFolder', data_root={data!r},
    data_prefix=dict(img_path='images'), classes=('red', 'green', 'blue', 'white'),
    split_dir='metadata/val', test_mode=True,
    pipeline=[
        dict(type='bas_mm.LoadLocImage'),
        dict(type='bas_mm.KeepLocalizationTruth', view=[
            dict(type='LocResize', scale=(40, 40)), dict(type='LocCenterCrop', crop_size=32)]),
        dict(type='Resize', scale=(96, 96)),
        dict(type='PackDetInputs', meta_keys=(
            'image_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'localization')),
    ],
)
val_dataloader = dict(batch_size=4, dataset=dataset)
test_dataloader = dict(batch_size=4, dataset=dataset)
train_cfg = dict(max_epochs=2, val_interval=2)
val_evaluator = dict({scores})
test_evaluator = dict(result_file='rows{agnostic}.json', {scores})
"""


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """A project with boxes of a network, per class and without classes, and class scores."""
    project = TinyProject(tmp_path_factory.mktemp('detector'))
    # Two pictures of one name in two folders.
    images = project.folder / 'data/images/val'
    for old, new in (('0000.png', 'a/0.png'), ('0001.png', 'b/0.png')):
        (images / new).parent.mkdir()
        (images / old).rename(images / new)
        for file in (project.folder / 'data/metadata/val').iterdir():
            file.write_text(file.read_text().replace(old, new))
    save_checkpoint(project)
    make = ('det/make_boxes.py', 'tiny.py', 'tiny.pth')
    project.run_here(*make, 'boxes.json', '--work-dir', 'w')
    project.run_here(*make, 'boxes_agnostic.json', '--class-agnostic', '--work-dir', 'w')
    project.run_here(*make, 'val.json', '--split', 'val', '--scores', 's.csv', '--work-dir', 'w')
    return project


def count_again(project, predictions: list[dict], scores: dict | None) -> dict[str, float]:
    """Protocol A from the predictions and the lists, in exact fractions, one picture at a time."""
    folder = project.folder / 'data/metadata/val'
    boxes = dict(line.split(',', 1) for line in (folder / 'localization.txt').read_text().split())
    labels = dict(line.split(',') for line in (folder / 'class_labels.txt').read_text().split())

    def to_view(value) -> Fraction:
        return Fraction(value) * 40 / 48 - 4

    hits = []
    for sample in predictions:
        image_id, found = sample['image_id'], sample['pred_instances']
        true = [int(min(max(to_view(int(v)), 0), 31)) for v in boxes[image_id].split(',')]
        best = int(found['scores'].argmax())
        box = [min(max(round(to_view(float(v))), 0), 32) for v in found['bboxes'][best].tolist()]
        grids = np.zeros((2, 40, 40), bool)
        for grid, (x0, y0, x1, y1) in zip(grids, (true, box)):
            grid[y0 : y1 + 1, x0 : x1 + 1] = True
        iou = (grids[0] & grids[1]).sum() / (grids[0] | grids[1]).sum()
        if scores is None:
            first = int(found['labels'][best])
        else:
            first = int(scores[image_id].argmax())
        hits.append((iou, first == int(labels[image_id])))
    assert len(hits) == len(boxes) == 11
    percent = 100 / len(hits)
    return dict(
        gt_known=percent * sum(iou >= 0.5 for iou, _ in hits),
        iou_30=percent * sum(iou >= 0.3 for iou, _ in hits),
        top1_loc=percent * sum(iou >= 0.5 and right for iou, right in hits),
        top1_cls=percent * sum(right for _, right in hits),
    )


def check_pictures(project, folder: Path, rows: list[dict]) -> None:
    """Each picture of the result file is drawn, in the view, with its box and a true one."""
    ids = [row['image_id'] for row in rows]
    assert {'val/a/0.png', 'val/b/0.png'} < set(ids)
    files = [path.relative_to(folder).as_posix() for path in folder.rglob('*.png')]
    assert sorted(files) == sorted(f'{image_id}.png' for image_id in ids)
    for row in rows:
        drawing = cv2.imread(str(folder / f'{row["image_id"]}.png'))[..., ::-1]
        assert drawing.shape[1] == 2 * 224 + 6
        # The view of 32 pixels is drawn seven times as large.
        view = cv2.imread(str(project.folder / 'data/images' / row['image_id']))[..., ::-1]
        view = cv2.resize(view, (40, 40))[4:36, 4:36].astype(float)
        assert abs(drawing[3:224:7, 3:224:7] - view).mean() < 6, 'the picture of this name'
        panel = drawing[:224, 230:]
        assert (panel == TRUE_COLOR).all(-1).any()
        ys, xs = np.nonzero((panel == PREDICTED_COLOR).all(-1))
        box = [row[key] for key in ('x0', 'y0', 'x1', 'y1')]
        if box[0] < box[2] and box[1] < box[3]:
            corners = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            assert corners == [7 * side for side in box]


@pytest.mark.parametrize('agnostic', ['', '_agnostic'])
def test_train_test_and_count_again(project, agnostic):
    scores = "class_scores='s.csv'" if agnostic else ''
    classes = "('object',)" if agnostic else "'boxes_classes.txt'"
    name = f'det{agnostic}'
    (project.folder / f'{name}.py').write_text(
        TINY.format(
            base=(CONFIGS / f'fcos_small_embedded{agnostic}.py').as_posix(),
            data=(project.folder / 'data').as_posix(),
            agnostic=agnostic,
            classes=classes,
            count=1 if agnostic else 4,
            scores=scores,
        )
    )
    project.run_here('train.py', f'{name}.py', '--work-dir', name)
    checkpoint = (project.folder / name / 'last_checkpoint').read_text().strip()
    test = ('test.py', f'{name}.py', checkpoint, '--work-dir', f'{name}_test')
    project.run_here(*test, '--out', f'{name}.json')
    shown = ('--show-dir', f'{name}_pictures', '--interval', 1)
    project.run_here(*test, '--out', f'{name}.pkl', *shown)
    figures = json.loads((project.folder / f'{name}.json').read_text())
    predictions = pickle.loads((project.folder / f'{name}.pkl').read_bytes())
    read = read_scores(project.folder / 's.csv') if agnostic else None
    expected = count_again(project, predictions, read)
    for key, value in expected.items():
        assert figures[f'localization/{key}'] == pytest.approx(value, abs=1e-9), key
    rows = json.loads((project.folder / f'rows{agnostic}.json').read_text())['images']
    check_pictures(project, project.folder / f'{name}_pictures', rows)
    # Not all boxes are the same, nor all outside.
    assert len({(row['x0'], row['y0'], row['x1'], row['y1']) for row in rows}) > 1


def test_pictures_of_mmdetection_itself(project):
    """A config that keeps its visualizer is drawn by it, whatever its hook is."""
    config = project.folder / 'own.py'
    text = TINY.format(
        base=(CONFIGS / 'fcos_small_embedded.py').as_posix(),
        data=(project.folder / 'data').as_posix(),
        **dict(agnostic='', classes="'boxes_classes.txt'", count=4, scores=''),
    )
    config.write_text(f"{text}visualizer = dict(type='DetLocalVisualizer')\n")
    model = Config.fromfile(config).model
    with DefaultScope.overwrite_default_scope('mmdet'):
        weights = MODELS.build(model).state_dict()
    torch.save(dict(state_dict=weights, meta={}), project.folder / 'own.pth')
    project.run_here('test.py', 'own.py', 'own.pth', '--work-dir', 'own', '--show-dir', 'own_shown')
    # By their base names.
    assert len(list((project.folder / 'own_shown').iterdir())) == 10


def test_training_boxes_are_those_of_the_file(project):
    """Through mmdetection's reader and pipeline, a box comes out as it was written."""
    from mmdet.registry import DATASETS

    cfg = Config.fromfile(CONFIGS / 'fcos_small_embedded.py').train_dataloader.dataset
    cfg.ann_file = str(project.folder / 'boxes.json')
    cfg.metainfo.classes = str(project.folder / 'boxes_classes.txt')
    cfg.pipeline[2].prob = 0.0
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(cfg)
        assert list(dataset.metainfo['classes']) == ['red', 'green', 'blue', 'white']
        content = json.loads((project.folder / 'boxes.json').read_text())
        assert len(dataset) == 16
        for index, item in enumerate(content['annotations']):
            sample = dataset[index]['data_samples']
            x0, y0, width, height = item['bbox']
            box = sample.gt_instances.bboxes.tensor[0].tolist()
            assert box == pytest.approx([x0, y0, x0 + width, y0 + height], abs=1e-4)
            assert sample.gt_instances.labels.tolist() == [item['category_id'] - 1]


@pytest.mark.parametrize('config', ['faster-rcnn_r50_cub', 'faster-rcnn_r50_cub_agnostic'])
def test_cub_configs_train_and_test(config, tmp_path, monkeypatch):
    """One iteration and one test on a generated copy of the release; only sizes are changed."""
    monkeypatch.chdir(tmp_path)
    write_cub(Path('data'), num_classes=200)
    agnostic = config.endswith('agnostic')
    cfg = Config.fromfile(CONFIGS / f'{config}.py')
    names = ['object'] if agnostic else [f'Bird_{number}' for number in range(1, 201)]
    pictures = [
        dict(
            file_name=f'data/CUB_200_2011/images/00{i + 1}.Bird_{i + 1}/Bird_{i}.jpg',
            **dict(width=60, height=40, box=(5.0, 4.0, 40.5, 30.0), score=0.5),
            category=0 if agnostic else i,
        )
        for i in range(2)
    ]
    file = Path(cfg.train_dataloader.dataset.ann_file)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(coco_boxes(pictures, names)))
    file.with_name(f'{file.stem}_classes.txt').write_text('\n'.join(names))

    cfg.model.backbone.init_cfg = None
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(batch_size=2, num_workers=0)
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (96, 64)
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.work_dir, cfg.log_level, cfg.launcher = 'w', 'WARNING', 'none'
    cfg.default_hooks.checkpoint = None
    torch.manual_seed(0)
    runner = Runner.from_cfg(cfg)
    before = runner.model.roi_head.bbox_head.fc_cls.weight.clone()
    runner.train()
    assert not torch.equal(before, runner.model.roi_head.bbox_head.fc_cls.weight)
    figures = runner.test()
    assert 0 <= figures['localization/gt_known'] <= 100
    assert ('localization/top1_loc' in figures) is not agnostic
