"""Evaluation of folders of masks: sums over pictures, and every file that does not fit."""

import json

import numpy as np
import pytest
from PIL import Image
from seed_samples import write_mask

from bas_mm.wsss import mask_evaluation
from bas_mm.wsss.functional.masks import mask_confusion, mask_scores
from bas_mm.wsss.mask_evaluation import evaluate_masks, report, table


@pytest.fixture
def files(tmp_path):
    """Twenty pictures of different sizes with classes 0 to 2; the last class is nowhere."""
    rng, pairs = np.random.default_rng(3), []
    for index in range(20):
        size = tuple(rng.integers(5, 30, 2))
        pair = tuple(tmp_path / name / f'{index}.png' for name in ('masks', 'truth'))
        write_mask(pair[0], rng.choice([0, 1, 2, 3], size=size))
        write_mask(pair[1], rng.choice([0, 1, 2, 3, 255], size=size))
        pairs.append(pair)
    return pairs


def test_scores_are_those_of_all_pictures_on_any_number_of_processes(files, monkeypatch):
    total = sum(
        mask_confusion(*(np.asarray(Image.open(path)) for path in pair), 4) for pair in files
    )
    wanted = mask_scores(total)
    found = [evaluate_masks(files, 4)]
    # That of this process: the others do the work.
    monkeypatch.setattr(mask_evaluation, 'mask_confusion', lambda *_: pytest.fail('worked here'))
    found.append(evaluate_masks(files[::-1], 4, num_workers=2))
    for scores in found:
        for ours, theirs in zip(scores, wanted):
            np.testing.assert_array_equal(ours, theirs)
    figures = report(wanted, ('cat', 'dog', 'cow', 'owl'), 20)
    json.dumps(figures, allow_nan=False)
    assert figures['miou'] == wanted.miou
    assert figures['iou'].pop('owl') is None
    np.testing.assert_allclose(np.mean(list(figures['iou'].values())), wanted.miou)
    shares = figures['miou'], figures['false_positive'], figures['false_negative']
    assert sum(shares) == pytest.approx(100)
    lines = table(report(wanted, ('cat', 'dog', 'cow', 'owl'), 20)).splitlines()
    assert lines[-1] == f'20 images: mIoU {wanted.miou:.2f}'
    assert lines[3].split() == ['dog', f'{wanted.iou[2]:.2f}']
    assert lines[5].split() == ['owl', '-']
    assert f'{wanted.false_positive:.2f}, only true masks {wanted.false_negative:.2f}' in lines[-2]


MISTAKES = [
    (0, lambda p: p.unlink(), 'no pseudo mask .*7.png: make it with tools/wsss/make_masks.py'),
    (0, lambda p: p.write_bytes(p.read_bytes()[:-30]), 'the mask .*7.png cannot be read'),
    (0, lambda p: Image.new('RGB', (3, 3)).save(p), '7.png: a mask holds indices .* mode RGB'),
    (0, lambda p: write_mask(p, [[1]]), 'masks/7.png against .*7.png: .* pixels'),
    (0, lambda p: write_mask(p, np.asarray(Image.open(p)) + 4), 'the pseudo mask has the v'),
    (1, lambda p: p.unlink(), 'there is no mask .*truth/7.png'),
]


@pytest.mark.parametrize(
    ('which', 'spoil', 'message', 'workers'),
    [
        *((*mistake, 0) for mistake in MISTAKES),
        # One kind is enough to see that processes hand it on.
        *((*mistake, 1) for mistake in MISTAKES if mistake[0] == 1),
    ],
)
def test_files_that_do_not_fit_are_named(files, which, spoil, message, workers):
    spoil(files[7][which])
    with pytest.raises(ValueError, match=message):
        evaluate_masks(files, 4, num_workers=workers)
