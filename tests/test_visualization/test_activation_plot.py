"""The plot of activation against the mask, and where a curve has settled."""

import cv2
import numpy as np
import pytest

from bas_mm.visualization.activation_plot import draw_activation_plot, settled_at


def test_where_a_curve_has_made_its_way():
    ratios = np.arange(1, 11) / 10
    values = np.array([8, 4, 2, 1, 0.5, 0.3, 0.1, 0, 3, 4.0])
    for share in (0.5, 0.9, 0.95, 1.0):
        expected = next(r for r, v in zip(ratios, values) if (8 - v) / 8 >= share)
        assert settled_at(ratios, values, share) == expected
    assert settled_at(ratios, values) == settled_at(ratios, values, 0.95)
    assert settled_at(ratios, np.ones(10)) == 0.1


@pytest.mark.parametrize('kind', ['png', 'svg'])
def test_each_curve_is_drawn(kind):
    ratios = np.linspace(0.1, 2, 20)
    curves = [2 - ratios, ratios / 2, 1 - ratios / 2]
    content = draw_activation_plot(ratios, *curves, 'three curves', kind)
    if kind == 'svg':
        text = content.decode()
        for colour in ('#c2410c', '#15803d', '#1d4ed8'):
            assert colour in text
        return
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert image.shape[:2] == (600, 960)
    positions = {}
    for name, colour in (('entropy', (194, 65, 12)), ('background', (29, 78, 216))):
        ys, xs = np.nonzero((image == np.array(colour)).all(axis=2))
        positions[name] = np.polyfit(xs, ys, 1)[0]
    # Falling on the plot: greater row numbers to the right.
    assert min(positions.values()) > 0
