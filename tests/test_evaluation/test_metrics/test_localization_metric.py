"""LocalizationMetric: figures, errors, files, one process and several."""

import csv
import json
import os
import sys
import textwrap
import tracemalloc
from pathlib import Path

import forked_python
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import BaseDataElement

from bas_mm.evaluation import LocalizationMetric
from bas_mm.evaluation.functional import class_ranks, protocol_a_ious
from bas_mm.evaluation.metrics import localization_metric
from bas_mm.evaluation.metrics.base_map_metric import Measured

ROOT = Path(__file__).resolve().parents[3]


def make_sample(index, classes=7, **changes):
    """A data sample with a random map, deterministic in its index."""
    rng = np.random.RandomState(index)
    values = {
        'pred_map': torch.from_numpy(rng.rand(7, 7).astype(np.float32)),
        'pred_score': torch.from_numpy(rng.rand(classes).astype(np.float32)).softmax(0),
        'gt_label': torch.tensor([rng.randint(classes)]),
        'gt_bboxes': torch.tensor([[3, 4, 40, 50], [10, 20, 55, 60]][: rng.randint(1, 3)]),
    }
    metainfo = {'image_id': f'val/{index:05d}.jpg', 'img_shape': (64, 72)}
    for key, value in changes.items():
        (metainfo if key in metainfo else values)[key] = value
    values = {k: v for k, v in values.items() if v is not None}
    metainfo = {k: v for k, v in metainfo.items() if v is not None}
    sample = BaseDataElement(metainfo=metainfo)
    sample.set_data(values)
    return sample


def evaluate(samples, **kwargs):
    evaluator = Evaluator(LocalizationMetric(**kwargs))
    for start in range(0, len(samples), 4):
        evaluator.process(samples[start : start + 4])
    return evaluator.evaluate(len(samples))


def test_figures_from_first_principles():
    samples = [make_sample(i) for i in range(30)]
    thresholds = [0.9, 0.5, 0.7]
    ious = np.stack(
        [
            protocol_a_ious(s.pred_map.numpy(), s.gt_bboxes.numpy(), thresholds, (64, 72))
            for s in samples
        ]
    )
    ranks = np.array([class_ranks(s.pred_score[None].numpy(), s.gt_label)[0] for s in samples])
    figures = evaluate(samples, thresholds=thresholds)
    sums = []
    for t, theta in enumerate(thresholds):
        right = ious[:, t] >= 0.5
        expected = {
            'gt_known': right.mean() * 100,
            'top1_loc': (right & (ranks == 0)).mean() * 100,
            'top5_loc': (right & (ranks < 5)).mean() * 100,
        }
        for name, value in expected.items():
            assert figures[f'localization/{name}@{theta}'] == pytest.approx(value, abs=1e-12)
        sums.append(expected['gt_known'] + expected['top1_loc'])
    assert len(set(sums)) == 3, 'the sample must tell the thresholds apart'
    best = int(np.argmax(sums))
    assert figures['localization/threshold'] == thresholds[best]
    for name in ('gt_known', 'top1_loc', 'top5_loc'):
        chosen = figures[f'localization/{name}@{thresholds[best]}']
        assert figures[f'localization/{name}'] == chosen
    shares = [(ious[:, best] >= level).mean() * 100 for level in (0.3, 0.5, 0.7)]
    for name, share in zip(('iou_30', 'iou_50', 'iou_70'), shares):
        assert figures[f'localization/{name}'] == pytest.approx(share, abs=1e-12)
    assert figures['localization/mean_iou_acc'] == pytest.approx(np.mean(shares), abs=1e-12)
    assert figures['localization/top1_cls'] == pytest.approx((ranks == 0).mean() * 100)
    assert figures['localization/top5_cls'] == pytest.approx((ranks < 5).mean() * 100)


def test_classes_are_ranked_by_scores_that_a_softmax_makes_equal():
    """A float32 softmax knows nothing of what is 104 below the highest score."""
    scores = torch.tensor([110.0, -5, -4, -3, -2, -1, 0, 1])
    softmax = scores.softmax(0)
    assert not softmax[1:].any()
    label = torch.tensor([7])
    for cls_score, expected in ((None, 0), (scores, 100)):
        sample = make_sample(0, pred_score=softmax, cls_score=cls_score, gt_label=label)
        assert evaluate([sample])['localization/top5_cls'] == expected
    # As the highest is taken away before, so are differences.
    near = torch.tensor([50.0, 0.1234567, 0.1234568])
    assert near[1] < near[2]
    assert near.softmax(0)[1] == near.softmax(0)[2]
    sample = make_sample(0, 3, pred_score=near.softmax(0), cls_score=near, gt_label=label - 5)
    metric = LocalizationMetric()
    metric.process({}, [sample.to_dict()])
    assert metric._last[1].values[0] == 1


def test_classes_of_a_batch_are_ranked_in_one_call(monkeypatch):
    """32 calls take ten times as long as one, and the network waits."""
    samples = [make_sample(i) for i in range(8)]
    expected = [class_ranks(s.pred_score[None].numpy(), s.gt_label)[0] for s in samples]
    shapes = []

    def counted(scores, labels):
        shapes.append(scores.shape)
        return class_ranks(scores, labels)

    monkeypatch.setattr(localization_metric, 'class_ranks', counted)
    metric = LocalizationMetric(result_file='r.csv')
    metric.process({}, [sample.to_dict() for sample in samples])
    assert shapes == [(8, 7)]
    assert [row[-1][0] for row in metric._rows] + [metric._last[1].values[0]] == expected
    # Pictures of one batch may have scores of different numbers of classes: one call for each.
    metric = LocalizationMetric(result_file='r.csv')
    fewer = make_sample(8, classes=3)
    metric.process({}, [fewer.to_dict(), *(sample.to_dict() for sample in samples)])
    assert shapes[1:] == [(1, 3), *[(1, 7)] * 8]
    assert [row[-1][0] for row in metric._rows][1:] == expected[:-1]
    metric.process({}, [])


def test_both_figures_choose_the_threshold():
    """GT-Known alone would take 0.1, where three boxes and no class are right."""
    pred_map = torch.full((8, 9), 0.3)
    pred_map[0, 0], pred_map[3:5, 3:5] = 0, 1
    score = torch.tensor([0.9, 0.1])
    samples = [
        make_sample(
            index,
            pred_map=pred_map,
            pred_score=score,
            gt_label=torch.tensor([int(index < 3)]),
            gt_bboxes=torch.tensor([[0, 0, 71, 63] if index < 3 else [22, 22, 41, 41]]),
        )
        for index in range(5)
    ]
    figures = evaluate(samples, thresholds=[0.1, 0.5])
    assert figures['localization/gt_known@0.1'] == 60
    assert figures['localization/threshold'] == 0.5
    assert figures['localization/gt_known'] == figures['localization/top1_loc'] == 40


def test_one_threshold_reports_plain_names_only():
    figures = evaluate([make_sample(i) for i in range(5)], thresholds=0.5)
    assert set(figures) == {
        f'localization/{name}'
        for name in (
            *('top1_loc', 'top5_loc', 'gt_known', 'top1_cls', 'top5_cls'),
            *('iou_30', 'iou_50', 'iou_70', 'mean_iou_acc', 'threshold'),
        )
    }
    assert figures['localization/threshold'] == 0.5


def test_list_and_single_thresholds_agree():
    samples = [make_sample(i) for i in range(20)]
    several = evaluate(samples, thresholds=[0.3, 0.6])
    for theta in (0.3, 0.6):
        one = evaluate(samples, thresholds=theta)
        assert one['localization/gt_known'] == several[f'localization/gt_known@{theta}']


def test_smaller_threshold_on_a_tie():
    figures = evaluate([make_sample(0, pred_map=torch.zeros(7, 7))], thresholds=[0.5, 0.2, 0.8])
    assert figures['localization/threshold'] == 0.2


def test_view_size_replaces_the_image_shape():
    sample = make_sample(3, img_shape=None)
    with pytest.raises(ValueError, match=r'val/00003.jpg.*img_shape'):
        evaluate([sample])
    assert evaluate([sample], view_size=(64, 72), thresholds=0.6) == evaluate(
        [make_sample(3)], thresholds=0.6
    )


def test_half_precision_maps_are_read():
    sample = make_sample(1)
    sample.pred_map = sample.pred_map.bfloat16()
    sample.pred_score = sample.pred_score.half()
    assert 'localization/gt_known' in evaluate([sample])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'pred_map': torch.full((7, 7), float('nan'))}, 'NaN'),
        ({'pred_map': torch.full((7, 7), float('inf'))}, 'infinite'),
        ({'pred_map': torch.zeros(2, 7, 7)}, r'\(h, w\), h, w >= 1, got \(2, 7, 7\)'),
        ({'pred_map': None}, 'pred_map'),
        ({'gt_bboxes': torch.zeros(0, 4)}, 'no ground-truth box'),
        (
            {'gt_bboxes': None},
            'has no gt_bboxes: end the pipeline with PackLocalizationInputs; .* mmpretrain.Acc',
        ),
        ({'gt_bboxes': torch.tensor([[3, 4, 9, 9], [9, 4, 8, 9]])}, r'x1 < x0.* \[9, 4, 8, 9\]'),
        ({'gt_bboxes': torch.tensor([[3, 4, 9, 3]])}, 'y1 < y0'),
        ({'gt_bboxes': torch.full((1, 4), float('nan'))}, 'ground-truth box is not made of finite'),
        ({'gt_bboxes': torch.tensor([[3, 4, 9, float('nan')]])}, 'not made of finite numbers'),
        ({'gt_bboxes': torch.tensor([[3, 4, 9, float('inf')]])}, 'not made of finite numbers'),
        ({'gt_bboxes': torch.tensor([[-float('inf'), 4, 9, 9]])}, 'not made of finite numbers'),
        ({'gt_label': torch.tensor([0, 1])}, 'exactly one gt_label'),
        ({'gt_label': torch.tensor([0.75])}, r'gt_label must be a whole number, got 0\.75'),
        ({'gt_label': torch.tensor([float('nan')])}, 'gt_label must be a whole number, got nan'),
        ({'gt_label': torch.tensor([7])}, r'\[0, 7\)'),
        ({'pred_score': torch.full((7,), float('nan'))}, 'NaN'),
        ({'pred_score': torch.tensor([float('inf')] + [0.0] * 6)}, 'a class score is infinite'),
    ],
)
def test_errors_name_the_picture(changes, message):
    samples = [make_sample(0), make_sample(5, **changes), make_sample(2)]
    with pytest.raises(ValueError, match=rf'(?s)val/00005.jpg.*{message}'):
        evaluate(samples)


def test_boxes_of_one_pixel_and_at_the_border_are_taken():
    pred_map = torch.zeros(64, 72)
    pred_map[63, 71] = 1
    for box in ([71, 63, 71, 63], [71.0, 63.0, 71.0, 63.0]):
        samples = [
            make_sample(0, pred_map=pred_map, gt_bboxes=torch.tensor([[0, 0, 0, 0], box])),
            make_sample(1, gt_label=torch.tensor([1.0])),  # a whole number all the same
        ]
        metric = LocalizationMetric(result_file='r.csv')
        metric.process({}, [sample.to_dict() for sample in samples])
        # A pixel against the 2x2 that Protocol A makes of it.
        assert metric._rows[0][-1][1].tolist() == [0.25]


def test_ids_must_differ():
    with pytest.raises(ValueError, match=r'more than once: val/00001.jpg'):
        evaluate([make_sample(0), make_sample(1), make_sample(1)])


def test_no_picture():
    with pytest.raises(ValueError, match='no picture'):
        evaluate([])


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'thresholds': []}, 'empty'),
        ({'thresholds': 1.0}, r'\[0, 1\)'),
        ({'thresholds': [0.1, float('nan')]}, r'\[0, 1\)'),
        ({'thresholds': [0.1, 0.1]}, 'twice'),
        ({'thresholds': '0.1'}, r"^thresholds must be a number in \[0, 1\), got '0.1'$"),
        ({'thresholds': [0.1, '0.2']}, r"^each of thresholds must be a number .* got '0.2'$"),
        ({'thresholds': True}, '^thresholds must be a number .* got True$'),
        ({'thresholds': None}, '^thresholds must be a number .* got None$'),
        ({'thresholds': np.array(1.5)}, r'^thresholds must be a number .* got array\(1.5\)$'),
        ({'thresholds': [[0.1, 0.2]]}, '^each of thresholds must be a number'),
        ({'view_size': (0, 224)}, 'view_size'),
        ({'view_size': 0}, '^view_size must be one whole number or .*, each of at least 1, got 0$'),
        ({'view_size': (224, 8.5)}, r'^view_size must be one whole .*, got \(224, 8.5\)$'),
        ({'view_size': True}, '^view_size must be one whole number'),
        ({'view_size': '224'}, '^view_size must be one whole number'),
        ({'view_size': (1, 2, 3)}, r'^view_size must be .* or \(height, width\), .*, got'),
        ({'result_file': 'a.txt'}, 'result_file'),
    ],
)
def test_bad_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LocalizationMetric(**kwargs)


@pytest.mark.parametrize(
    'given', [0.25, np.float32(0.25), np.array(0.25), torch.tensor(0.25), [0.25], np.array([0.25])]
)
def test_one_threshold_of_any_kind(given):
    assert LocalizationMetric(thresholds=given).thresholds == (0.25,)


@pytest.mark.parametrize('given', [9, np.int64(9), torch.tensor(9), (9, 9), [np.int32(9), 9]])
def test_view_sizes_of_any_kind(given):
    height, width = LocalizationMetric(view_size=given).view_size
    assert type(height) is type(width) is int
    assert (height, width) == (9, 9)


def test_constant_maps_predict_everything_with_one_warning(caplog):
    whole = torch.tensor([[0, 0, 71, 63]])
    samples = [make_sample(i) for i in range(3)]
    samples += [
        make_sample(i, pred_map=torch.full((7, 7), 0.4), gt_bboxes=whole) for i in range(3, 5)
    ]
    # mmengine's logger hands nothing on to the root logger: listen at it directly.
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        figures = evaluate(samples, thresholds=0.99)
    finally:
        logger.removeHandler(caplog.handler)
    assert figures['localization/gt_known'] >= 40
    warnings = [r for r in caplog.records if 'constant' in r.getMessage()]
    assert len(warnings) == 1
    assert 'val/00003.jpg, val/00004.jpg' in warnings[0].getMessage()
    assert warnings[0].getMessage().startswith('2 of 5')


def test_result_files(tmp_path):
    samples = [make_sample(i) for i in range(6)]
    evaluator = Evaluator(
        LocalizationMetric(thresholds=[0.4, 0.6], result_file=str(tmp_path / 'new' / 'r.csv'))
    )
    evaluator.dataset_meta = {'classes': tuple('abcdefg')}
    evaluator.process(samples)
    evaluator.evaluate(6)
    rows = list(csv.DictReader((tmp_path / 'new' / 'r.csv').open()))
    assert [row['image_id'] for row in rows] == [s.image_id for s in samples]
    assert rows[2]['class'] == 'abcdefg'[int(samples[2].gt_label)]
    iou = protocol_a_ious(samples[2].pred_map, samples[2].gt_bboxes, [0.6], (64, 72))[0]
    assert float(rows[2]['iou@0.6']) == iou
    figures = evaluate(samples, thresholds=0.6, result_file=str(tmp_path / 'r.json'))
    content = json.loads((tmp_path / 'r.json').read_text())
    assert content['metrics']['gt_known'] == figures['localization/gt_known']
    assert content['images'][2]['iou'] == iou
    assert {p.name for p in tmp_path.iterdir()} == {'new', 'r.json'}


@pytest.mark.parametrize('suffix', ['csv', 'json'])
def test_result_files_are_written_row_by_row(tmp_path, suffix):
    """A hundred θ take 12 KB of each picture: 50,000 pictures must not lie in memory together."""
    path = tmp_path / f'r.{suffix}'
    metric = LocalizationMetric(thresholds=[0.2, 0.25], result_file=str(path))
    for index in range(200):
        values = (0, np.full(2, index / 7), np.full((2, 4), index))
        # The room is that of the name, with which less is to be done than with a hundred θ.
        name = f'{index:020000}.jpg'
        metric._add(name, Measured(0, False, np.zeros((8, 2), np.int64), values))
    tracemalloc.start()
    try:
        metric.evaluate(200)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 4e6
    assert peak < 1e6
    text = path.read_text()
    rows = json.loads(text)['images'] if suffix == 'json' else csv.DictReader(text.splitlines())
    last = list(rows)[-1]
    assert list(last) == [
        *('image_id', 'label', 'constant', 'rank'),
        *('iou@0.2', 'x0@0.2', 'y0@0.2', 'x1@0.2', 'y1@0.2'),
        *('iou@0.25', 'x0@0.25', 'y0@0.25', 'x1@0.25', 'y1@0.25'),
    ]
    assert [float(last[key]) for key in ('rank', 'y1@0.2', 'iou@0.25')] == [0, 199, 199 / 7]


def test_found_by_default_scope():
    from mmengine.registry import METRICS, init_default_scope

    init_default_scope('bas_mm')
    metric = METRICS.build({'type': 'LocalizationMetric', 'thresholds': 0.3})
    assert isinstance(metric, LocalizationMetric)


SCRIPT = textwrap.dedent(
    """
    import json, sys
    sys.path.insert(0, sys.argv[1])
    import torch
    from mmengine.dist import get_rank, get_world_size
    from mmengine.dataset import DefaultSampler
    from mmengine.evaluator import Evaluator
    from bas_mm.command_line import close_process_group
    from bas_mm.evaluation import LocalizationMetric
    from test_localization_metric import make_sample

    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo')
    size, batch = 11, 2
    order = list(DefaultSampler(range(size), shuffle=False))
    assert len(order) == -(-size // get_world_size())  # padded
    for device in ('gpu', 'cpu'):
        evaluator = Evaluator(LocalizationMetric(
            thresholds=[0.4, 0.6, 0.8], collect_device=device, result_file=f'{device}.csv'))
        for start in range(0, len(order), batch):
            evaluator.process([make_sample(i) for i in order[start:start + batch]])
        figures = evaluator.evaluate(size)
        with open(f'{device}-{get_rank()}.json', 'w') as file:
            json.dump({k: v.hex() for k, v in figures.items()}, file)
    close_process_group()
    """
)


@pytest.mark.slow
@pytest.mark.parametrize('processes', [2, 3])
def test_same_figures_on_several_processes(processes, tmp_path):
    """Bit for bit, with a set size (11) that neither 2 nor 3 divides."""
    (tmp_path / 'work.py').write_text(SCRIPT)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += [f'--nproc_per_node={processes}', 'work.py', str(Path(__file__).parent)]
    paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'OMP_NUM_THREADS': '1'}
    done = forked_python.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    alone = evaluate(
        [make_sample(i) for i in range(11)],
        thresholds=[0.4, 0.6, 0.8],
        result_file=str(tmp_path / 'alone.csv'),
    )
    expected = {name: value.hex() for name, value in alone.items()}
    for device in ('gpu', 'cpu'):
        for rank in range(processes):
            figures = json.loads((tmp_path / f'{device}-{rank}.json').read_text())
            assert figures == expected
        text = (tmp_path / f'{device}.csv').read_text()
        assert text == (tmp_path / 'alone.csv').read_text()


@pytest.mark.slow
def test_worker_processes(tmp_path):
    samples = [make_sample(i) for i in range(20)]
    files = [tmp_path / name for name in ('alone.csv', 'workers.csv')]
    alone, workers = (
        evaluate(samples, thresholds=[0.4, 0.6], num_workers=count, result_file=str(file))
        for count, file in enumerate(files)
    )
    assert workers == alone
    assert files[1].read_text() == files[0].read_text()
    bad = make_sample(3, pred_map=torch.full((7, 7), float('nan')))
    with pytest.raises(ValueError, match=r'val/00003.jpg.*NaN'):
        evaluate([*samples[:3], bad], num_workers=1)


def test_per_class_figures(tmp_path):
    samples = [make_sample(i) for i in range(20)]
    path = tmp_path / 'r.json'
    figures = evaluate(samples, thresholds=[0.4, 0.6], result_file=str(path), per_class=True)
    rows = json.loads(path.read_text())['per_class']
    labels = [int(s.gt_label) for s in samples]
    assert [row['label'] for row in rows] == sorted(set(labels))
    for row in rows:
        own = [s for s, label in zip(samples, labels) if label == row['label']]
        assert row['pictures'] == len(own)
        alone = evaluate(own, thresholds=figures['localization/threshold'])
        for name in ('top1_loc', 'top5_loc', 'gt_known', 'top1_cls', 'iou_30'):
            assert row[name] == alone[f'localization/{name}']
    with pytest.raises(ValueError, match='result_file'):
        LocalizationMetric(per_class=True)
