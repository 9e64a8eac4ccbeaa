"""The page of a report: results and pictures in, HTML text out."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html import escape

import cv2
import numpy as np

from bas_mm.evaluation.functional import BOX_ACC_DELTAS
from bas_mm.version import __version__
from bas_mm.visualization.functional import color_map

from .assets import SCRIPT, STYLE
from .selection import IOU_BINS, iou_histograms
from .structures import MAX_RUNS, PicturePanel, ReportPicture, ReportRun
from .svg import Axis, Series, bar_chart, line_chart, outline

__all__ = ['check_pictures', 'check_runs', 'report_page']

_UNIT = Axis('', 0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1))
_PERCENT = Axis('', 0, 100, (0, 20, 40, 60, 80, 100))

# Figures in the order of the table: name in the metrics -> head of the row.
_FIGURES = {
    'top1_loc': 'Top-1 Loc',
    'top5_loc': 'Top-5 Loc',
    'gt_known': 'GT-Known Loc',
    'iou_30': 'IoU ≥ 0.3',
    'iou_50': 'IoU ≥ 0.5',
    'iou_70': 'IoU ≥ 0.7',
    'mean_iou_acc': 'mean of these three',
    'top1_cls': 'Top-1 Cls',
    'top5_cls': 'Top-5 Cls',
    'max_box_acc': 'MaxBoxAcc',
    'max_box_acc_v2': 'MaxBoxAccV2',
    'max_box_acc_v2_30': 'MaxBoxAccV2, δ = 0.3',
    'max_box_acc_v2_50': 'MaxBoxAccV2, δ = 0.5',
    'max_box_acc_v2_70': 'MaxBoxAccV2, δ = 0.7',
    'pxap': 'PxAP',
    'piou': 'pIoU',
}

# Those of a class: name -> head, format. The figures of boxes come before those of pixels.
_CLASS_FIGURES = {
    'gt_known': ('GT-Known Loc', '.1f'),
    'top1_loc': ('Top-1 Loc', '.1f'),
    'pxap': ('PxAP', '.1f'),
    'mean_iou': ('mean IoU', '.3f'),
}


def check_runs(runs: Sequence[ReportRun]) -> None:
    """Refuse runs that cannot stand side by side.

    Args:
        runs (Sequence[ReportRun]): The runs.

    Raises:
        ValueError: There are none or too many; two have one name; or they are of other classes,
            pictures or ground truth.
    """
    if not 1 <= len(runs) <= MAX_RUNS:
        raise ValueError(f'a report has 1 to {MAX_RUNS} runs, got {len(runs)}')
    first = runs[0]
    for i, run in enumerate(runs[1:], 1):
        if run.name in [other.name for other in runs[:i]]:
            raise ValueError(f'two runs have the name {run.name}')
        if run.classes != first.classes:
            raise ValueError(
                f'{first.name} and {run.name} know other classes: {len(first.classes)} '
                f'({first.classes[0]}, ...) and {len(run.classes)} ({run.classes[0]}, ...)'
            )
        check_pictures(first.name, first.image_ids, run.name, run.image_ids)
        if run.pixels != first.pixels:
            raise ValueError(f'one of {first.name} and {run.name} has true boxes, one has masks')


def check_pictures(name: str, ids: Sequence[str], other: str, other_ids: Sequence[str]) -> None:
    """Refuse two lists of pictures that differ.

    Args:
        name (str): Name of a run.
        ids (Sequence[str]): Its pictures.
        other (str): Name of another one.
        other_ids (Sequence[str]): The pictures of that.

    Raises:
        ValueError: They differ; the message names a picture.
    """
    if list(ids) == list(other_ids):
        return
    detail = 'in another order'
    for run, own, rest in ((name, ids, set(other_ids)), (other, other_ids, set(ids))):
        only = next((image_id for image_id in own if image_id not in rest), None)
        if only is not None:
            detail = f'{only} is one of {run} only'
            break
    raise ValueError(
        f'{name} and {other} have different pictures, {len(ids)} and {len(other_ids)}: {detail}'
    )


def report_page(runs: Sequence[ReportRun], pictures: Sequence[ReportPicture]) -> str:
    """The whole report as one HTML document that needs no other file and no network.

    Args:
        runs (Sequence[ReportRun]): Methods on the same pictures, the baseline first, the one that
            pictures are chosen by last.
        pictures (Sequence[ReportPicture]): The drawn ones.

    Returns:
        str: The document.

    Raises:
        ValueError: See :func:`check_runs`.
    """
    check_runs(runs)
    runs = [replace(run, classes=_own_names(run.classes)) for run in runs]
    first = runs[0]
    counts = np.bincount(first.labels, minlength=len(first.classes))
    histograms = np.stack([iou_histograms(r.ious, r.labels, len(r.classes)) for r in runs])
    title = f'Localization report: {", ".join(run.name for run in runs)}'
    charts = [*_box_charts(runs), *_pixel_chart(runs), _histogram(runs, histograms)]
    data = {
        'classes': first.classes,
        'pictures': counts.tolist(),
        'total': len(first.image_ids),
        'bins': IOU_BINS,
        # Of classes without a picture nothing is needed.
        'histograms': [
            {c: method[c].tolist() for c in np.flatnonzero(counts).tolist()}
            for method in histograms
        ],
    }
    body = [
        f'<h1>{escape(title)}</h1>',
        f'<p class="soft">{len(first.image_ids)} pictures of {int((counts > 0).sum())} classes. '
        f'bas_mm {escape(__version__)}</p>',
        f'<div class="top"><section class="box scroll"><h3>Figures, in percent</h3>'
        f'{_figures_table(runs)}</section>'
        f'<section class="box"><h3>Runs</h3>{_run_list(runs)}</section></div>',
        _tools(runs),
        '<h2>Curves</h2>',
        f'<p class="soft">{_curve_note(runs)}</p>',
        f'<div class="charts">{"".join(charts)}</div>',
        '<h2>Classes</h2>',
        f'<p class="soft">{_class_note(runs)}</p>',
        f'<div class="box scroll classes">{_class_table(runs, counts)}</div>',
        '<h2>Pictures</h2>',
        f'<p class="soft">{_gallery_note(runs)}</p>',
        '<p id="none" hidden>None of the drawn pictures is of these classes and this kind.</p>',
        f'<div class="gallery" id="gallery">{_gallery(runs, pictures)}</div>',
    ]
    return ''.join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            # Nothing is loaded, whatever a name may hold.
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src '
            "data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n",
            f'<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n',
            '\n'.join(body),
            f'\n<script type="application/json" id="data">{_json(data)}</script>',
            f'\n<script>{SCRIPT}</script>\n</body>\n</html>\n',
        ]
    )


def _own_names(classes: Sequence[str]) -> list[str]:
    """Names that tell classes apart: a repeated one, as ILSVRC has, gets the class's number."""
    # In small letters, as the filter compares them.
    count = Counter(name.lower() for name in classes)
    return [f'{name} ({i})' if count[name.lower()] > 1 else name for i, name in enumerate(classes)]


def _json(data: dict) -> str:
    """JSON that cannot end the element it is in."""
    return json.dumps(data, separators=(',', ':'), allow_nan=False).replace('<', '\\u003c')


def _name(run: ReportRun, slot: int) -> str:
    return f'<span class="name m{slot}">{escape(run.name)}</span>'


def _difference(runs: Sequence[ReportRun]) -> str:
    return f'{runs[-1].name} − {runs[0].name}'


def _cell(value: float | None, form: str, best: bool = False) -> str:
    if value is None or not np.isfinite(value):
        return '<td data-v="">–</td>'
    shown = f'{value:{form}}'.replace('-', '−')
    attributes = ' class="best"' if best else ''
    return f'<td data-v="{value:.6g}"{attributes}>{shown}</td>'


def _figures_table(runs: Sequence[ReportRun]) -> str:
    heads = ''.join(f'<th>{_name(run, slot)}</th>' for slot, run in enumerate(runs))
    if len(runs) > 1:
        heads += f'<th>{escape(_difference(runs))}</th>'
    lines = []
    for key, head in _FIGURES.items():
        values = [run.figures.get(key) for run in runs]
        known = [value for value in values if value is not None]
        if not known:
            continue
        cells = ''.join(
            _cell(v, '.2f', len(runs) > 1 and v is not None and v == max(known)) for v in values
        )
        if len(runs) > 1:
            both = values[0] is not None and values[-1] is not None
            cells += _cell(values[-1] - values[0] if both else None, '+.2f')
        lines.append(f'<tr><th scope="row">{head}</th>{cells}</tr>')
    return f'<table><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def _run_list(runs: Sequence[ReportRun]) -> str:
    items = []
    for slot, run in enumerate(runs):
        notes = []
        if 'threshold' in run.figures:
            note = f'θ = {run.figures["threshold"]:g} for the boxes'
            if run.candidates > 1:
                note += (
                    f', the best of {run.candidates} on these very pictures: choose it on a val '
                    'split and give the config one'
                )
            notes.append(note)
        if run.cropped:
            notes.append('the test pipeline crops: curves and boxes are those of the crop')
        if 'max_box_acc_v2_threshold_50' in run.figures:
            notes.append(f'best τ for δ = 0.5: {run.figures["max_box_acc_v2_threshold_50"]:g}')
        if 'piou_threshold' in run.figures:
            notes.append(f'threshold of pIoU: {run.figures["piou_threshold"]:g}')
        text = '; '.join(notes)
        items.append(
            f'<li>{_name(run, slot)}<p class="soft break">{escape(run.config)}<br>'
            f'{escape(run.checkpoint)}<br>{escape(text)}</p></li>'
        )
    return f'<ul class="runs">{"".join(items)}</ul>'


def _tools(runs: Sequence[ReportRun]) -> str:
    main, base = escape(runs[-1].name), escape(runs[0].name)
    options = [
        ('all', 'all that are drawn', 'iou -1'),
        ('best', f'best of {main}', 'iou -1'),
        ('worst', f'worst of {main}', 'iou 1'),
    ]
    if len(runs) > 1:
        options += [
            ('ahead', f'{main} ahead of {base}', 'gain -1'),
            ('behind', f'{base} ahead of {main}', 'gain 1'),
        ]
    options.append(('class', 'of each class', 'iou -1'))
    kinds = ''.join(
        f'<option value="{value}" data-order="{order}">{text}</option>'
        for value, text, order in options
    )
    return (
        '<div class="tools script" id="tools" hidden>'
        '<label>Class <input type="search" id="filter" list="names" placeholder="all"></label>'
        f'<label>Pictures <select id="kind">{kinds}</select></label>'
        '<label>Map <input type="range" id="heat" min="0" max="1" step="0.05" value="0.5" '
        'aria-label="strength of the map"></label>'
        '<span id="count" class="soft" role="status"></span>'
        f'<datalist id="names">{"".join(f"<option>{escape(c)}</option>" for c in runs[0].classes)}'
        '</datalist></div>'
    )


def _box(head: str, chart: str, legend: Sequence[str], attributes: str = '') -> str:
    items = ''.join(f'<li>{item}</li>' for item in legend)
    return (
        f'<section class="box"{attributes}><h3>{head}</h3>{chart}'
        f'<ul class="legend">{items}</ul></section>'
    )


def _curve_note(runs: Sequence[ReportRun]) -> str:
    text = 'Of all pictures; the histogram is that of the chosen classes.'
    if all(run.box_curve is None for run in runs):
        text += ' There are no true boxes, and so no curves of BoxAcc.'
    if all(run.pixel_curve is None for run in runs):
        text += (
            ' No masks were loaded (LoadLocMask in the test pipeline), and so there is no '
            'precision of pixels.'
        )
    return text


def _box_charts(runs: Sequence[ReportRun]) -> list[str]:
    if all(run.box_curve is None for run in runs):
        return []
    charts = []
    for delta in BOX_ACC_DELTAS:
        # MaxBoxAcc, of the largest contour alone, is defined at one δ.
        keys = {f'box_acc_v2_{delta * 100:.0f}': ''}
        if delta == 0.5:
            keys['box_acc'] = ', dashed: largest contour alone (MaxBoxAcc)'
        series, legend = [], []
        for slot, run in enumerate(runs):
            for key, what in keys.items():
                if run.box_curve is None:
                    continue
                tau, curve = run.box_curve['tau'], run.box_curve[key]
                best = int(curve.argmax())
                mark = (tau[best], curve[best])
                series.append(Series(slot, tau, curve, mark, dashed=key == 'box_acc'))
                legend.append(
                    f'{_name(run, slot)} {curve[best]:.2f} at τ = {tau[best]:.3f}{what}'
                    + (' (of the crop)' if run.cropped else '')
                )
        head = f'BoxAcc of all contours (MaxBoxAccV2) over τ, IoU ≥ {delta:g} (%)'
        chart = line_chart(series, _UNIT._replace(label='threshold τ'), _PERCENT, head)
        charts.append(_box(head, chart, legend))
    return charts


def _pixel_chart(runs: Sequence[ReportRun]) -> list[str]:
    series, legend = [], []
    for slot, run in enumerate(runs):
        if run.pixel_curve is None:
            continue
        # No map reaches 2, the greatest edge: there is no precision.
        reached = run.pixel_curve['threshold'] <= 1
        recall, precision = (run.pixel_curve[k][reached] for k in ('recall', 'precision'))
        best = int(run.pixel_curve['iou'][reached].argmax())
        series.append(Series(slot, recall, precision, (recall[best], precision[best])))
        legend.append(
            f'{_name(run, slot)} PxAP {run.figures["pxap"]:.2f}, dot: pIoU '
            f'{run.figures["piou"]:.2f}'
        )
    if not series:
        return []
    chart = line_chart(
        series, _PERCENT._replace(label='recall (%)'), _PERCENT, 'precision of pixels over recall'
    )
    return [_box('Precision of pixels over recall (%)', chart, legend)]


def _histogram(runs: Sequence[ReportRun], histograms: np.ndarray) -> str:
    what = 'pixels, at its best threshold' if runs[0].pixels else 'the box at θ'
    label = f'IoU of {what}'
    chart = bar_chart(histograms.sum(axis=1), _UNIT._replace(label=label), f'Histogram: {label}')
    legend = [_name(run, slot) for slot, run in enumerate(runs)]
    return _box('IoU histogram (% of the pictures)', chart, legend, ' id="histogram"')


def _mean_ious(run: ReportRun, label: int) -> float | None:
    own = run.ious[run.labels == label]
    own = own[np.isfinite(own)]
    return float(own.mean()) if len(own) else None


def _class_table(runs: Sequence[ReportRun], counts: np.ndarray) -> str:
    figures = []
    for run in runs:
        own = {}
        for label in np.flatnonzero(counts).tolist():
            own[label] = {**run.per_class.get(label, {}), 'mean_iou': _mean_ious(run, label)}
        figures.append(own)
    keys = [
        key
        for key in _CLASS_FIGURES
        if any(key in values for own in figures for values in own.values())
    ]
    groups = ['<th></th><th></th>']
    heads = [_sortable(0, 'class'), _sortable(1, 'pictures')]
    column = 2
    for key in keys:
        span = len(runs) + (len(runs) > 1)
        groups.append(f'<th class="group" colspan="{span}">{_CLASS_FIGURES[key][0]}</th>')
        for slot, run in enumerate(runs):
            heads.append(_sortable(column + slot, _name(run, slot)))
        if len(runs) > 1:
            heads.append(_sortable(column + len(runs), 'Δ', _difference(runs)))
        column += span
    lines = []
    for label in np.flatnonzero(counts).tolist():
        name = escape(runs[0].classes[label])
        cells = [f'<td data-v="{name}"><button type="button">{name}</button></td>']
        cells.append(_cell(counts[label], 'd'))
        for key in keys:
            form = _CLASS_FIGURES[key][1]
            values = [own[label].get(key) for own in figures]
            cells += [_cell(value, form) for value in values]
            if len(runs) > 1:
                both = values[0] is not None and values[-1] is not None
                cells.append(_cell(values[-1] - values[0] if both else None, f'+{form}'))
        lines.append(f'<tr data-class="{label}">{"".join(cells)}</tr>')
    return (
        f'<table id="classes"><thead><tr>{"".join(groups)}</tr><tr>{"".join(heads)}</tr></thead>'
        f'<tbody>{"".join(lines)}</tbody></table>'
    )


def _class_note(runs: Sequence[ReportRun]) -> str:
    text = 'Choose a head to sort by it, a class to see that class alone'
    return f'{text}. Δ: {escape(_difference(runs))}.' if len(runs) > 1 else f'{text}.'


def _sortable(column: int, head: str, title: str = 'sort by this column') -> str:
    return (
        f'<th data-column="{column}"><button type="button" title="{escape(title)}">{head}</button>'
        '</th>'
    )


def _gallery_note(runs: Sequence[ReportRun]) -> str:
    if runs[0].pixels:
        marks = (
            '<span class="key" style="--own: var(--true)">true outline</span>, '
            '<span class="key" style="--own: var(--predicted)">outline at the threshold of pIoU'
            '</span>'
        )
        marks += '; best IoU: at the best threshold of the picture, whose outline may be another'
    else:
        marks = (
            '<span class="key" style="--own: var(--true)">true box</span>, '
            '<span class="key" style="--own: var(--predicted)">predicted box</span>'
        )
    text = f'{marks}; maps from blue, their minimum, to red, their maximum. '
    text += f'Chosen by IoU of {escape(runs[-1].name)}'
    if len(runs) > 1:
        text += f' and by what it is ahead of {escape(runs[0].name)}'
    return f'{text}: see the list “Pictures” above.'


def _gallery(runs: Sequence[ReportRun], pictures: Sequence[ReportPicture]) -> str:
    return ''.join(_card(runs, picture, i) for i, picture in enumerate(pictures))


def _card(runs: Sequence[ReportRun], picture: ReportPicture, number: int) -> str:
    classes, panels = runs[0].classes, picture.panels
    first = panels[0]
    figures = [
        f'<figure>{_svg(first, f"p{number}", None, False, picture.image_id)}'
        '<figcaption>picture</figcaption></figure>'
    ]
    # Without boxes it is not that of the outline, whose threshold all pictures share.
    iou_name = 'best IoU' if runs[0].pixels else 'IoU'
    for slot, (run, panel) in enumerate(zip(runs, panels)):
        # A picture is stored once where all networks saw the same.
        shared = f'p{number}' if np.array_equal(panel.view, first.view) else None
        wrong = '' if panel.predicted_class == picture.label else ' (wrong)'
        iou = f'{panel.iou:.2f}' if np.isfinite(panel.iou) else '–'
        figures.append(
            f'<figure>{_svg(panel, None, shared, True, f"map of {run.name}")}'
            f'<figcaption>{_name(run, slot)} {iou_name} {iou}<br>'
            f'{escape(classes[panel.predicted_class])} {panel.score:.2f}{wrong}</figcaption>'
            '</figure>'
        )
    iou, gain = panels[-1].iou, panels[-1].iou - panels[0].iou
    wide = ' wide' if len(panels) > 3 else ''
    return (
        f'<article class="box card{wide}" data-class="{picture.label}" '
        f'data-kinds="{" ".join(picture.kinds)}" data-iou="{np.nan_to_num(iou):.6f}" '
        f'data-gain="{np.nan_to_num(gain):.6f}">'
        f'<header><b>{escape(classes[picture.label])}</b> '
        f'<span class="soft break">{escape(picture.image_id)}</span></header>'
        f'<div class="panels">{"".join(figures)}</div></article>'
    )


def _svg(
    panel: PicturePanel, own_id: str | None, shared: str | None, predicted: bool, label: str
) -> str:
    height, width = panel.view.shape[:2]
    size = f'width="{width}" height="{height}" preserveAspectRatio="none"'
    parts = []
    if shared is not None:
        parts.append(f'<use href="#{shared}"/>')
    else:
        name = '' if own_id is None else f' id="{own_id}"'
        parts.append(f'<image{name} href="{_data_uri(panel.view)}" {size}/>')
    if predicted:
        heat = color_map(panel.localization_map, (height, width))
        parts.append(f'<image class="heat" href="{_data_uri(heat)}" {size}/>')
    parts += _marks(panel.true_boxes, panel.true_mask, 'true')
    if predicted:
        parts += _marks(panel.boxes, panel.mask, 'predicted')
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f'{"".join(parts)}</svg>'
    )


def _marks(boxes: np.ndarray, mask: np.ndarray | None, kind: str) -> list[str]:
    shapes = []
    if mask is not None:
        shapes.append(f'path d="{outline(mask)}"')
    for x0, y0, x1, y1 in np.asarray(boxes).reshape(-1, 4).tolist():
        shapes.append(
            f'rect x="{x0}" y="{y0}" width="{max(x1 - x0 + 1, 0)}" height="{max(y1 - y0 + 1, 0)}"'
        )
    return [f'<{shape} class="{name}"/>' for shape in shapes for name in ('rim', kind)]


def _data_uri(image: np.ndarray) -> str:
    done, content = cv2.imencode(
        '.webp', np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, 80]
    )
    if not done:
        raise OSError('OpenCV cannot encode WebP')
    return f'data:image/webp;base64,{base64.b64encode(content.tobytes()).decode()}'
