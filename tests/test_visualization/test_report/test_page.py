"""The page of a report, read back by a parser."""

import base64
import json
import re
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
    curve = {f'box_acc_v2_{d}': (1 - tau) * (100 - d) for d in (30, 50, 70)}
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
    assert page.all('svg', viewbox='0 0 48 40')


def test_masks_have_outlines():
    mask = np.zeros((40, 48), bool)
    mask[5:10, 6:20] = True
    run = make_run(
        pixels=True,
        boxes=None,
        box_curve=None,
        ious=np.full(12, np.nan),
        figures={'pxap': 60.0, 'piou': 40.0, 'piou_threshold': 0.25},
        pixel_curve={
            'threshold': np.array([2.0, 1.0, 0.5, 0.0]),
            'precision': np.array([0.0, 90.0, 80.0, 20.0]),
            'recall': np.array([0.0, 10.0, 50.0, 100.0]),
            'iou': np.array([0.0, 9.0, 40.0, 20.0]),
        },
    )
    panel = make_panel(boxes=[], true_boxes=[], true_mask=mask, mask=~mask, iou=float('nan'))
    page = Page(report_page([run], [make_picture([panel])]))
    assert not [r for r in page.all('rect') if 'bar' not in r['class'].split()]
    assert len(page.all('path', **{'class': 'true'})) == 2
    assert len(page.all('path', **{'class': 'predicted'})) == 1
    (line,) = page.all('polyline')
    # From the second point on: at the first threshold nothing is predicted.
    assert len(line['points'].split()) == 3
    assert 'threshold of pIoU: 0.25' in ' '.join(data for _, data in page.texts)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(name='CAM'), 'two runs have the name CAM'),
        (dict(classes=['otter', 'heron']), r'other classes: 3 \(otter, ...\) and 2'),
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
