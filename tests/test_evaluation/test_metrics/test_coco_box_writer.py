"""Boxes as a COCO file: what pycocotools reads, in pixels of the original pictures."""

import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from bas_mm.evaluation import CocoBoxWriter
from bas_mm.evaluation.functional import protocol_a_boxes
from bas_mm.evaluation.score_files import read_scores
from bas_mm.utils.box_geometry import boxes_to_original

COCO = pytest.importorskip('pycocotools.coco', reason='the extra `coco` is not installed').COCO

CLASSES = ('red', 'green', 'blue')
# Resized to 48 x 40, of which the middle 40 x 32 are the view.
VIEW, RESIZED, OFFSET = (32, 40), (48, 40), (4, 4)


def make_sample(index: int, size: tuple[int, int], pred_map=None, **changes) -> dict:
    rng = np.random.default_rng(index)
    if pred_map is None:
        pred_map = rng.random((4, 5)).astype(np.float32)
        pred_map[1:3, 1:4] += 1
    width, height = size
    x = [Fraction(v * width, RESIZED[0]) for v in (OFFSET[0], OFFSET[0] + VIEW[1])]
    y = [Fraction(v * height, RESIZED[1]) for v in (OFFSET[1], OFFSET[1] + VIEW[0])]
    return dict(
        image_id=f'a/{index}.jpg',
        img_path=f'data/a/{index}.jpg',
        ori_shape=(height, width),
        img_shape=VIEW,
        view_box=tuple(map(float, (x[0], y[0], x[1], y[1]))),
        pred_map=torch.as_tensor(pred_map),
        pred_score=torch.tensor([0.2, 0.5, 0.3]),
        gt_label=torch.tensor([index % 3]),
        **changes,
    )


def write(path, samples, **options) -> tuple[dict, dict]:
    metric = CocoBoxWriter(str(path), threshold=0.4, **options)
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process(None, samples)
    figures = metric.evaluate(len(samples))
    return figures, json.loads(path.read_text())


SIZES = [(500, 375), (97, 311), (48, 40), (1000, 40)]


def test_the_file_is_coco_and_its_boxes_are_protocol_a_s_in_the_original(tmp_path):
    samples = [make_sample(i, size) for i, size in enumerate(SIZES)]
    figures, _ = write(tmp_path / 'boxes.json', samples)
    assert figures == {'localization/boxes_written': 4, 'localization/pictures': 4}
    coco = COCO(str(tmp_path / 'boxes.json'))
    assert [c['name'] for c in coco.loadCats(coco.getCatIds())] == list(CLASSES)
    assert (tmp_path / 'boxes_classes.txt').read_text().split() == list(CLASSES)
    images = coco.loadImgs(sorted(coco.getImgIds()))
    assert [(i['file_name'], i['width'], i['height']) for i in images] == [
        (f'data/a/{i}.jpg', *size) for i, size in enumerate(SIZES)
    ]
    for image, sample, size in zip(images, samples, SIZES):
        (item,) = coco.loadAnns(coco.getAnnIds(image['id']))
        label = int(sample['gt_label'])
        assert coco.loadCats(item['category_id'])[0]['name'] == CLASSES[label]
        assert item['score'] == pytest.approx(float(sample['pred_score'][label]))
        assert item['iscrowd'] == 0
        ((x0, y0, x1, y1),) = protocol_a_boxes(sample['pred_map'].numpy(), [0.4], VIEW).tolist()
        # Exactly: places of the view, moved out of the crop and scaled back.
        edges = [
            (Fraction(v) + OFFSET[k % 2]) * size[k % 2] / RESIZED[k % 2]
            for k, v in enumerate((x0, y0, x1, y1))
        ]
        expected = [edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]]
        assert item['bbox'] == pytest.approx(list(map(float, expected)), abs=1e-9)
        assert item['area'] == pytest.approx(float(expected[2] * expected[3]), abs=1e-6)
        assert item['bbox'][0] + item['bbox'][2] <= size[0] + 1e-9


def test_a_box_ends_where_its_picture_ends(tmp_path):
    """Its place in the picture is rounded, here to more than its width."""
    sample = make_sample(0, (34, 30), pred_map=np.array([[0, 0], [0, 1]], np.float32))
    sample.update(view_box=(3.4, 0, 34, 30), img_shape=(32, 36))
    _, content = write(tmp_path / 'boxes.json', [sample])
    x, y, width, height = content['annotations'][0]['bbox']
    ((_, _, x1, _),) = boxes_to_original([[0, 0, 36, 32]], (3.4, 0, 34, 30), (36, 32))
    assert x1 > 34
    assert width == 34 - x
    assert height == 30 - y


# Nothing above θ = 0.4: the division's guard empties the second, the resize the third.
EMPTY = [np.full((4, 5), 0.7), np.full((4, 5), 0.7), np.zeros((64, 80))]
EMPTY[1][1, 2] += 5e-6
EMPTY[2][1, 0] = 1


def test_a_picture_has_the_rows_that_were_cut_off(tmp_path):
    """LocCropBottom takes them from the network; the detector reads the file on disk."""
    samples = [make_sample(0, (500, 375)), make_sample(1, (500, 375), rows_cut=20)]
    _, file = write(tmp_path / 'boxes.json', samples)
    assert [image['height'] for image in file['images']] == [375, 395]


@pytest.mark.parametrize('pred_map', EMPTY)
def test_a_map_without_a_pixel_above_theta_gives_no_box_and_one_warning(pred_map, tmp_path, caplog):
    assert protocol_a_boxes(pred_map, [0.4], VIEW).tolist() == [[0, 0, 40, 32]]
    samples = [make_sample(i, SIZES[0]) for i in range(4)]
    samples[2]['pred_map'] = torch.tensor(pred_map, dtype=torch.float32)
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        figures, content = write(tmp_path / 'boxes.json', samples)
    finally:
        logger.removeHandler(caplog.handler)
    assert figures == {'localization/boxes_written': 3, 'localization/pictures': 4}
    assert len(content['images']) == 4
    assert [a['image_id'] for a in content['annotations']] == [1, 2, 4]
    assert [a['id'] for a in content['annotations']] == [1, 2, 3]
    (message,) = [r.getMessage() for r in caplog.records if 'a/2.jpg' in r.getMessage()]
    assert message == (
        '1 of 4 localization maps have no pixel above θ (no box is written): a/2.jpg'
    )


# The picture is the view's last quarter, its right half, its lower half.
@pytest.mark.parametrize('start', [(-40.0, -32.0), (-40.0, 0.0), (0.0, -32.0)])
def test_a_box_in_the_border_of_a_padded_view_is_none(tmp_path, start):
    pred_map = np.zeros((4, 5), np.float32)
    pred_map[0, 0] = 1
    sample = make_sample(0, (40, 32), pred_map)
    sample['view_box'] = (*start, 40.0, 32.0)
    figures, content = write(tmp_path / 'boxes.json', [sample, make_sample(1, (40, 32))])
    assert figures['localization/boxes_written'] == 1
    assert [entry['image_id'] for entry in content['annotations']] == [content['images'][1]['id']]


def test_nothing_is_written_where_there_is_no_box(tmp_path):
    sample = make_sample(0, SIZES[0], pred_map=np.zeros((4, 5), np.float32))
    with pytest.raises(ValueError, match='none of 1 pictures has a box'):
        write(tmp_path / 'boxes.json', [sample])
    assert list(tmp_path.iterdir()) == []


def test_classes_of_the_boxes(tmp_path):
    samples = [make_sample(i, SIZES[0]) for i in range(3)]
    path = tmp_path / 'b.json'
    _, content = write(path, samples, classes='pred')
    assert [a['category_id'] for a in content['annotations']] == [2, 2, 2]
    assert [a['score'] for a in content['annotations']] == [0.5] * 3
    _, content = write(path, samples, classes='agnostic')
    assert content['categories'] == [{'id': 1, 'name': 'object'}]
    assert [a['category_id'] for a in content['annotations']] == [1, 1, 1]
    assert [a['score'] for a in content['annotations']] == pytest.approx([0.2, 0.5, 0.3])
    assert (tmp_path / 'b_classes.txt').read_text() == 'object\n'
    # Without labels the classifier's first class is what it is sure of.
    for sample in samples:
        del sample['gt_label']
    _, content = write(path, samples, classes='agnostic')
    assert [a['score'] for a in content['annotations']] == [0.5] * 3


def test_scores_file(tmp_path):
    samples = [make_sample(i, SIZES[0]) for i in range(3)]
    write(tmp_path / 'b.json', samples, scores_file=str(tmp_path / 's.csv'))
    found = read_scores(tmp_path / 's.csv')
    assert list(found) == ['a/0.jpg', 'a/1.jpg', 'a/2.jpg']
    assert found['a/1.jpg'] == pytest.approx([0.2, 0.5, 0.3])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(gt_label=None), r'a/0.jpg: the data sample has no gt_label'),
        (dict(view_box=None), r'a/0.jpg: the data sample has no view_box; PackLocalizationInputs'),
        (dict(gt_label=torch.tensor([7])), r'a/0.jpg: the label 7 is none of the 3 classes'),
        (dict(pred_map=torch.zeros(1, 4, 5)), r'a/0.jpg: .*\(h, w\).* got \(1, 4, 5\)'),
        (dict(pred_map=torch.full((4, 5), float('nan'))), r'a/0.jpg: .*NaN'),
        (dict(pred_score=torch.tensor([0.5, float('nan'), 0])), r'a/0.jpg: the scores hold NaN'),
    ],
)
def test_errors_name_the_picture(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / 'b.json', [{**make_sample(0, SIZES[0]), **changes}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(out_file='b.csv', threshold=0.1), 'must end in .json'),
        (dict(out_file='b.json', threshold=1), r'threshold must lie in \[0, 1\)'),
        (dict(out_file='b.json', threshold=0, classes='all'), "'gt', 'pred' or 'agnostic'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        CocoBoxWriter(**options)
