"""Which test pictures show methods side by side, and what stands below them."""

import cv2
import numpy as np
import pytest
import torch
from tiny import tiny_model
from tiny_run import CLASSES, tiny_run_cfg, write_split_folder

from bas_mm.apis import comparison_pictures
from bas_mm.apis.comparison_pictures import _sheet, spread, write_comparison_pictures
from bas_mm.apis.localization_protocol import LocalizationResult
from bas_mm.registry import DATASETS
from bas_mm.visualization.functional import draw_comparison


def test_classes_come_in_turn_and_early_pictures_first():
    labels = [1, 1, 0, 2, 0, 1]
    assert spread(labels, 6) == [2, 0, 3, 4, 1, 5]
    assert spread(labels, 2) == [2, 0]
    assert spread(labels, 9) == spread(labels, 6)


def test_two_columns_of_rows():
    rows = [np.full((h, w, 3), i, np.uint8) for i, (h, w) in enumerate([(4, 9), (5, 7), (3, 8)])]
    sheet = _sheet(rows, gap=2)
    expected = np.full((2 + 2 * 7, 2 + 2 * 11, 3), 255, np.uint8)
    for (y, x), row in zip(((2, 2), (2, 13), (9, 2)), rows):
        expected[y : y + row.shape[0], x : x + row.shape[1]] = row
    np.testing.assert_array_equal(sheet, expected)


@pytest.fixture
def seen(monkeypatch):
    """What is drawn, row by row."""
    seen = []

    def note(view, boxes, methods, title):
        seen.append((view, boxes, methods, title))
        return draw_comparison(view, boxes, methods, title)

    monkeypatch.setattr(comparison_pictures, 'draw_comparison', note)
    return seen


def test_each_method_has_its_class_and_its_iou(tmp_path, seen):
    data, models, results = write_split_folder(tmp_path / 'data', dict(test=9)), [], []
    for kind, seed in (('BASClassifier', 1), ('CAMClassifier', 2)):
        model, file = tiny_model(kind, threshold=0.3, seed=seed).eval(), tmp_path / f'{kind}.pth'
        torch.save(dict(state_dict=model.state_dict()), file)
        cfg = tiny_run_cfg(data, tmp_path, kind, threshold=0.3)
        models.append(model)
        results.append(LocalizationResult(kind, cfg, str(file), 0.3))
    files = write_comparison_pictures(results, tmp_path / 'out')
    dataset = DATASETS.build(results[0].cfg.test_dataloader.dataset)
    order = spread([i % 4 for i in range(9)], 9)
    names = ['overview.png', *(f'{i:05d}.png' for i in order)]
    assert files == [tmp_path / 'out' / name for name in names]
    captions = set()
    for i, (view, true, methods, title) in zip(order, seen, strict=True):
        item = dataset[i]
        picture = cv2.imread(str(data / f'images/test/{i:04d}.png'))
        np.testing.assert_array_equal(view, picture[..., ::-1])
        np.testing.assert_array_equal(true, item['data_samples'].gt_bboxes)
        assert title == CLASSES[i % 4]
        assert list(methods) == ['BASClassifier', 'CAMClassifier']
        for model, method in zip(models, methods.values()):
            batch = dict(inputs=[item['inputs']], data_samples=[item['data_samples']])
            with torch.no_grad():
                (found,) = model.test_step(batch)
            np.testing.assert_array_equal(method['boxes'], found.pred_bboxes)
            np.testing.assert_array_equal(method['map'], found.pred_map)
            # Pixels of both boxes, counted.
            inside = np.zeros((2, 64, 64), bool)
            for own, (x0, y0, x1, y1) in zip(inside, (found.pred_bboxes[0], true[0])):
                own[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1] = True
            iou = inside.all(0).sum() / inside.any(0).sum()
            scored = CLASSES[int(found.pred_score.argmax())]
            assert method['caption'] == f'{scored}, IoU {iou:.2f}'
            captions.add(method['caption'])
    assert len(captions) > 4
    rows = [cv2.imread(str(file)) for file in files[1:]]
    np.testing.assert_array_equal(cv2.imread(str(files[0])), _sheet(rows[:8]))
    view, true, methods, title = seen[0]
    np.testing.assert_array_equal(rows[0][..., ::-1], draw_comparison(view, true, methods, title))


@pytest.mark.parametrize('true_boxes', [True, False])
@pytest.mark.parametrize('theta', [0.3, None])
def test_boxes_and_ious_that_are_not_there_are_left_out(tmp_path, seen, theta, true_boxes):
    """Of a method that was chosen by a metric without a θ; of pictures with a class alone."""
    data, file = write_split_folder(tmp_path / 'data', dict(test=2)), tmp_path / 'a.pth'
    test_cfg = {} if theta is None else dict(threshold=theta)
    torch.save(dict(state_dict=tiny_model(**test_cfg).state_dict()), file)
    cfg = tiny_run_cfg(data, tmp_path, **test_cfg)
    cfg.test_dataloader.dataset.with_boxes = true_boxes
    result = LocalizationResult('BAS', cfg, file, theta)
    assert len(write_comparison_pictures([result], tmp_path / 'out', 2)) == 3
    assert len(seen) == 2
    for _, true, methods, _ in seen:
        assert len(true) == true_boxes
        assert len(methods['BAS']['boxes']) == (theta is not None)
        scored, *iou = methods['BAS']['caption'].split(', IoU ')
        assert scored in CLASSES
        assert len(iou) == (true_boxes and theta is not None)


@pytest.mark.parametrize(
    ('results', 'count', 'message'),
    [
        ([], 16, 'results is empty: give at least one'),
        ([None], 0, 'count must be a whole number of at least 1, got 0'),
        ([None], 2.0, 'count must be a whole number of at least 1, got 2.0'),
    ],
)
def test_nothing_to_draw_is_refused(tmp_path, results, count, message):
    with pytest.raises(ValueError, match=f'^{message}'):
        write_comparison_pictures(results, tmp_path / 'out', count)
    assert not (tmp_path / 'out').exists()
