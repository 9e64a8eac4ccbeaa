"""Evaluation of folders: the scores of the pictures' sum, and every file that does not fit."""

import json

import numpy as np
import pytest
from PIL import Image
from seed_samples import some_seeds, write_mask

from bas_mm.wsss import seed_evaluation
from bas_mm.wsss.functional.seed_scores import check_thresholds, scores_of, seed_histogram
from bas_mm.wsss.seed_evaluation import THRESHOLDS, evaluate_seeds, report, table
from bas_mm.wsss.seed_file import SeedFile

CLASSES = ('cat', 'dog', 'cow', 'owl')


@pytest.fixture
def files(tmp_path):
    """Twenty pictures of different sizes with classes 0 to 2; the last class is nowhere."""
    rng, pairs = np.random.default_rng(4), []
    for index in range(20):
        size = tuple(rng.integers(5, 30, 2))
        seeds = some_seeds(index, classes=sorted(rng.permutation(3)[: 1 + index % 3]), size=size)
        pair = SeedFile.path(tmp_path / 'seeds', f'{index}'), tmp_path / 'masks' / f'{index}.png'
        seeds.save(pair[0])
        write_mask(pair[1], rng.choice([0, 1, 2, 3, 255], size=size))
        pairs.append(pair)
    return pairs


def test_scores_are_those_of_all_pictures_on_any_number_of_processes(files, monkeypatch):
    thresholds = check_thresholds(THRESHOLDS)
    total = 0
    for seed_path, mask_path in files:
        seeds, mask = SeedFile.load(seed_path), np.asarray(Image.open(mask_path))
        total = total + seed_histogram(seeds.high_res, seeds.classes, mask, 4, thresholds)
    wanted = scores_of(total, THRESHOLDS)
    found = [evaluate_seeds(files, 4)]
    # That of this process: the others do the work.
    monkeypatch.setattr(seed_evaluation, 'seed_histogram', lambda *_: pytest.fail('worked here'))
    found.append(evaluate_seeds(files[::-1], 4, num_workers=2))
    for scores in found:
        for ours, theirs in zip(scores, wanted):
            np.testing.assert_array_equal(ours, theirs)
    figures = report(wanted, CLASSES, len(files))
    json.dumps(figures, allow_nan=False)
    assert len(figures['thresholds']) == len(figures['miou']) == 25
    assert figures['iou']['owl'] == [None] * 25
    assert figures['best']['miou'] == max(figures['miou']) == wanted.miou.max()
    assert figures['best']['iou']['dog'] == wanted.iou[wanted.best, 2]
    lines = table(figures).splitlines()
    best = figures['best']
    marked = [line for line in lines if line.endswith('best')]
    assert len(marked) == 1
    assert marked[0].split()[:2] == [f'{best["threshold"]:.2f}', f'{best["miou"]:.2f}']
    assert f'{best["iou"]["background"]:.2f}' in next(
        n for n in lines if n.startswith('backgr') and 'mIoU' not in n
    )
    assert lines[-1] == f'20 images: mIoU {best["miou"]:.2f} at {best["threshold"]:.2f}'


def _cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def _colours(path):
    Image.open(path).convert('RGB').save(path)


MISTAKES = [
    (0, lambda p: p.unlink(), 'there is no seed file .*7.npz'),
    (0, _cut, '7.npz is no seed file'),
    (1, lambda p: p.unlink(), 'there is no mask .*7.png'),
    (1, _cut, 'the mask .*7.png cannot be read'),
    (1, lambda p: p.write_bytes(b'no png'), 'the mask .*7.png cannot be read'),
    (1, _colours, '7.png: a mask holds indices .* mode RGB'),
    (1, lambda p: write_mask(p, [[5]]), '7.npz against .*7.png: .* pixels'),
    (0, lambda p: some_seeds(classes=(9,)).save(p), r'7.npz against .*: classes \[9\]'),
]


@pytest.mark.parametrize(
    ('which', 'spoil', 'message', 'workers'),
    [
        *((*mistake, 0) for mistake in MISTAKES),
        # One kind is enough to see that processes hand it on.
        *((*mistake, 1) for mistake in MISTAKES if mistake[0] == 0),
    ],
)
def test_files_that_do_not_fit_are_named(files, which, spoil, message, workers):
    spoil(files[7][which])
    with pytest.raises(ValueError, match=message):
        evaluate_seeds(files, 4, num_workers=workers)


def test_a_mask_value_out_of_range_is_named(files):
    with pytest.raises(ValueError, match=r'\.png: the mask has the value 3: 0 to 2 and 255'):
        evaluate_seeds([pair for pair in files if SeedFile.load(pair[0]).classes.max() < 2], 2)


def test_nothing_to_evaluate():
    with pytest.raises(ValueError, match='no picture'):
        evaluate_seeds([], 4)
