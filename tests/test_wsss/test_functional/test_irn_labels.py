"""IRNet's labels against the rule's words, pixel by pixel."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from bas_mm.utils.dense_crf import LABEL_CRF, CRFParams, crf_labels
from bas_mm.wsss.functional import irn_labels as module
from bas_mm.wsss.functional.irn_labels import IRNLabelParams, irn_labels


def _picture(seed: int, size=(20, 26)) -> tuple[np.ndarray, np.ndarray]:
    """A picture of two colours with some noise, and two maps of coarse steps."""
    rng = np.random.default_rng(seed)
    image = np.full((*size, 3), 60, dtype=np.uint8)
    image[4:15, 6:18] = (180, 90, 30)
    image += rng.integers(0, 12, image.shape).astype(np.uint8)
    maps = rng.integers(0, 22, (2, *size)) / np.float32(100)
    maps[0, 3:12, 5:16] += np.float32(0.5)
    maps[1, 10:18, 12:22] += np.float32(0.3)
    return image, maps.clip(0, 1).astype(np.float32)


def _direct(image, maps, classes, foreground, background, refine) -> np.ndarray:
    refined = []
    for score in (foreground, background):
        stack = np.concatenate([np.full((1, *maps.shape[1:]), score, np.float32), maps])
        refined.append(refine(image, stack.argmax(0), len(maps) + 1))
    labels = np.empty(maps.shape[1:], dtype=np.uint8)
    for y, x in np.ndindex(labels.shape):
        sure, possible = refined[0][y, x], refined[1][y, x]
        if sure:
            labels[y, x] = classes[sure - 1] + 1
        else:
            labels[y, x] = 255 if possible else 0
    return labels


@pytest.mark.parametrize('scores', [(0.30, 0.17), (0.45, 0.2)])
def test_rule_with_the_crf(scores):
    pytest.importorskip('pydensecrf.densecrf', reason='the extra `crf` is not installed')
    image, maps = _picture(0)
    labels = irn_labels(image, maps, np.array([1, 7]), IRNLabelParams(*scores))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, _direct(image, maps, [1, 7], *scores, crf_labels))
    assert {0, 2} <= set(np.unique(labels)) <= {0, 2, 8, 255}


def test_rule_itself_and_its_settings(monkeypatch):
    found = []

    def crf(image, labels, num_labels, params):
        found.append((num_labels, params))
        return labels

    monkeypatch.setattr(module, 'crf_labels', crf)
    image, maps = _picture(1)
    maps[:, 0, :4] = [[0.3, 0.17, 0.31, 0.1], [0.2, 0.17, 0.32, 0.18]]
    labels = irn_labels(image, maps, np.array([1, 7]))
    # A map that equals the score does not exceed it.
    assert labels[0, :4].tolist() == [255, 0, 8, 255]
    direct = _direct(image, maps, [1, 7], 0.30, 0.17, lambda image, labels, count: labels)
    np.testing.assert_array_equal(labels, direct)
    other = CRFParams(iterations=3)
    irn_labels(image, maps[:1], np.array([4]), IRNLabelParams(crf=other))
    assert found == [(3, LABEL_CRF), (2, other)]


def test_what_is_refused():
    with pytest.raises(ValueError, match=r'irn_label_cfg.background=0.4, foreground=0.3'):
        IRNLabelParams(background=0.4)
    with pytest.raises(ValueError, match=r'irn_label_cfg.background=0.17, foreground=1.5'):
        IRNLabelParams(foreground=1.5)
    IRNLabelParams(foreground=1, background=1)
    IRNLabelParams(foreground=0, background=0)
    for wrong in (np.nan, -0.1, 1.1):
        image, maps = _picture(2)
        maps[0, 3, 3] = wrong
        with pytest.raises(ValueError, match=r'leave \[0, 1\]'):
            irn_labels(image, maps, np.array([0, 1]))


@pytest.mark.parametrize('label', [254, 255, 299])
def test_a_class_that_a_byte_has_no_label_for(label, monkeypatch):
    monkeypatch.setattr(module, 'crf_labels', lambda image, labels, *args, **kwargs: labels)
    image, maps = _picture(3)
    assert 254 in irn_labels(image, maps, np.array([1, 253]))
    with pytest.raises(ValueError, match=rf'has no place for class {label}, only for classes 0'):
        irn_labels(image, maps, np.array([1, label]))


def test_the_default_settings_cannot_be_changed():
    # One object is the default of every call.
    with pytest.raises(FrozenInstanceError):
        IRNLabelParams().foreground = 0.5
