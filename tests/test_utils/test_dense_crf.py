import builtins
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bas_mm.utils import dense_crf
from bas_mm.utils.dense_crf import (
    LABEL_CRF,
    PROBABILITY_CRF,
    CRFParams,
    crf_labels,
    crf_probabilities,
)


@pytest.fixture
def library():
    return pytest.importorskip(
        'pydensecrf.densecrf', reason='pydensecrf2, the extra `crf`, is not installed'
    )


def two_halves(height: int = 24, width: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """A picture of two plain colours, and which pixels have the second."""
    second = np.arange(width) >= width // 2
    image = np.where(second[None, :, None], (200, 120, 40), (20, 60, 90)).astype(np.uint8)
    return np.broadcast_to(image, (height, width, 3)).copy(), np.tile(second, (height, 1))


def direct_mean_field(image: np.ndarray, probabilities: np.ndarray, p: CRFParams) -> np.ndarray:
    """Mean-field inference over all pairs of pixels, by the paper's formulas.

    Potts compatibility; each kernel K is normalised to D^(-1/2) K D^(-1/2), D = the rows' sums.
    """
    count, height, width = probabilities.shape
    place = np.indices((height, width)).reshape(2, -1).T.astype(np.float64)
    colour = image.reshape(-1, 3).astype(np.float64)

    def kernel(features: np.ndarray) -> np.ndarray:
        distance = ((features[:, None] - features[None]) ** 2).sum(-1)
        value = np.exp(-distance / 2)
        root = value.sum(1) ** -0.5
        return value * root[:, None] * root[None]

    appearance = np.concatenate([place / p.bilateral_sxy, colour / p.bilateral_srgb], axis=1)
    message = p.gaussian_weight * kernel(place / p.gaussian_sxy)
    message += p.bilateral_weight * kernel(appearance)
    log_unary = np.log(probabilities.reshape(count, -1).clip(1e-5))
    q = probabilities.reshape(count, -1)
    for _ in range(p.iterations):
        q = np.exp(log_unary + q @ message.T)
        q /= q.sum(0)
    return q.reshape(probabilities.shape)


def test_the_two_crfs_of_the_specification():
    assert CRFParams(10, 1, 3, 67, 3, 4) == PROBABILITY_CRF
    assert CRFParams(10, 3, 3, 50, 5, 10) == LABEL_CRF


def test_mean_field_against_all_pairs(library):
    rng = np.random.default_rng(0)
    image, _ = two_halves(14, 18)
    image += rng.integers(0, 4, image.shape).astype(np.uint8)
    probabilities = rng.random((3, 14, 18)) + 0.1
    probabilities[0, :, :9] += 0.4
    probabilities /= probabilities.sum(0)
    for params in (CRFParams(iterations=4), CRFParams(3, 2.0, 1.5, 8.0, 10.0, 2.0)):
        found = crf_probabilities(image, probabilities, params)
        direct = direct_mean_field(image, probabilities, params)
        # The library filters on a lattice, which is an approximation of the sums over all pairs.
        assert np.abs(found - direct).mean() < 0.02
        assert (found.argmax(0) == direct.argmax(0)).mean() > 0.97
        np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_probabilities_follow_the_edge_of_the_picture(library):
    image, second = two_halves()
    # What the network says is three pixels off the edge, and knows nothing of the third class.
    shifted = np.roll(second, 3, axis=1)
    shifted[:, :3] = False
    probabilities = np.stack([np.where(shifted, 0.3, 0.7), np.where(shifted, 0.7, 0.3), 0 * second])
    refined = crf_probabilities(image, probabilities.astype(np.float32))
    assert refined.dtype == np.float32
    assert refined.shape == probabilities.shape
    assert (refined.argmax(0) == second).all()
    untouched = crf_probabilities(image, probabilities, CRFParams(iterations=0))
    np.testing.assert_allclose(untouched, probabilities, atol=1e-4)


def test_what_is_impossible_counts_as_a_hundred_thousandth(library):
    image, second = two_halves()
    refined = crf_probabilities(image, np.stack([second, ~second]).astype(float), CRFParams(0))
    np.testing.assert_allclose(refined.min(0), 1e-5, rtol=1e-3)


def test_order_of_the_colours_does_not_matter(library):
    image, second = two_halves()
    probabilities = np.stack([np.where(second, 0.4, 0.6), np.where(second, 0.6, 0.4)])
    np.testing.assert_allclose(
        crf_probabilities(image, probabilities),
        crf_probabilities(image[..., ::-1], probabilities),
        atol=1e-3,
    )


def test_labels_follow_the_edge_and_zero_is_a_label(library):
    image, second = two_halves()
    labels = np.where(np.roll(second, -2, axis=1), 2, 0).astype(np.uint8)
    labels[:, -2:] = 2
    labels[5, 4] = 1  # a speck
    refined = crf_labels(image, labels, num_labels=3)
    assert refined.dtype == np.uint8
    assert (refined == np.where(second, 2, 0)).all()
    # A uniform unary term for label 0 would let the whole picture become 2.
    assert (refined[:, :10] == 0).all()


def test_label_unary_is_that_of_the_library(library, monkeypatch):
    from pydensecrf.utils import unary_from_labels

    labels = np.random.default_rng(1).integers(0, 4, (6, 5))
    energies = []

    def infer(image, energy, params):
        energies.append(energy)
        return energy

    monkeypatch.setattr(dense_crf, '_infer', infer)
    crf_labels(np.zeros((6, 5, 3), np.uint8), labels, 4)
    expected = unary_from_labels(labels, 4, gt_prob=0.7, zero_unsure=False)
    np.testing.assert_allclose(energies[0].reshape(4, -1), expected, rtol=1e-6)


def test_the_library_is_given_each_parameter(monkeypatch):
    given = []

    class Library:
        def __init__(self, *size):
            given.append(size)

        def addPairwiseGaussian(self, **kernel):
            given.append(kernel)

        def addPairwiseBilateral(self, rgbim, **kernel):
            given.append(kernel)

        def setUnaryEnergy(self, energy):
            self.energy = energy

        def inference(self, iterations):
            given.append(iterations)
            return self.energy

    monkeypatch.setattr(dense_crf, 'crf_library', lambda: SimpleNamespace(DenseCRF2D=Library))
    image = np.zeros((6, 5, 3), np.uint8)
    crf_probabilities(image, np.full((2, 6, 5), 0.5), CRFParams(7, 2, 1.5, 8, 11, 2.5))
    gaussian, bilateral = dict(sxy=2, compat=1.5), dict(sxy=8, srgb=11, compat=2.5)
    assert given == [(5, 6, 2), gaussian, bilateral, 7]


def test_several_maps_of_one_picture(library):
    image, second = two_halves()
    image.flags.writeable = False
    labels = np.stack([np.roll(second, shift, axis=1) * 2 for shift in (3, -2, 0)])
    one_by_one = [crf_labels(image, values, 3) for values in labels]
    together = crf_labels(image, labels, 3)
    assert together.shape == labels.shape
    np.testing.assert_array_equal(together, one_by_one)
    assert not np.array_equal(together, labels)


def test_one_label_needs_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pydensecrf', None)
    labels = np.zeros((3, 4), np.uint8)
    refined = crf_labels(np.zeros((3, 4, 3), np.uint8), labels, 1)
    assert (refined == 0).all()
    assert refined is not labels


def test_missing_library_is_named_with_the_command(monkeypatch):
    real_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith('pydensecrf'):
            raise ImportError(f'No module named {name!r}')
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match='pip install pydensecrf2'):
        crf_labels(np.zeros((3, 4, 3), np.uint8), np.zeros((3, 4), int), 2)


def test_extra_names_the_library(repo_dir):
    lines = (repo_dir / 'requirements/crf.txt').read_text().splitlines()
    assert any(line.startswith('pydensecrf2') for line in lines)
    assert "'crf'" in (repo_dir / 'setup.py').read_text()


def test_bad_input_is_named():
    image = np.zeros((3, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r'uint8 \(3, 5, 3\), got uint8 \(3, 4, 3\)'):
        crf_labels(image, np.zeros((3, 5), int), 2)
    with pytest.raises(ValueError, match='got float64'):
        crf_probabilities(image / 255, np.ones((1, 3, 4)))
    with pytest.raises(ValueError, match='labels are 0 … 2, but num_labels=2'):
        crf_labels(image, np.full((3, 4), [0, 1, 2, 0]), 2)
    with pytest.raises(ValueError, match='certainty=1'):
        crf_labels(image, np.zeros((3, 4), int), 2, certainty=1)
    with pytest.raises(ValueError, match='bilateral_srgb=0'):
        CRFParams(bilateral_srgb=0)


def test_neither_part_that_runs_it_imports_the_other():
    """And labels for IRNet are made by processes that do without torch."""
    models = Path(dense_crf.__file__).parents[1] / 'models'
    assert not [path for path in models.rglob('*.py') if 'import bas_mm.wsss' in path.read_text()]
    assert not [path for path in models.rglob('*.py') if 'from bas_mm.wsss' in path.read_text()]
    code = 'import sys, bas_mm.wsss.irn_labels_maker; print("torch" in sys.modules)'
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=models.parents[1]
    )
    assert done.stdout.strip() == 'False', done.stderr
