"""The plot of activation against the mask, and where a curve has settled."""

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

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


def test_which_curve_is_on_which_scale(monkeypatch):
    """By the figure that is saved."""
    figures, save = [], Figure.savefig

    def note(figure, *args, **kwargs):
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, 'savefig', note)
    ratios = np.linspace(0.1, 2, 20)
    # Nothing of them is near 0, where the scales begin all the same.
    entropy, foreground, background = ratios + 3, ratios + 1, 4 - ratios
    content = draw_activation_plot(ratios, entropy, foreground, background, 'three curves')
    assert content.startswith(b'\x89PNG')
    left, right = figures[0].axes
    curve, own_area = left.lines
    assert own_area.get_xdata() == [1, 1]
    np.testing.assert_array_equal(curve.get_ydata(), entropy)
    for line, values in zip(right.lines, (foreground, background), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)
    labels = [line.get_label() for line in (curve, *right.lines)]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == labels
    assert labels[0].startswith('cross-entropy')
    assert labels[1].startswith('foreground')
    assert labels[2].startswith('background')
    assert left.get_title() == 'three curves'
    assert left.get_xlim() == (ratios[0], ratios[-1])
    assert left.get_ylim()[0] == right.get_ylim()[0] == 0
