"""Scores of masks from the words of their definition."""

import numpy as np
import pytest

from bas_mm.wsss.functional.masks import MaskParams, mask_confusion, mask_scores


def test_confusion_and_scores():
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 3, (9, 13)).astype(np.uint8)
    truth = rng.choice([0, 1, 2, 255], size=(9, 13)).astype(np.uint8)
    confusion = mask_confusion(mask, truth, 3)  # class 3 is nowhere
    direct = np.zeros((4, 4), dtype=int)
    for true, given in zip(truth.ravel(), mask.ravel()):
        if true != 255:
            direct[true, given] += 1
    np.testing.assert_array_equal(confusion, direct)
    scores = mask_scores(confusion)
    shares = []
    for k in range(3):
        ours, theirs = (mask == k) & (truth != 255), truth == k
        union = (ours | theirs).sum()
        parts = (ours & theirs, ours & ~theirs, ~ours & theirs)
        shares.append([100 * part.sum() / union for part in parts])
    np.testing.assert_allclose(scores.iou[:3], [share[0] for share in shares])
    assert np.isnan(scores.iou[3])
    means = (scores.miou, scores.false_positive, scores.false_negative)
    np.testing.assert_allclose(means, np.mean(shares, axis=0))


def test_what_does_not_fit_is_said():
    good = np.array([[0, 2, 1]], dtype=np.uint8)
    with pytest.raises(ValueError, match='pseudo mask has 3x1 pixels, but the true one 1x3'):
        mask_confusion(good, good.T, 2)
    with pytest.raises(ValueError, match='the pseudo mask has the value 2: 0 to 1 are known'):
        mask_confusion(good, good, 1)
    unsure = np.array([[0, 255, 1]], dtype=np.uint8)
    with pytest.raises(ValueError, match='the pseudo mask has the value 255'):
        mask_confusion(unsure, good, 2)
    with pytest.raises(ValueError, match='the true mask has the value 3: 0 to 2 and 255'):
        mask_confusion(good, good + np.uint8(1), 2)
    with pytest.raises(ValueError, match='not a single pixel'):
        mask_scores(mask_confusion(good, np.full_like(good, 255), 2))


@pytest.mark.parametrize('values', [[0, 258], [300, 0], [-254, 1], [0, 1]])
def test_masks_of_other_types_are_refused(values):
    """Their values beyond a byte would count as other classes."""
    good = np.array([[0, 1]], dtype=np.uint8)
    for kind in (np.int16, np.int64):
        with pytest.raises(ValueError, match=f'^the pseudo mask is {kind.__name__}, not uint8: '):
            mask_confusion(np.array([values], dtype=kind), good, 3)
        with pytest.raises(ValueError, match=f'^the true mask is {kind.__name__}, not uint8: '):
            mask_confusion(good, np.array([values], dtype=kind), 3)


@pytest.mark.parametrize(
    'wrong', [dict(background=1.2), dict(radius=1), dict(beta=0), dict(steps=-1), dict(power=-1)]
)
def test_settings_that_make_no_sense(wrong):
    assert MaskParams() == MaskParams(0.22, 5, 10, 256, 1.5)
    with pytest.raises(ValueError, match=f'mask_cfg.{next(iter(wrong))}='):
        MaskParams(**wrong)


@pytest.mark.parametrize('background', [0, 1])
def test_the_outermost_settings(background):
    assert MaskParams(background, 2, 0.1, 0, 0).radius == 2
