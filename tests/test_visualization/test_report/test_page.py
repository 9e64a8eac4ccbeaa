"""The page of a report, read back by a parser."""

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from bas_mm.visualization.report import (
    PicturePanel,
    ReportPicture,
    ReportRun,
    check_runs,
    iou_histograms,
    report_page,
)

NASTY = '</script><script>alert(1)</script> & "x"'


class Page(HTMLParser):
    """Elements with attributes and texts, in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_data(self, data):
        self.texts.append((self._open[-1] if self._open else '', data))

    def all(self, tag, **wanted):
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(k) == v for k, v in wanted.items())
        ]


def make_run(name='BAS', seed=0, n=12, **changes):
    rng = np.random.default_rng(seed)
    tau = np.arange(0, 1, 0.001)
    # Each of another height and with its maximum at another τ.
    curve = {f'box_acc_v2_{d}': (100 - d - 9 * seed) * np.exp(-4 * tau) for d in (30, 50, 70)}
    curve['box_acc'] = 90 - 9 * seed - 80 * (tau - 0.2 - seed / 20) ** 2
    values = dict(
        name=name,
        config='configs/a.py',
        checkpoint='a.pth',
        classes=['otter', NASTY, 'never seen'],
        image_ids=[f'test/{i}<b>.jpg' for i in range(n)],
        labels=np.arange(n) % 2,
        ious=rng.random(n),
        figures={'gt_known': 50.0 + seed, 'top1_loc': 40.0, 'threshold': 0.2},
        per_class={0: {'gt_known': 25.0}, 1: {'gt_known': 75.0 + seed}},
        boxes=np.tile([1, 2, 5, 6], (n, 1)),
        box_curve={'tau': tau, **curve},
    )
    return ReportRun(**{**values, **changes})


def make_panel(seed=0, **changes):
    rng = np.random.default_rng(seed)
    values = dict(
        view=cv2.GaussianBlur(rng.integers(0, 255, (40, 48, 3)).astype(np.uint8), (9, 9), 4),
        localization_map=rng.random((5, 6)),
        iou=0.25,
        boxes=np.array([[4, 3, 20, 30]]),
        true_boxes=np.array([[2, 3, 30, 33], [0, 0, 5, 5]]),
        mask=None,
        true_mask=None,
        predicted_class=1,
        score=0.875,
    )
    return PicturePanel(**{**values, **changes})


def make_picture(panels, label=0):
    return ReportPicture('test/0<b>.jpg', label, ('best', 'class'), panels)


def test_names_are_text_and_nothing_is_loaded():
    runs = [make_run('C<A>M', 1), make_run()]
    text = report_page(runs, [make_picture([make_panel(), make_panel()], 1)])
    page = Page(text)
    assert len(page.all('script')) == 2
    shown = [data for _, data in page.texts]
    assert NASTY in shown
    assert 'test/0<b>.jpg' in shown
    assert 'C<A>M' in shown
    for tag, attributes in page.elements:
        for key, value in attributes.items():
            if key in ('src', 'href'):
                assert value.startswith(('data:image/webp;base64,', '#')), (tag, value)
    assert not re.search(r'https?:|url\(|@import', text)
    assert "default-src 'none'" in page.all('meta')[2]['content']


def test_figures_and_their_difference():
    runs = [make_run('CAM', 3), make_run('BAS', 0, figures={'gt_known': 51.25, 'pxap': 7.0})]
    text = report_page(runs, [])
    rows = dict(
        re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', text),
    )
    cells = {name: re.findall(r'>([^<>]+)</td>', row) for name, row in rows.items()}
    assert cells == {
        'Top-1 Loc': ['40.00', '–', '–'],
        'GT-Known Loc': ['53.00', '51.25', '−1.75'],
        'PxAP': ['–', '7.00', '–'],
    }
    assert 'class="best">53.00' in rows['GT-Known Loc']
    assert 'class="best">51.25' not in rows['GT-Known Loc']


def test_classes_with_pictures_have_a_row_each():
    runs = [make_run('CAM', 3), make_run()]
    page = report_page(runs, [])
    rows = re.findall(r'<tr data-class="(\d)">(.*?)</tr>', page)
    assert [label for label, _ in rows] == ['0', '1']
    for label, row in rows:
        own = [run.ious[int(label) :: 2].mean() for run in runs]
        cells = re.findall(r'<td data-v="([^"]*)"', row)
        known = [run.per_class[int(label)]['gt_known'] for run in runs]
        expected = [6, *known, known[1] - known[0], *own, own[1] - own[0]]
        np.testing.assert_allclose([float(v) for v in cells[1:]], expected, rtol=1e-5)
    assert len(re.findall('<th data-column', page)) == 8


def test_data_of_the_script():
    runs = [make_run('CAM', 1), make_run()]
    page = Page(report_page(runs, []))
    data = json.loads(next(text for _, text in page.texts if text.startswith('{"classes"')))
    assert data['classes'] == runs[0].classes
    assert (data['pictures'], data['total']) == ([6, 6, 0], 12)
    for run, method in zip(runs, data['histograms']):
        expected = iou_histograms(run.ious, run.labels, 3)
        assert method == {str(c): expected[c].tolist() for c in (0, 1)}


def test_the_choices_of_pictures_are_in_their_order():
    """The script sorts by a figure times 1, the smallest first, or times -1."""
    runs = [make_run('CAM', 1), make_run()]
    orders = [
        {
            option['value']: option['data-order']
            for option in Page(report_page(some, [])).all('option')
            if 'data-order' in option
        }
        for some in (runs[:1], runs)
    ]
    one = {'all': 'iou -1', 'best': 'iou -1', 'worst': 'iou 1', 'class': 'iou -1'}
    assert orders == [one, {**one, 'ahead': 'gain -1', 'behind': 'gain 1'}]


PIXEL_CURVE = {
    # At the first threshold nothing is predicted.
    'threshold': np.array([2.0, 1.0, 0.75, 0.5, 0.0]),
    'precision': np.array([0.0, 90.0, 85.0, 80.0, 20.0]),
    'recall': np.array([0.0, 10.0, 40.0, 50.0, 100.0]),
    'iou': np.array([0.0, 9.0, 35.0, 40.0, 20.0]),
}


def charts_of(text):
    """For each chart its legend and its lines: class, points and dot in the axes' numbers."""
    found = {}
    pattern = r'<h3>([^<]*)</h3>(<svg class="chart".*?</svg>)<ul class="legend">(.*?)</ul>'
    for head, svg, legend in re.findall(pattern, text):
        parts = list(ElementTree.fromstring(svg))
        top = 100 if head.startswith('Precision') else 1

        def read(x, y, top=top):
            return (float(x) - 40) / 310 * top, (200 - float(y)) / 188 * 100

        lines = [p for p in parts if p.tag == 'polyline']
        marks = [p for p in parts if p.tag == 'circle']
        found[head] = (
            legend,
            [
                (
                    line.get('class'),
                    np.array([read(*p.split(',')) for p in line.get('points').split()]).T,
                    read(mark.get('cx'), mark.get('cy')),
                )
                for line, mark in zip(lines, marks)
            ],
        )
        assert len(lines) == len(marks)
    return found


def test_charts_show_the_curves_that_their_heads_name():
    runs = [make_run('CAM', 1), make_run('BAS', 0)]
    for seed, run in zip((1, 0), runs):
        run.pixel_curve = {k: v * (1 - seed / 4) for k, v in PIXEL_CURVE.items()}
        run.pixel_curve['threshold'] = PIXEL_CURVE['threshold']
        run.figures.update(pxap=60.0 + seed, piou=40.0)
    charts = charts_of(report_page(runs, []))
    for delta in (30, 50, 70):
        head = f'BoxAcc of all contours (MaxBoxAccV2) over τ, IoU ≥ 0.{delta // 10} (%)'
        legend, lines = charts.pop(head)
        keys = [f'box_acc_v2_{delta}'] + ['box_acc'] * (delta == 50)
        wanted = [(slot, run, key) for slot, run in enumerate(runs) for key in keys]
        for (slot, run, key), (name, (x, y), mark) in zip(wanted, lines, strict=True):
            dashed = ' dashed' if key == 'box_acc' else ''
            assert name == f'line m{slot}{dashed}'
            tau, curve = run.box_curve['tau'], run.box_curve[key]
            np.testing.assert_allclose(np.interp(tau, x, y), curve, atol=0.1)
            best = tau[curve.argmax()]
            assert mark == pytest.approx((best, curve.max()), abs=0.1)
            text = f'{run.name}</span> {curve.max():.2f} at τ = {best:.3f}'
            assert f'{text}{", dashed: largest contour" if dashed else "<"}' in legend
    legend, lines = charts.pop('Precision of pixels over recall (%)')
    for run, (_, (x, y), mark) in zip(runs, lines, strict=True):
        curve = run.pixel_curve
        np.testing.assert_allclose(x, curve['recall'][1:], atol=0.1)
        np.testing.assert_allclose(y, curve['precision'][1:], atol=0.1)
        assert mark == pytest.approx((curve['recall'][3], curve['precision'][3]), abs=0.1)
        assert f'{run.name}</span> PxAP {run.figures["pxap"]:.2f}' in legend
    assert list(charts) == ['IoU histogram (% of the pictures)']


def test_classes_of_one_name_are_told_apart():
    classes = ['crane', 'otter', 'Crane']
    run = make_run(classes=classes, labels=np.arange(12) % 3)
    text = report_page([run], [make_picture([make_panel(predicted_class=2)])])
    for name in ('crane (0)', 'otter', 'Crane (2)'):
        assert f'<button type="button">{name}</button>' in text
        assert f'<option>{name}</option>' in text
    assert '"classes":["crane (0)","otter","Crane (2)"]' in text
    assert '<b>crane (0)</b>' in text
    assert '<br>Crane (2) 0.88 (wrong)' in text


def test_what_there_is_no_truth_for_is_said():
    text = report_page([make_run()], [])
    assert 'No masks were loaded (LoadLocMask in the test pipeline)' in text
    assert 'There are no true boxes' not in text
    assert 'Precision of pixels' not in text
    figures = {'pxap': 60.0, 'piou': 40.0}
    changes = dict(boxes=None, box_curve=None, pixel_curve=PIXEL_CURVE, figures=figures)
    text = report_page([make_run(pixels=True, **changes)], [])
    assert 'There are no true boxes' in text
    assert 'No masks were loaded' not in text
    assert 'Precision of pixels' in text


def decode(uri):
    content = np.frombuffer(base64.b64decode(uri.partition(',')[2]), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def test_a_picture_with_its_maps_and_boxes():
    panels = [make_panel(), make_panel(localization_map=np.eye(5)), make_panel(1, iou=0.75)]
    runs = [make_run(name, i) for i, name in enumerate(('CAM', 'XYZ', 'BAS'))]
    page = Page(report_page(runs, [make_picture(panels)]))
    (card,) = page.all('article')
    assert (card['data-class'], card['data-kinds']) == ('0', 'best class')
    assert float(card['data-iou']) == 0.75
    assert float(card['data-gain']) == 0.5
    views = [image for image in page.all('image') if image.get('class') != 'heat']
    # The first two networks saw the same: it is stored once.
    assert len(views) == 2
    assert page.all('use') == [{'href': '#p0'}, {'href': '#p0'}]
    for image, panel in zip(views, (panels[0], panels[2])):
        assert abs(decode(image['href']) - panel.view).mean() < 6
    heats = page.all('image', **{'class': 'heat'})
    assert len(heats) == 3
    eye = decode(heats[1]['href'])
    assert eye[0, 0, 0] > 90 > eye[0, 0, 2], 'red where the map is greatest'
    assert eye[0, -1, 2] > 90 > eye[0, -1, 0], 'blue where it is least'
    true, predicted = (page.all('rect', **{'class': kind}) for kind in ('true', 'predicted'))
    assert len(true) == 4 * 2
    assert len(predicted) == 3
    assert [true[0][k] for k in ('x', 'y', 'width', 'height')] == ['2', '3', '29', '31']
    assert [predicted[0][k] for k in ('x', 'y', 'width', 'height')] == ['4', '3', '17', '28']
    captions = ' '.join(data for _, data in page.texts)
    assert f'{NASTY} 0.88 (wrong)' in captions
    drawn = page.all('svg', viewbox='0 0 48 40')
    assert {svg['role'] for svg in drawn} == {'img'}
    labels = ['test/0<b>.jpg', 'map of CAM', 'map of XYZ', 'map of BAS']
    assert [svg['aria-label'] for svg in drawn] == labels


def test_masks_have_outlines():
    mask = np.zeros((40, 48), bool)
    mask[5:10, 6:20] = True
    run = make_run(
        pixels=True,
        boxes=None,
        box_curve=None,
        ious=np.full(12, np.nan),
        figures={'pxap': 60.0, 'piou': 40.0, 'piou_threshold': 0.25},
        pixel_curve=PIXEL_CURVE,
    )
    panel = make_panel(boxes=[], true_boxes=[], true_mask=mask, mask=~mask, iou=float('nan'))
    page = Page(report_page([run], [make_picture([panel])]))
    assert not [r for r in page.all('rect') if 'bar' not in r['class'].split()]
    assert len(page.all('path', **{'class': 'true'})) == 2
    assert len(page.all('path', **{'class': 'predicted'})) == 1
    (line,) = page.all('polyline')
    # From the second point on: at the first threshold nothing is predicted.
    assert len(line['points'].split()) == 4
    assert ' best IoU –' in [data for _, data in page.texts], 'not that of the outline'
    assert 'threshold of pIoU: 0.25' in ' '.join(data for _, data in page.texts)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(name='CAM'), 'two runs have the name CAM'),
        (dict(classes=['otter', 'heron']), r'other classes: 3 \(otter, ...\) and 2'),
        (dict(classes=['otter', 'heron', 'ox']), r'other classes: 3 \(otter, ...\) and 3'),
        (
            dict(image_ids=[f'test/{i}<b>.jpg' for i in range(11)]),
            'different pictures, 12 and 11: test/11<b>.jpg is one of CAM only',
        ),
        (
            dict(image_ids=[*(f'test/{i}<b>.jpg' for i in range(12)), 'new']),
            '12 and 13: new is one of BAS only',
        ),
        (dict(image_ids=[f'test/{i}<b>.jpg' for i in range(11, -1, -1)]), 'in another order'),
        (dict(pixels=True), 'one of CAM and BAS has true boxes, one has masks'),
    ],
)
def test_runs_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        check_runs([make_run('CAM'), replace(make_run(), **change)])
    with pytest.raises(ValueError, match='1 to 6 runs, got 0'):
        report_page([], [])


def test_notes_on_the_thresholds():
    text = report_page([make_run(candidates=19, cropped=True)], [])
    assert 'the best of 19 on these very pictures' in text
    assert 'the test pipeline crops' in text
    assert 'value="ahead"' not in text
