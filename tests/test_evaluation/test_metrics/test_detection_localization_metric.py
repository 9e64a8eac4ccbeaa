"""A detector's figures against a slow computation, and against those of localization maps."""

import json

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from test_coco_box_writer import SIZES, VIEW, make_sample, write

from bas_mm.evaluation import DetectionLocalizationMetric, LocalizationMetric

CLASSES = tuple('abcdefg')
HEIGHT, WIDTH = VIEW


def detection_sample(index: int, view_box=None, size=(80, 64)) -> dict:
    """Detections about the true box, in the original picture, twice the view's size."""
    rng = np.random.default_rng(index)
    count = index % 5
    x0, y0 = rng.integers(0, 15, 2).tolist()
    gt = [[x0, y0, x0 + 18, y0 + 12], [1, 1, 6, 6]][: 1 + index % 2]
    near = np.array([gt[0]] * count).reshape(-1, 4) + rng.normal(0, 2, (count, 4))
    near[:, 2:] += 1
    labels = rng.integers(0, len(CLASSES), count)
    # Detected in two pictures of three.
    label = labels[-1] if count and index % 3 else rng.integers(len(CLASSES))
    return dict(
        image_id=f'p/{index}.jpg',
        pred_instances=dict(
            bboxes=torch.from_numpy(near * 2),
            scores=torch.from_numpy(rng.random(count)),
            labels=torch.from_numpy(labels),
        ),
        localization=dict(
            gt_label=int(label),
            gt_bboxes=np.array(gt),
            img_shape=VIEW,
            view_box=view_box or (0.0, 0.0, 2.0 * WIDTH, 2.0 * HEIGHT),
        ),
    )


def evaluate(samples, classes=CLASSES, **options) -> dict:
    metric = DetectionLocalizationMetric(**options)
    metric.dataset_meta = dict(classes=classes)
    for start in range(0, len(samples), 4):
        metric.process(None, samples[start : start + 4])
    figures = metric.evaluate(len(samples))
    return {name.removeprefix('localization/'): value for name, value in figures.items()}


def slow_iou(a, b) -> float:
    """By counting pixels, the last column and row inside."""
    grid = np.zeros((2, 100, 100), bool)
    for own, (x0, y0, x1, y1) in zip(grid, (a, b)):
        own[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1] = True
    return (grid[0] & grid[1]).sum() / (grid[0] | grid[1]).sum()


def slow_figures(samples, scores=None) -> dict:
    rows = []
    for sample in samples:
        truth, found = sample['localization'], sample['pred_instances']
        detections = sorted(
            zip(found['scores'].tolist(), found['bboxes'].tolist(), found['labels'].tolist()),
            key=lambda d: -d[0],
        )
        iou = 0.0
        if detections:
            box = [round(v / 2) for v in detections[0][1]]
            box = [min(max(v, 0), limit) for v, limit in zip(box, (WIDTH, HEIGHT) * 2)]
            iou = max(slow_iou(box, gt) for gt in truth['gt_bboxes'].tolist())
        if scores is None:
            ranking = list(dict.fromkeys(label for _, _, label in detections))
        else:
            ranking = np.argsort(-scores[sample['image_id']], kind='stable').tolist()
        label = truth['gt_label']
        rows.append((iou, label in ranking[:1], label in ranking[:5]))
    share = {
        'top1_loc': [iou >= 0.5 and one for iou, one, _ in rows],
        'top5_loc': [iou >= 0.5 and five for iou, _, five in rows],
        'gt_known': [iou >= 0.5 for iou, _, _ in rows],
        'top1_cls': [one for _, one, _ in rows],
        'top5_cls': [five for _, _, five in rows],
        **{f'iou_{level}': [iou >= level / 100 for iou, _, _ in rows] for level in (30, 50, 70)},
    }
    figures = {name: 100 * sum(hits) / len(rows) for name, hits in share.items()}
    figures['mean_iou_acc'] = sum(figures[f'iou_{level}'] for level in (30, 50, 70)) / 3
    return figures


def test_figures_of_a_slow_computation():
    samples = [detection_sample(i) for i in range(60)]
    expected = slow_figures(samples)
    assert evaluate(samples) == pytest.approx(expected, abs=1e-9)
    # The samples tell the criteria apart.
    assert 0 < expected['top1_loc'] < expected['top5_loc'] < expected['gt_known'] < 100
    assert len({expected[f'iou_{level}'] for level in (30, 50, 70)}) == 3


def test_a_class_that_was_not_detected_is_wrong_among_few_classes(tmp_path):
    """The true class is not among the first five of two, unless it was detected."""
    samples = [detection_sample(i) for i in range(12)]
    for sample in samples:
        sample['pred_instances']['labels'] %= 2
        sample['localization']['gt_label'] %= 2
    figures = evaluate(
        samples, classes=CLASSES[:2], per_class=True, result_file=str(tmp_path / 'r.json')
    )
    expected = slow_figures(samples)
    assert figures == pytest.approx(expected, abs=1e-9)
    assert expected['top5_loc'] < expected['gt_known']
    rows = json.loads((tmp_path / 'r.json').read_text())['images']
    for sample, row in zip(samples, rows):
        found = sample['localization']['gt_label'] in sample['pred_instances']['labels']
        assert (row['rank'] is not None) is found


def test_classes_from_a_file_of_scores(tmp_path):
    samples = [detection_sample(i) for i in range(40)]
    rng = np.random.default_rng(0)
    scores = {sample['image_id']: rng.random(len(CLASSES)).round(1) for sample in samples}
    file = tmp_path / 's.csv'
    file.write_text(''.join(f'{k},{",".join(map(str, v))}\n' for k, v in scores.items()))
    found = evaluate(samples, class_agnostic=True, class_scores=str(file))
    assert found == pytest.approx(slow_figures(samples, scores), abs=1e-9)

    results = tmp_path / 'r.json'
    without = evaluate(samples, class_agnostic=True, per_class=True, result_file=str(results))
    assert without == {
        name: found[name] for name in ('gt_known', 'iou_30', 'iou_50', 'iou_70', 'mean_iou_acc')
    }
    results = json.loads(results.read_text())
    assert results['metrics'] == without
    told = {*results['images'][0], *results['per_class'][0]}
    assert {'iou', 'gt_known'} <= told
    assert not [name for name in told if 'top' in name or name == 'rank']
    file.write_text('other.jpg,1,2\n')
    with pytest.raises(ValueError, match=r'p/0.jpg: .*s.csv has no line for it'):
        evaluate(samples, class_scores=str(file))
    with pytest.raises(ValueError, match='absent.csv cannot be read'):
        evaluate(samples, class_scores=str(tmp_path / 'absent.csv'))


def test_boxes_of_maps_get_the_figures_of_their_maps(tmp_path):
    """To the original picture, through a COCO file, and back: not a pixel is lost."""
    samples, detections = [], []
    for index in range(80):
        size = (int(37 + 13 * index), SIZES[index % 4][1])
        sample = make_sample(index, size)
        rng = np.random.default_rng(1000 + index)
        x, y = np.sort(rng.integers(0, WIDTH, 2)), np.sort(rng.integers(0, HEIGHT, 2))
        sample['gt_bboxes'] = torch.tensor([[x[0], y[0], x[1], y[1]], [5, 5, 30, 28]])
        samples.append(sample)
    maps = LocalizationMetric(thresholds=0.4)
    maps.process(None, samples)
    expected = maps.evaluate(len(samples))
    _, content = write(tmp_path / 'boxes.json', samples, classes='pred')
    for sample, item in zip(samples, content['annotations']):
        x0, y0, width, height = item['bbox']
        detections.append(
            dict(
                image_id=sample['image_id'],
                pred_instances=dict(
                    bboxes=torch.tensor([[x0, y0, x0 + width, y0 + height]]),
                    scores=torch.tensor([item['score']]),
                    labels=torch.tensor([item['category_id'] - 1]),
                ),
                localization=dict(
                    gt_label=int(sample['gt_label']),
                    gt_bboxes=sample['gt_bboxes'].numpy(),
                    img_shape=VIEW,
                    view_box=sample['view_box'],
                ),
            )
        )
    found = evaluate(detections)
    assert 0 < found['gt_known'] < 100
    for name in ('gt_known', 'iou_30', 'iou_50', 'iou_70', 'top1_loc', 'top1_cls'):
        assert found[name] == expected[f'localization/{name}']


def test_a_detection_is_clamped_to_the_view():
    """A detector sees what was cropped away; the true box ends at the view, and so does its."""
    sample = detection_sample(1, view_box=(20.0, 10.0, 20.0 + WIDTH, 10.0 + HEIGHT))
    sample['localization']['gt_bboxes'] = np.array([[0, 0, WIDTH - 1, HEIGHT - 1]])
    sample['pred_instances'].update(
        bboxes=torch.tensor([[-50.0, -50.0, 400.0, 400.0]]),
        scores=torch.ones(1),
        labels=torch.zeros(1, dtype=torch.int64),
    )
    expected = WIDTH * HEIGHT / ((WIDTH + 1) * (HEIGHT + 1))  # Protocol A: one past the last pixel
    metric = DetectionLocalizationMetric(class_agnostic=True)
    metric.process(None, [sample])
    box, gt, *_ = metric.prepare(sample, 'p')
    assert box.tolist() == [[0, 0, WIDTH, HEIGHT]]
    assert metric._last[1].values[1] == pytest.approx(expected)


def test_pictures_without_detections_are_wrong_and_named(caplog):
    samples = [detection_sample(i) for i in (5, 10, 15)]
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        figures = evaluate(samples)
    finally:
        logger.removeHandler(caplog.handler)
    assert set(figures.values()) == {0.0}
    assert [r.getMessage() for r in caplog.records] == [
        '3 of 3 pictures have no detection (they count as wrong): p/5.jpg, p/10.jpg, p/15.jpg'
    ]


def test_result_file_per_picture_and_class(tmp_path):
    samples = [detection_sample(i) for i in range(12)]
    figures = evaluate(samples, per_class=True, result_file=str(tmp_path / 'r.json'))
    content = json.loads((tmp_path / 'r.json').read_text())
    assert content['metrics'] == figures
    assert [row['image_id'] for row in content['images']] == [f'p/{i}.jpg' for i in range(12)]
    assert content['images'][0]['x0'] is None
    undetected = [row['undetected'] for row in content['images']]
    assert undetected == [not len(sample['pred_instances']['scores']) for sample in samples]
    right = sum(row['iou'] >= 0.5 for row in content['images'])
    assert right / 12 * 100 == pytest.approx(figures['gt_known'])
    by_class = sum(row['gt_known'] * row['pictures'] for row in content['per_class'])
    assert by_class / 12 == pytest.approx(figures['gt_known'])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(localization=None), r'p/3.jpg: .* no localization: .* KeepLocalizationTruth'),
        (dict(pred_instances=None), r'p/3.jpg: the data sample has no pred_instances'),
        (9, r'p/3.jpg: a detection has the label 9, but the data set has 7 classes'),
        (-1, r'p/3.jpg: a detection has the label -1, but the data set has 7 classes'),
        ('nan', r'p/3.jpg: a detection is not finite'),
        ('no box', r'p/3.jpg: there is no ground-truth box'),
        ('bad box', r'p/3.jpg: a ground-truth box .* x1 < x0'),
    ],
)
def test_errors_name_the_picture(changes, message):
    sample = detection_sample(3)
    if isinstance(changes, int):
        sample['pred_instances']['labels'][1] = changes
    elif changes == 'nan':
        sample['pred_instances']['bboxes'][0, 0] = float('nan')
    elif changes == 'no box':
        sample['localization']['gt_bboxes'] = np.zeros((0, 4), int)
    elif changes == 'bad box':
        sample['localization']['gt_bboxes'] = np.array([[3, 3, 2, 3]])
    else:
        sample.update(changes)
    with pytest.raises(ValueError, match=message):
        evaluate([sample])
