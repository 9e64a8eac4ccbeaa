"""What the pictures hold, and what may and may not depend on the class."""

import numpy as np
import pytest

from bas_mm.datasets.synthetic import SPECIES, RenderParams, class_names, render, tight_box
from bas_mm.datasets.synthetic.heads import HEADS
from bas_mm.datasets.synthetic.textures import PATTERNS

PARAMS = RenderParams()


def _render(species, index, params=PARAMS):
    return render(np.random.default_rng([7, index]), species, params)


def test_same_generator_gives_the_same_bytes():
    first, second = (_render(SPECIES[3], 5) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.mask, second.mask)
    assert first.box == second.box


@pytest.mark.parametrize('species', SPECIES, ids=lambda species: species.name)
@pytest.mark.parametrize('size', [64, 96])
def test_picture_mask_and_box_agree(species, size):
    params = RenderParams(image_size=size)
    for index in range(6):
        picture = _render(species, index, params)
        assert picture.image.shape == (size, size, 3)
        assert picture.image.dtype == np.uint8
        assert picture.mask.shape == (size, size)
        assert set(np.unique(picture.mask)) == {0, 1}
        x0, y0, x1, y1 = picture.box
        assert 0 <= x0 <= x1 < size
        assert 0 <= y0 <= y1 < size
        inside = np.zeros_like(picture.mask)
        inside[y0 : y1 + 1, x0 : x1 + 1] = 1
        assert not picture.mask[inside == 0].any()
        for edge in (
            picture.mask[y0, :],
            picture.mask[y1, :],
            picture.mask[:, x0],
            picture.mask[:, x1],
        ):
            assert edge.any(), 'the box is not tight'
        # The longer side is the drawn share of the picture, give or take smoothed edges.
        longer = max(x1 - x0, y1 - y0) + 1
        assert params.min_scale * size - 3 <= longer <= params.max_scale * size + 3


def test_only_head_and_pattern_depend_on_the_class():
    """From the same random numbers all classes get the same ground, clutter and noise."""
    for index in range(4):
        fox, *others = (_render(species, index) for species in SPECIES)
        for other in others:
            # Place and scale depend on the head's extent by a little, the ground not at all.
            outside = ~_near(fox.mask | other.mask)
            assert outside.any()
            np.testing.assert_array_equal(fox.image[outside], other.image[outside])


def _near(mask, reach=2):
    grown = mask.astype(bool)
    for axis in (0, 1):
        grown = np.any([np.roll(grown, s, axis) for s in range(-reach, reach + 1)], axis=0)
    return grown


def test_classes_come_in_pairs_with_one_body():
    families = [species.family for species in SPECIES]
    assert sorted(set(families)) == sorted(PATTERNS)
    assert all(families.count(family) == 2 for family in families)
    assert sorted(species.head for species in SPECIES) == sorted(HEADS)
    assert class_names(4) == ('banded_fox', 'banded_owl', 'spotted_parrot', 'spotted_panda')
    for number in (0, 1, 3, 10):
        with pytest.raises(ValueError, match='even number from 2 to 8'):
            class_names(number)


def test_heads_stay_near_their_disc():
    """No head sticks out so far that it would change what the scale of a picture means."""
    for head in HEADS.values():
        assert np.abs(np.concatenate([polygon for polygon, _ in head()])).max() <= 2.1


@pytest.mark.parametrize('family', sorted(PATTERNS))
def test_patterns_are_bounded_and_differ(family):
    u, v = np.meshgrid(np.linspace(0, 4, 97), np.linspace(0, 4, 97))
    values = PATTERNS[family](u, v)
    assert values.shape == u.shape
    assert np.abs(values).max() <= 1
    assert values.std() > 0.4
    for other in set(PATTERNS) - {family}:
        assert abs(np.corrcoef(values.ravel(), PATTERNS[other](u, v).ravel())[0, 1]) < 0.9


def test_tight_box():
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[2, 3] = mask[4, 6] = 1
    assert tight_box(mask) == (3, 2, 6, 4)
    with pytest.raises(ValueError, match='empty mask'):
        tight_box(np.zeros((3, 3)))
