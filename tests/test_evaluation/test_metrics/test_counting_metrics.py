"""MaxBoxAcc, MaxBoxAccV2 and PxAP: figures, errors, files, one process and several."""

import csv
import json
import os
import sys
import textwrap
from pathlib import Path

import forked_python
import numpy as np
import pytest
import torch
from map_samples import VIEW, evaluate, make_metrics, make_sample
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import METRICS

from bas_mm.evaluation import MapWriter, MaxBoxAcc, MaxBoxAccV2, PxAP, ViewBoxAcc
from bas_mm.evaluation.functional import (
    PIXEL_EDGES,
    PROTOCOL_B_TAUS,
    best_pixel_iou,
    pixel_figures,
    pixel_histograms,
    protocol_b_ious,
    protocol_b_map,
)

ROOT = Path(__file__).resolve().parents[3]
KINDS = [MaxBoxAcc, MaxBoxAccV2, PxAP]


def ious_of(samples, mode):
    return np.stack(
        [
            getattr(protocol_b_ious(protocol_b_map(s.pred_map, VIEW)[0], s.gt_bboxes_view), mode)
            for s in samples
        ]
    )


def read_csv(path):
    with open(path, encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_max_box_acc_from_first_principles():
    samples = [make_sample(i) for i in range(30)]
    right = ious_of(samples, 'single') >= 0.5
    curve = right.mean(axis=0) * 100
    assert 0 < curve.max() < 100
    assert evaluate(MaxBoxAcc(), samples) == {
        'localization/max_box_acc': pytest.approx(curve.max(), abs=1e-12),
        'localization/max_box_acc_threshold': PROTOCOL_B_TAUS[curve.argmax()],
    }


def test_max_box_acc_v2_from_first_principles():
    samples = [make_sample(i) for i in range(30)]
    ious = ious_of(samples, 'multi')
    figures = evaluate(MaxBoxAccV2(), samples)
    best = []
    for level in (30, 50, 70):
        curve = (ious >= level / 100).mean(axis=0) * 100
        name = 'localization/max_box_acc_v2'
        assert figures.pop(f'{name}_{level}') == pytest.approx(curve.max(), abs=1e-12)
        assert figures.pop(f'{name}_threshold_{level}') == PROTOCOL_B_TAUS[curve.argmax()]
        best.append(curve.max())
    assert len(set(best)) == 3, 'the sample must tell the levels apart'
    assert figures == {'localization/max_box_acc_v2': pytest.approx(np.mean(best), abs=1e-12)}


def test_both_box_metrics_in_one():
    # A larger, paler spot, to which the largest contour belongs at low thresholds.
    pred_map = torch.zeros(VIEW)
    pred_map[4:14, 4:14], pred_map[18:38, 20:40] = 1.0, 0.5
    box = torch.tensor([[4, 4, 13, 13]])
    samples = [make_sample(i) for i in range(6)]
    samples += [make_sample(i, pred_map=pred_map, gt_bboxes_view=box) for i in range(6, 20)]
    both = evaluate(MaxBoxAccV2(with_max_box_acc=True), samples)
    names = [f'localization/max_box_acc{k}' for k in ('_threshold', '_v2_threshold_50')]
    assert both[names[0]] != both[names[1]], 'the sample must tell them apart'
    assert both == {**evaluate(MaxBoxAcc(), samples), **evaluate(MaxBoxAccV2(), samples)}


def test_pixel_metrics_from_first_principles():
    samples = [make_sample(i) for i in range(10)]
    total = sum(
        pixel_histograms(protocol_b_map(s.pred_map, VIEW)[0], s.gt_mask.numpy()) for s in samples
    )
    figures = evaluate(PxAP(), samples)
    expected = pixel_figures(total)
    assert figures == {f'localization/{k}': v for k, v in expected._asdict().items()}
    assert 0 < expected.pxap < 100


def test_a_second_evaluation_starts_anew():
    samples = [make_sample(i) for i in range(8)]
    evaluator = Evaluator([MaxBoxAcc(), PxAP()])
    figures = []
    for part in (samples, samples, samples[:5]):
        evaluator.process(part)
        figures.append(evaluator.evaluate(len(part)))
    assert figures[0] == figures[1]
    assert figures[2] == evaluate([MaxBoxAcc(), PxAP()], samples[:5])


def test_padding_counts_once():
    """A sampler's repeated pictures at the end enter neither records nor sums."""
    samples = [make_sample(i) for i in range(4)]
    for kind in KINDS:
        assert evaluate(kind(), [*samples, samples[0]], size=4) == evaluate(kind(), samples)


def test_maps_as_they_are():
    """Without normalisation maps must be there already."""
    samples = [make_sample(i) for i in range(6)]
    ready = [
        make_sample(i, pred_map=torch.from_numpy(protocol_b_map(s.pred_map, VIEW)[0]))
        for i, s in enumerate(samples)
    ]
    for kind in KINDS:
        assert evaluate(kind(normalize=False), ready) == evaluate(kind(), samples)
        for bad, message in (
            (torch.rand(7, 7), 'shape'),
            (torch.full(VIEW, 1.5), r'\[0, 1\]'),
            (torch.full(VIEW, float('nan')), 'NaN'),
        ):
            with pytest.raises(ValueError, match=rf'(?s)val/00003.jpg.*{message}'):
                evaluate(kind(normalize=False), [*ready[:3], make_sample(3, pred_map=bad)])


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'pred_map': torch.full((7, 7), float('nan'))}, 'NaN'),
        ({'pred_map': torch.full((7, 7), float('inf'))}, 'infinite'),
        ({'pred_map': torch.zeros(2, 7, 7)}, r'\(h, w\)'),
        ({'pred_map': None}, 'pred_map'),
        ({'img_shape': None}, 'img_shape'),
        ({'gt_label': torch.tensor([0, 1])}, 'exactly one gt_label'),
        ({'whole_view': False}, 'crop'),
    ],
)
def test_errors_name_the_picture(kind, changes, message):
    samples = [make_sample(0), make_sample(5, **changes), make_sample(2)]
    with pytest.raises(ValueError, match=rf'(?s)val/00005.jpg.*{message}'):
        evaluate(kind(), samples)


@pytest.mark.parametrize(
    ('kind', 'changes', 'message'),
    [
        (MaxBoxAcc, {'gt_bboxes_view': None}, 'gt_bboxes_view.*PackLocalizationInputs'),
        (MaxBoxAccV2, {'gt_bboxes_view': torch.zeros(0, 4)}, 'no ground-truth box'),
        (
            MaxBoxAcc,
            {'gt_bboxes_view': torch.tensor([[5, 4, float('nan'), 30]])},
            'not made of finite numbers',
        ),
        (MaxBoxAccV2, {'gt_bboxes_view': torch.tensor([[5, 4, 4, 30]])}, 'x1 < x0'),
        (PxAP, {'gt_mask': None}, 'gt_mask.*LoadLocMask'),
        (PxAP, {'gt_mask': torch.zeros(40, 40, dtype=torch.uint8)}, 'shape'),
    ],
)
def test_missing_ground_truth_names_the_picture(kind, changes, message):
    with pytest.raises(ValueError, match=rf'(?s)val/00005.jpg.*{message}'):
        evaluate(kind(), [make_sample(0), make_sample(5, **changes)])


def test_missing_boxes_of_a_view():
    message = r'(?s)val/00005.jpg.*has no gt_bboxes: pack it by PackLocalizationInputs'
    with pytest.raises(ValueError, match=message):
        evaluate(ViewBoxAcc(), [make_sample(5)])


@pytest.mark.parametrize('kind', KINDS)
def test_truth_that_was_lost_on_the_way_is_told(kind):
    lost = dict(gt_bboxes_view=None, gt_mask=None, view_lost=True)
    with pytest.raises(ValueError, match=r'(?s)val/00005.jpg.*has no gt_.*changed the size of'):
        evaluate(kind(), [make_sample(0), make_sample(5, **lost)])


def test_maps_are_written_of_whole_pictures_below_the_folder(tmp_path):
    writer = dict(out_dir=str(tmp_path / 'maps'))
    with pytest.raises(ValueError, match=r'(?s)val/00005.jpg.*the view is a crop.*--crops'):
        evaluate(MapWriter(**writer), [make_sample(5, whole_view=False)])
    with pytest.raises(ValueError, match=r'(?s)val/00005.jpg.*not known what it shows'):
        evaluate(MapWriter(**writer), [make_sample(5, view_lost=True)])
    with pytest.raises(ValueError, match=r'(?s)val/00005.jpg.*cut 20 rows off.*--crops'):
        evaluate(MapWriter(**writer), [make_sample(5, rows_cut=20)])
    for name in ('/a/b.jpg', 'a/../../b.jpg'):
        with pytest.raises(ValueError, match=f'(?s)named by the image_id of its picture.*{name}'):
            evaluate(MapWriter(**writer), [make_sample(5, image_id=name)])
    # Without a name each batch would write over the maps of the last one.
    with pytest.raises(ValueError, match=r'^picture 0 of a batch.*neither image_id nor img_path'):
        evaluate(MapWriter(**writer), [make_sample(5, image_id=None)])
    assert not list(tmp_path.rglob('*.npy'))
    for place, partial in enumerate((dict(whole_view=False), dict(rows_cut=20))):
        evaluate(MapWriter(**writer, check_view=False), [make_sample(place, **partial)])
        assert (tmp_path / f'maps/val/{place:05d}.jpg.npy').is_file()


def test_crops_are_evaluated_on_request():
    samples = [make_sample(i, whole_view=False) for i in range(4)]
    expected = evaluate(MaxBoxAcc(), [make_sample(i) for i in range(4)])
    assert evaluate(MaxBoxAcc(check_view=False), samples) == expected


def test_box_acc_of_a_crop_takes_the_boxes_of_the_view(tmp_path):
    """The figures of MaxBoxAccV2, if its truth were the boxes in the crop, by other names."""
    samples = [make_sample(i, whole_view=False) for i in range(6)]
    cropped = [(sample.gt_bboxes_view - 3).clamp(0) for sample in samples]
    expected = evaluate(
        MaxBoxAccV2(with_max_box_acc=True),
        [make_sample(i, gt_bboxes_view=box) for i, box in enumerate(cropped)],
    )
    for sample, box in zip(samples, cropped):
        sample.set_data({'gt_bboxes': box})
    path = tmp_path / 'r.json'
    figures = evaluate(
        ViewBoxAcc(with_max_box_acc=True, per_class=True, result_file=str(path)), samples
    )
    assert figures == {k.replace('max_', 'view_'): v for k, v in expected.items()}
    assert figures != evaluate(
        MaxBoxAccV2(with_max_box_acc=True), [make_sample(i) for i in range(6)]
    )
    assert 'view_box_acc_v2_50' in json.loads(path.read_text())['per_class'][0]


@pytest.mark.parametrize('kind', KINDS)
def test_ids_must_differ_and_be_there(kind):
    with pytest.raises(ValueError, match=r'more than once: val/00001.jpg'):
        evaluate(kind(), [make_sample(0), make_sample(1), make_sample(1)])
    with pytest.raises(ValueError, match='no picture'):
        evaluate(kind(), [])


def test_no_object_pixel_in_the_whole_set():
    empty = torch.zeros(VIEW, dtype=torch.uint8)
    with pytest.raises(ValueError, match='object pixel'):
        evaluate(PxAP(), [make_sample(i, gt_mask=empty) for i in range(3)])
    # In one picture it is no error.
    evaluate(PxAP(), [make_sample(0, gt_mask=empty), make_sample(1)])


def test_a_gathering_that_lost_pictures_is_an_error():
    metric = MaxBoxAcc()
    metric.process(None, [make_sample(i).to_dict() for i in range(6)])
    with pytest.raises(ValueError, match='DefaultSampler'):
        metric.evaluate(3)


@pytest.mark.parametrize('kind', KINDS)
def test_constant_maps_have_a_result_and_one_warning(kind, caplog):
    flat = torch.full((7, 7), 0.4)
    box = torch.tensor([[0, 0, 0, 0]])
    samples = [make_sample(i) for i in range(3)]
    samples += [make_sample(i, pred_map=flat, gt_bboxes_view=box) for i in range(3, 5)]
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        figures = evaluate(kind(), samples)
    finally:
        logger.removeHandler(caplog.handler)
    warnings = [r.getMessage() for r in caplog.records if 'constant' in r.getMessage()]
    assert len(warnings) == 1
    assert warnings[0].startswith('2 of 5')
    assert 'val/00003.jpg, val/00004.jpg' in warnings[0]
    if kind is MaxBoxAcc:  # [0, 0, 0, 0] is these pictures' true box
        assert figures['localization/max_box_acc'] >= 40


def test_tables(tmp_path):
    samples = [make_sample(i) for i in range(11)]
    evaluator = Evaluator(make_metrics(str(tmp_path / 'new') + os.sep))
    evaluator.dataset_meta = {'classes': tuple('abcde')}
    evaluator.process(samples)
    figures = evaluator.evaluate(11)
    written = {}
    for kind in KINDS:
        (row,) = read_csv(tmp_path / 'new' / f'{kind.__name__}_metrics.csv')
        written.update({f'localization/{key}': float(value) for key, value in row.items()})
    assert written == figures
    ious = {
        'MaxBoxAcc': ious_of(samples, 'single'),
        'MaxBoxAccV2': ious_of(samples, 'multi'),
    }
    for name, best in ious.items():
        rows = read_csv(tmp_path / 'new' / f'{name}.csv')
        assert [row['image_id'] for row in rows] == [s.image_id for s in samples]
        assert [row['class'] for row in rows] == list('abcdeabcdea')
        assert [float(row['best_iou']) for row in rows] == best.max(axis=1).tolist()
        assert [float(r['best_tau']) for r in rows] == PROTOCOL_B_TAUS[best.argmax(1)].tolist()
        key = {'MaxBoxAcc': 'box_acc', 'MaxBoxAccV2': 'box_acc_v2_50'}[name]
        curve = read_csv(tmp_path / 'new' / f'{name}_curve.csv')
        assert [float(row['tau']) for row in curve] == PROTOCOL_B_TAUS.tolist()
        expected = (best >= 0.5).sum(axis=0) / 11 * 100
        assert [float(row[key]) for row in curve] == expected.tolist()
        tau = expected.argmax()
        per_class = read_csv(tmp_path / 'new' / f'{name}_per_class.csv')
        key = {'MaxBoxAcc': 'max_box_acc', 'MaxBoxAccV2': 'max_box_acc_v2_50'}[name]
        for label, row in enumerate(per_class):
            own = best[label::5, tau] >= 0.5
            assert int(row['pictures']) == len(own)
            assert float(row[key]) == own.sum() / len(own) * 100
    rows = read_csv(tmp_path / 'new' / 'PxAP.csv')
    assert [int(row['object_pixels']) for row in rows] == [
        int((s.gt_mask == 1).sum()) for s in samples
    ]
    histograms = [
        pixel_histograms(protocol_b_map(s.pred_map, VIEW)[0], s.gt_mask.numpy()) for s in samples
    ]
    assert [float(row['best_iou']) for row in rows] == [best_pixel_iou(h) for h in histograms]
    curve = read_csv(tmp_path / 'new' / 'PxAP_curve.csv')
    assert [float(row['threshold']) for row in curve] == PIXEL_EDGES[-2::-1].tolist()
    tp, fp = (sum(h[i] for h in histograms)[::-1].cumsum() for i in (0, 1))
    assert [float(row['recall']) for row in curve] == (tp / tp[-1] * 100).tolist()
    precision = tp / np.maximum(tp + fp, 1) * 100
    assert [float(row['precision']) for row in curve] == precision.tolist()
    assert max(float(row['iou']) for row in curve) == figures['localization/piou']
    per_class = read_csv(tmp_path / 'new' / 'PxAP_per_class.csv')
    assert [row['class'] for row in per_class] == list('abcde')
    for label, row in enumerate(per_class):
        alone = evaluate(PxAP(), samples[label::5])
        assert float(row['pxap']) == alone['localization/pxap']
    assert evaluate(PxAP(), samples)['localization/pxap'] == figures['localization/pxap']


@pytest.mark.parametrize('kind', [MaxBoxAcc, MaxBoxAccV2, ViewBoxAcc])
def test_figures_of_classes_are_at_the_best_threshold_of_the_whole_set(tmp_path, kind):
    """Not at that of each class, which would be chosen on it."""
    # A head on a paler body: for three pictures the truth is the whole, for one the head, so that
    # the best τ of the set is not that of the second class.
    pred_map = torch.zeros(VIEW)
    pred_map[8:32, 8:40], pred_map[8:16, 8:16] = 0.5, 1.0
    whole, head = torch.tensor([[8, 8, 39, 31]]), torch.tensor([[8, 8, 15, 15]])
    samples = [
        make_sample(i, pred_map=pred_map, gt_label=torch.tensor([label]), gt_bboxes_view=box)
        for i, (label, box) in enumerate([(0, whole), (0, whole), (0, whole), (1, head)])
    ]
    for sample in samples:
        sample.set_data({'gt_bboxes': sample.gt_bboxes_view})
    path, options = tmp_path / 'r.json', {}
    if kind is not MaxBoxAcc:
        options = dict(with_max_box_acc=True)
    evaluate(kind(per_class=True, result_file=str(path), **options), samples)
    first, second = (
        {key: value for key, value in row.items() if '_box_acc' in key}
        for row in json.loads(path.read_text())['per_class']
    )
    assert first
    assert set(first.values()) == {100.0}
    assert set(second.values()) == {0.0}
    # Alone, the second class is found at a τ of its own.
    alone = evaluate(kind(**options), samples[3:])
    assert {v for k, v in alone.items() if 'threshold' not in k} == {100.0}


def test_json(tmp_path):
    samples = [make_sample(i) for i in range(6)]
    path = tmp_path / 'r.json'
    figures = evaluate(MaxBoxAccV2(result_file=str(path), curve=True, per_class=True), samples)
    content = json.loads(path.read_text())
    assert set(content) == {'metrics', 'images', 'curve', 'per_class'}
    assert {f'localization/{k}': v for k, v in content['metrics'].items()} == figures
    assert (len(content['images']), len(content['curve'])) == (6, 1000)
    assert (
        max(row['box_acc_v2_30'] for row in content['curve'])
        == (figures['localization/max_box_acc_v2_30'])
    )
    evaluate(MaxBoxAcc(result_file=str(path)), samples)
    assert set(json.loads(path.read_text())) == {'metrics', 'images'}


def test_a_class_without_object_pixels(tmp_path):
    empty = torch.zeros(VIEW, dtype=torch.uint8)
    path = tmp_path / 'r.json'
    evaluate(
        PxAP(result_file=str(path), per_class=True),
        [make_sample(0), make_sample(1, gt_mask=empty)],
    )
    rows = json.loads(path.read_text())['per_class']
    assert rows[0]['pxap'] > 0
    assert rows[1]['pxap'] is None


def test_labels_are_needed_for_classes_only(tmp_path):
    samples = [make_sample(i, gt_label=None) for i in range(3)]
    expected = evaluate(MaxBoxAcc(), [make_sample(i) for i in range(3)])
    assert evaluate(MaxBoxAcc(), samples) == expected
    with pytest.raises(ValueError, match=r'val/00000.jpg.*gt_label'):
        evaluate(MaxBoxAcc(per_class=True, result_file=str(tmp_path / 'r.csv')), samples)


@pytest.mark.parametrize('labels', [[None, 1, None], [1, None], [None], [7, 1], [1, 7]])
def test_tables_of_pictures_with_and_without_a_class(tmp_path, labels):
    """Their rows have the same columns, whichever comes first."""
    samples = [
        make_sample(i, gt_label=None if label is None else torch.tensor([label]))
        for i, label in enumerate(labels)
    ]
    names = {1: 'b'}
    for file in ('r.csv', 'r.json'):
        evaluator = Evaluator(
            MaxBoxAcc(result_file=str(tmp_path / file), per_class=None not in labels)
        )
        evaluator.dataset_meta = {'classes': tuple('abcde')}
        evaluator.process(samples)
        evaluator.evaluate(len(samples))
    rows = read_csv(tmp_path / 'r.csv')
    assert [row['class'] for row in rows] == [names.get(label, '') for label in labels]
    content = json.loads((tmp_path / 'r.json').read_text())
    assert [row['class'] for row in content['images']] == [names.get(label) for label in labels]
    if None not in labels:
        rows = read_csv(tmp_path / 'r_per_class.csv')
        assert [row['class'] for row in rows] == ['b', '']
        assert [row['class'] for row in content['per_class']] == ['b', None]


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'view_size': (0, 224)}, 'view_size'),
        ({'result_file': 'a.txt'}, 'result_file'),
        ({'per_class': True}, 'result_file'),
        ({'num_workers': -1}, 'num_workers'),
    ],
)
def test_bad_options(kind, kwargs, message):
    with pytest.raises(ValueError, match=message):
        kind(**kwargs)
    with pytest.raises(ValueError, match='result_file'):
        kind(curve=True)


def test_found_by_default_scope():
    for kind in KINDS:
        assert isinstance(METRICS.build({'type': kind.__name__}), kind)


@pytest.mark.slow
def test_worker_processes(tmp_path):
    samples = [make_sample(i) for i in range(40)]
    alone = evaluate(make_metrics(f'{tmp_path}/alone-'), samples)
    metrics = make_metrics(f'{tmp_path}/workers-', num_workers=1)
    assert evaluate(metrics, samples) == alone
    for path in tmp_path.glob('alone-*'):
        own = path.with_name(path.name.replace('alone', 'workers'))
        assert own.read_text() == path.read_text()
    bad = make_sample(3, pred_map=torch.full((7, 7), float('nan')))
    with pytest.raises(ValueError, match=r'val/00003.jpg.*NaN'):
        evaluate(metrics[:1], [*samples[:3], bad])


SCRIPT = textwrap.dedent(
    """
    import json, sys
    sys.path.insert(0, sys.argv[1])
    import torch
    from mmengine.dataset import DefaultSampler
    from mmengine.dist import get_rank, get_world_size
    from bas_mm.command_line import close_process_group
    from map_samples import evaluate, make_metrics, make_sample

    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo')
    for size in (11, 2):
        order = list(DefaultSampler(range(size), shuffle=False))
        assert len(order) == -(-size // get_world_size())  # padded
        for device in ('gpu', 'cpu'):
            name = f'{device}-{size}-'
            figures = evaluate(make_metrics(name, collect_device=device),
                               [make_sample(i) for i in order], size)
            with open(f'{name}{get_rank()}.json', 'w') as file:
                json.dump({k: v.hex() for k, v in figures.items()}, file)
    close_process_group()
    """
)


@pytest.mark.slow
def test_same_figures_on_three_processes(tmp_path):
    """Bit for bit, with sizes that 3 does not divide; with 2 one process has padding alone."""
    (tmp_path / 'work.py').write_text(SCRIPT)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node=3', 'work.py', str(Path(__file__).parent)]
    paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'OMP_NUM_THREADS': '1'}
    done = forked_python.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for size in (11, 2):
        alone = evaluate(
            make_metrics(f'{tmp_path}/alone-{size}-'), [make_sample(i) for i in range(size)]
        )
        expected = {name: value.hex() for name, value in alone.items()}
        for device in ('gpu', 'cpu'):
            for rank in range(3):
                figures = json.loads((tmp_path / f'{device}-{size}-{rank}.json').read_text())
                assert figures == expected
            files = list(tmp_path.glob(f'alone-{size}-*.csv'))
            assert len(files) == 12
            for path in files:
                other = path.with_name(path.name.replace('alone', device))
                assert other.read_text() == path.read_text()
