"""Charts as SVG: the numbers are read back from the drawing."""

import re
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest

from bas_mm.visualization.report.svg import Axis, Series, bar_chart, line_chart, outline

UNIT = Axis('τ & more', 0, 1, (0, 0.5, 1))
PERCENT = Axis('', 0, 100, (0, 100))
# The area of the drawing, in pixels.
LEFT, RIGHT, TOP, BOTTOM = 40, 350, 12, 200


def parse(text):
    return ElementTree.fromstring(text)


def of_class(svg, name):
    return [part for part in svg if name in part.get('class', '').split()]


def read(polyline):
    points = np.array([p.split(',') for p in polyline.get('points').split()], dtype=float)
    x = (points[:, 0] - LEFT) / (RIGHT - LEFT)
    return x, (BOTTOM - points[:, 1]) / (BOTTOM - TOP) * 100


def test_lines_go_through_their_points():
    x = np.linspace(0, 1, 200)
    y = 50 + 40 * np.sin(9 * x)
    best = int(y.argmax())
    svg = parse(line_chart([Series(3, x, y, (x[best], y[best]))], UNIT, PERCENT, 'a "b" <c>'))
    assert svg.get('aria-label') == 'a "b" <c>'
    (line,) = of_class(svg, 'line')
    assert 'm3' in line.get('class').split()
    drawn_x, drawn_y = read(line)
    # What was left out lies on the line: to a tenth of a pixel.
    np.testing.assert_allclose(np.interp(x, drawn_x, drawn_y), y, atol=0.2)
    (mark,) = of_class(svg, 'mark')
    assert float(mark.get('cx')) == pytest.approx(LEFT + x[best] * (RIGHT - LEFT), abs=0.06)
    assert 'τ & more' in [text.text for text in svg.iter('text')]


def test_points_on_a_level_are_left_out_and_nan_too():
    x = np.linspace(0, 1, 1001)
    y = np.where(x < 0.5, 20.0, 80.0)
    y[700] = np.nan
    (line,) = of_class(parse(line_chart([Series(0, x, y)], UNIT, PERCENT, '')), 'line')
    drawn_x, drawn_y = read(line)
    assert len(drawn_x) == 4
    np.testing.assert_allclose(np.interp([0.2, 0.9], drawn_x, drawn_y), [20, 80], atol=0.1)


def test_bars_are_shares_of_their_own_series():
    counts = np.array([[1, 3, 0], [10, 10, 20]])
    svg = parse(bar_chart(counts, UNIT, ''))
    shares = {
        (int(bar.get('data-m')), int(bar.get('data-b'))): float(bar.get('height'))
        for bar in of_class(svg, 'bar')
    }
    full = BOTTOM - TOP
    for m in range(2):
        for b in range(3):
            expected = counts[m, b] / counts[m].sum() / 0.75 * full
            assert shares[m, b] == pytest.approx(expected, abs=0.01)
    assert [text.text for text in of_class(svg, 'share')] == ['0', '38', '75']
    edges = [(float(b.get('x')), float(b.get('width'))) for b in of_class(svg, 'bar')]
    assert min(x for x, _ in edges) >= LEFT
    assert max(x + width for x, width in edges) <= RIGHT


def test_no_picture_at_all():
    bars = of_class(parse(bar_chart(np.zeros((1, 4)), UNIT, '')), 'bar')
    assert {float(bar.get('height')) for bar in bars} == {0}


def test_an_outline_filled_again_is_the_mask():
    mask = np.zeros((30, 40), bool)
    mask[3:20, 5:25] = True
    mask[8:12, 10:16] = False
    mask[25:28, 30:38] = True
    filled = np.zeros(mask.shape, np.uint8)
    paths = outline(mask).split('Z')[:-1]
    assert len(paths) == 3
    shapes = []
    for path in paths:
        numbers = [float(v) - 0.5 for v in re.findall(r'[\d.]+', path)]
        shapes.append(np.array(numbers, dtype=np.int32).reshape(-1, 1, 2))
    cv2.drawContours(filled, [shapes[i] for i in range(3)], -1, 1, -1)
    # OpenCV's contour of a hole runs over the object's pixels around it.
    assert np.array_equal(filled.astype(bool), mask)
    assert outline(np.zeros((5, 5), bool)) == ''
