"""All background scores from one histogram against one argmax per score."""

import numpy as np
import pytest
from seed_samples import some_maps

from bas_mm.wsss.functional import seed_scores
from bas_mm.wsss.functional.seed_scores import (
    check_thresholds,
    confusion_matrices,
    scores_of,
    seed_histogram,
)

CLASSES = 5
SCORES = [step / 100 for step in range(20, 45)]


def _pictures(count: int = 4):
    """Maps with ties and values equal to scores; masks with ignored pixels; absent class 4."""
    rng = np.random.default_rng(3)
    for index in range(count):
        classes = np.sort(rng.choice(4, size=1 + index % 3, replace=False))
        maps = some_maps(rng, len(classes), (19, 23))
        mask = rng.choice([0, 1, 2, 3, 4, 255], size=(19, 23)).astype(np.uint8)
        yield maps, classes, mask


def _direct(maps, classes, mask, score) -> np.ndarray:
    stack = np.concatenate([np.full((1, *mask.shape), score, np.float32), maps])
    prediction = np.append(0, classes + 1)[stack.argmax(0)]
    confusion = np.zeros((CLASSES + 1, CLASSES + 1), dtype=np.int64)
    for truth, predicted in zip(mask.ravel(), prediction.ravel()):
        if truth != 255:
            confusion[truth, predicted] += 1
    return confusion


@pytest.fixture
def histogram():
    thresholds = check_thresholds(SCORES)
    return sum(seed_histogram(*picture, CLASSES, thresholds) for picture in _pictures())


@pytest.mark.parametrize('chunk', [1 << 15, 50])
def test_confusion_matrices_are_those_of_an_argmax_per_score(monkeypatch, chunk):
    monkeypatch.setattr(seed_scores, '_CHUNK', chunk)
    thresholds = check_thresholds(SCORES)
    pictures = list(_pictures())
    total = sum(seed_histogram(*picture, CLASSES, thresholds) for picture in pictures)
    confusion = confusion_matrices(total)
    for index, score in enumerate(SCORES):
        wanted = sum(_direct(*picture, score) for picture in pictures)
        np.testing.assert_array_equal(confusion[index], wanted)
    # The test would be idle if no pixel sat exactly on a score, or no two maps were equal.
    assert any(np.isin(maps, thresholds).any() for maps, _, _ in pictures)
    assert any((maps[0] == maps[1]).any() for maps, _, _ in pictures if len(maps) > 1)


def test_scores_of_a_set(histogram):
    scores = scores_of(histogram, SCORES)
    for index, confusion in enumerate(confusion_matrices(histogram)):
        ious, over, under = [], [], []
        for k in range(CLASSES):  # the last one is nowhere
            hit = confusion[k, k]
            union = confusion[k].sum() + confusion[:, k].sum() - hit
            ious.append(100 * hit / union)
            over.append(100 * (confusion[:, k].sum() - hit) / union)
            under.append(100 * (confusion[k].sum() - hit) / union)
        np.testing.assert_allclose(scores.iou[index, :CLASSES], ious, rtol=1e-12)
        assert np.isnan(scores.iou[index, CLASSES])
        assert scores.miou[index] == pytest.approx(np.mean(ious), rel=1e-12)
        assert scores.false_positive[index] == pytest.approx(np.mean(over), rel=1e-12)
        assert scores.false_negative[index] == pytest.approx(np.mean(under), rel=1e-12)
    assert scores.best == int(np.argmax(scores.miou))


def test_a_perfect_seed_and_an_empty_one():
    mask = np.array([[0, 1], [2, 255]], dtype=np.uint8)
    maps = np.array([[[0, 1], [0, 1]], [[0, 0], [1, 0]]], dtype=np.float32)
    thresholds = check_thresholds([0.3, 0.6])
    scores = scores_of(seed_histogram(maps, np.array([0, 1]), mask, 3, thresholds), [0.3, 0.6])
    np.testing.assert_array_equal(scores.miou, [100, 100])
    assert np.isnan(scores.iou[:, 3]).all()
    scores = scores_of(seed_histogram(0 * maps, np.array([0, 1]), mask, 3, thresholds), [0.3, 0.6])
    np.testing.assert_allclose(scores.miou, [100 / 9] * 2)
    with pytest.raises(ValueError, match='not a single pixel'):
        scores_of(np.zeros((4, 3, 3), dtype=np.int64), [0.3, 0.6])


def _change(picture, changes):
    maps, classes, mask = (array.copy() for array in picture)
    if 'value' in changes:
        maps[0, 0, 0] = changes['value']
    if 'index' in changes:
        mask[0, 0] = changes['index']
    if 'cut' in changes:
        mask = mask[:-1]
    return maps, np.array(changes.get('classes', classes)), mask


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(index=6), 'the mask has the value 6: 0 to 5 and 255 are known'),
        (dict(index=254), 'the mask has the value 254'),
        (dict(cut=True), 'a picture of 23x19 pixels, but the mask has 23x18'),
        (dict(value=np.nan), 'not normalised'),
        (dict(value=1.5), 'not normalised'),
        (dict(value=-0.1), 'not normalised'),
        (dict(classes=[5]), r'classes \[5\]: 0 to 4 are known'),
        (dict(classes=[-1]), r'classes \[-1\]'),
        (dict(classes=[-1, 2]), r'classes \[-1, 2\]'),
        (dict(classes=[2, 5]), r'classes \[2, 5\]'),
        (dict(classes=[]), r'classes \[\]: 0 to 4 are known'),
    ],
)
def test_what_cannot_be_scored(changes, message):
    picture = _change(next(_pictures()), changes)
    with pytest.raises(ValueError, match=message):
        seed_histogram(*picture, CLASSES, check_thresholds(SCORES))


@pytest.mark.parametrize('value', [-1, 256, 300, 1])
def test_masks_of_other_types_are_refused(value):
    maps, classes, mask = next(_pictures())
    mask = mask.astype(np.int64)
    mask[0, 0] = value
    with pytest.raises(ValueError, match='^the mask is int64, not uint8: '):
        seed_histogram(maps, classes, mask, CLASSES, check_thresholds(SCORES))


@pytest.mark.parametrize('bad', [[], [0.3, 0.2], [0.3, 0.3], [-0.1], [1.5], [float('nan')]])
def test_thresholds_ascend_in_the_unit_interval(bad):
    with pytest.raises(ValueError, match='background scores'):
        check_thresholds(bad)


@pytest.mark.parametrize(
    'bad', [0.3, [[0.2, 0.3]], [-0.1, 0.3], [0.3, 1.5], [0.2, 0.4, 0.3], [0.2, float('nan')]]
)
def test_one_wrong_threshold_among_right_ones(bad):
    with pytest.raises(ValueError, match='background scores'):
        check_thresholds(bad)
    assert check_thresholds([0, 0.5, 1]).tolist() == [0, 0.5, 1]


def test_the_last_class_and_a_class_that_is_nowhere():
    maps = np.array([[[0.5, 0.25, 0]]], dtype=np.float32)
    mask = np.array([[5, 0, 255]], dtype=np.uint8)
    histogram = seed_histogram(maps, np.array([4]), mask, CLASSES, check_thresholds([0.3]))
    assert histogram.dtype == np.int64
    assert np.argwhere(histogram).tolist() == [[0, 4, 0], [5, 4, 1]]
    with np.errstate(invalid='raise'):  # 0 / 0 is told by NaN alone
        scores = scores_of(histogram, [0.3])
    np.testing.assert_array_equal(scores.iou, [[100, *[np.nan] * 4, 100]])
