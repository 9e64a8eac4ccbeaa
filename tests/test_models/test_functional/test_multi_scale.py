import pytest
import torch
import torch.nn.functional as F

from bas_mm.models.functional import maximum_of_scales, resize_labels, scaled_size


def test_sizes_of_the_published_crop_stay_multiples_of_the_stride_and_one():
    assert scaled_size((321, 321), 0.75, True) == (241, 241)
    assert scaled_size((321, 161), 0.5, True) == (161, 81)
    assert scaled_size((321, 320), 0.5, False) == (160, 160)
    assert scaled_size((375, 500), 1.25, False) == (469, 625)
    assert scaled_size((375, 500), 1.5, False) == (562, 750)
    assert scaled_size((375, 500), 1.0, True) == (375, 500)
    assert scaled_size((1, 3), 0.1, True) == (1, 1)
    assert scaled_size((1, 3), 0.1, False) == (1, 1)


def test_aligned_labels_of_the_published_crop_are_every_eighth_pixel():
    labels = torch.arange(321 * 321).reshape(1, 321, 321)
    assert torch.equal(resize_labels(labels, (41, 41), True), labels[:, ::8, ::8])


@pytest.mark.parametrize('align_corners', [True, False])
@pytest.mark.parametrize('sizes', [(97, 13), (96, 12), (13, 13), (33, 5), (9, 1), (12, 17)])
def test_labels_are_those_nearest_to_the_scores_places(align_corners, sizes):
    source, target = sizes
    # Where a bilinear resize takes its values: the coordinates resized themselves.
    labels = torch.arange(source)
    if align_corners:
        places = [i * (source - 1) / max(target - 1, 1) for i in range(target)]
    else:
        places = [(i + 0.5) * source / target - 0.5 for i in range(target)]
    found = resize_labels(labels.expand(2, 3, source), (3, target), align_corners)
    assert found.shape == (2, 3, target)
    for place, label in zip(places, found[0, 0].tolist()):
        nearest = min(abs(place - k) for k in range(source))
        assert abs(place - label) == pytest.approx(nearest)


def test_both_directions_are_resized():
    labels = torch.arange(12).reshape(3, 4)
    expected = labels[[0, 0, 1, 1, 2, 2]][:, [1, 3]]
    assert torch.equal(resize_labels(labels, (6, 2), False), expected)


@pytest.mark.parametrize('align_corners', [True, False])
def test_maximum_is_taken_at_the_largest_size(align_corners):
    torch.manual_seed(0)
    maps = [torch.randn(2, 3, *size) for size in ((4, 5), (9, 11), (6, 8))]
    found = maximum_of_scales(maps, align_corners)
    for n, c, i, j in [(0, 0, 0, 0), (1, 2, 8, 10), (0, 1, 4, 7), (1, 0, 3, 2)]:
        values = [
            F.interpolate(m[n : n + 1], (9, 11), mode='bilinear', align_corners=align_corners)
            for m in maps
        ]
        assert found[n, c, i, j].item() == max(v[0, c, i, j].item() for v in values)
    assert found.shape == (2, 3, 9, 11)


def test_the_largest_map_is_that_of_the_most_pixels():
    maps = [torch.zeros(1, 2, 1, 20), torch.ones(1, 2, 6, 10), torch.zeros(1, 2, 30, 1)]
    assert torch.equal(maximum_of_scales(maps, False), maps[1])
