"""What all metrics of maps share: what they keep, and what processes hand over."""

import json
import pickle

import numpy as np
import pytest
import torch
from map_samples import VIEW, evaluate, make_sample
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from bas_mm.evaluation import (
    CocoBoxWriter,
    DetectionLocalizationMetric,
    LocalizationMetric,
    MapWriter,
    MaxBoxAcc,
    MaxBoxAccV2,
    PxAP,
    ViewBoxAcc,
)
from bas_mm.evaluation.metrics import base_map_metric
from bas_mm.evaluation.metrics.base_map_metric import BaseMapMetric, Measured
from bas_mm.evaluation.ordered_workers import OrderedWorkers
from bas_mm.registry import METRICS


class Thresholds(LocalizationMetric):
    """With several θ."""

    def __init__(self, **kwargs):
        super().__init__(thresholds=[0.3, 0.6], **kwargs)


KINDS = [Thresholds, MaxBoxAcc, MaxBoxAccV2, PxAP]


def sample_of(index, **changes):
    sample = make_sample(index, **changes)
    sample.set_data({'pred_score': torch.eye(5)[index * 3 % 5], 'gt_bboxes': sample.gt_bboxes_view})
    return sample


@pytest.fixture
def parts_of(monkeypatch):
    """What each of some processes hands over, one process after the other in this one."""

    def run(make, samples, size, world):
        parts = []
        monkeypatch.setattr(base_map_metric, 'get_world_size', lambda: world)
        monkeypatch.setattr(BaseMetric, 'evaluate', lambda self, _: parts.extend(self.results))
        for rank in range(world):
            monkeypatch.setattr(base_map_metric, 'get_rank', lambda rank=rank: rank)
            metric = make()
            metric.process(None, [sample.to_dict() for sample in samples[rank::world]])
            metric.evaluate(size)
        # As plain tuples: so they come out of mmengine's gathering.
        return metric, [tuple(part) for part in parts]

    return run


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('size', 'world'), [(11, 1), (11, 3), (2, 3), (12, 4)])
def test_same_figures_however_pictures_are_dealt_out(kind, size, world, tmp_path, parts_of):
    """The last round is padded from the beginning, as mmengine's sampler does."""
    samples = [sample_of(i) for i in range(size)]
    options = [
        dict(result_file=str(tmp_path / f'{name}.csv'), per_class=True) for name in ('one', 'many')
    ]
    expected = evaluate(kind(**options[0]), samples)
    padded = [samples[i % size] for i in range(-(-size // world) * world)]
    metric, parts = parts_of(lambda: kind(**options[1]), padded, size, world)
    figures = metric.compute_metrics(parts)
    assert {f'localization/{name}': value for name, value in figures.items()} == expected
    for file in tmp_path.glob('one*'):
        assert file.read_text() == (tmp_path / file.name.replace('one', 'many')).read_text()
    # Where the sampler does not pad, some processes have a picture less.
    metric, parts = parts_of(kind, samples, size, world)
    assert metric.compute_metrics(parts) == figures


@pytest.mark.parametrize('kind', [*KINDS, MapWriter])
def test_what_is_kept_does_not_grow_with_the_set(kind, tmp_path, parts_of):
    def size_of(count, **kwargs):
        if kind is MapWriter:
            kwargs['out_dir'] = str(tmp_path)
        samples = [sample_of(i) for i in range(5)]
        for index in range(count):
            samples.append(samples[index % 5].clone())
            samples[-1].set_metainfo({'image_id': f'val/{1000 + index:05d}.jpg'})
        _, parts = parts_of(lambda: kind(**kwargs), samples, len(samples), 1)
        return len(pickle.dumps(parts))

    # Some bytes of each name are left, and nothing else.
    assert size_of(300) - size_of(100) < 200 * 6
    if kind is not MapWriter:
        file = str(tmp_path / 'r.csv')
        assert size_of(30, result_file=file) - size_of(10, result_file=file) > 20 * 20


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_kept_does_not_grow_with_the_map(kind, parts_of):
    sizes = []
    for side in (8, 120):
        changes = dict(pred_map=torch.linspace(0, 1, side * side).view(side, side))
        if kind is PxAP:
            changes['gt_mask'] = torch.ones((side, side), dtype=torch.uint8)
        samples = [sample_of(i, img_shape=(side, side), **changes) for i in range(3)]
        _, parts = parts_of(kind, samples, 3, 1)
        sizes.append(len(pickle.dumps(parts)))
    assert abs(sizes[0] - sizes[1]) < 32


def test_ids_of_all_processes_must_differ(parts_of):
    samples = [sample_of(i) for i in (0, 1, 2, 3, 4, 1, 3)]
    for world in (1, 2, 3):
        metric, parts = parts_of(MaxBoxAcc, samples, 7, world)
        with pytest.raises(ValueError, match=r'^2 image ids .*: val/00001.jpg, val/00003.jpg$'):
            metric.compute_metrics(parts)
    # Without an id there is nothing to compare.
    samples = [sample_of(0, image_id=None) for _ in range(3)]
    metric, parts = parts_of(MaxBoxAcc, samples, 3, 1)
    metric.compute_metrics(parts)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('world', [1, 3])
def test_the_first_constant_maps_are_named_and_all_are_marked(
    kind, world, tmp_path, parts_of, caplog
):
    flat = torch.zeros(7, 7)
    samples = [sample_of(i, **(dict(pred_map=flat) if i % 2 else {})) for i in range(16)]
    file = tmp_path / 'r.json'
    metric, parts = parts_of(lambda: kind(result_file=str(file)), samples, 16, world)
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        metric.compute_metrics(parts)
    finally:
        logger.removeHandler(caplog.handler)
    (message,) = [r.getMessage() for r in caplog.records if 'constant' in r.getMessage()]
    assert message.startswith('8 of 16')
    assert message.endswith(': ' + ', '.join(f'val/{i:05d}.jpg' for i in (1, 3, 5, 7, 9)) + ', ...')
    rows = json.loads(file.read_text())['images']
    assert [row['constant'] for row in rows] == [False, True] * 8


def test_samplers_that_do_not_deal_out_in_turn(parts_of):
    samples = [sample_of(i) for i in range(6)]
    for world, size in ((1, 3), (2, 2), (3, 3)):
        metric, parts = parts_of(MaxBoxAcc, samples, size, world)
        if world == 1 or size < 3:
            with pytest.raises(ValueError, match='DefaultSampler'):
                metric.compute_metrics(parts)
        else:  # one too many of each process: padding
            metric.compute_metrics(parts)
    metric, parts = parts_of(MaxBoxAcc, samples, 8, 2)
    one_more = parts_of(MaxBoxAcc, samples[:5], 4, 1)[1]
    with pytest.raises(ValueError, match='DefaultSampler'):
        metric.compute_metrics([parts[0], *one_more])


def test_a_picture_too_few_is_counted_as_it_is():
    assert VIEW == (40, 48)
    samples = [sample_of(i) for i in range(4)]
    assert evaluate(MaxBoxAcc(), samples, size=9) == evaluate(MaxBoxAcc(), samples)


@pytest.mark.parametrize('world', [1, 3])
def test_pictures_that_a_loader_dropped_are_counted(world, parts_of, caplog):
    """``drop_last=True`` leaves some out; how many follows from the batch and the processes."""
    samples = [sample_of(i) for i in range(9)]
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        for size, said in ((9, 0), (13, 1)):
            metric, parts = parts_of(LocalizationMetric, samples, size, world)
            metric.compute_metrics(parts)
            messages = [r.getMessage() for r in caplog.records]
            found = [text for text in messages if 'drop_last=False' in text]
            assert len(found) == said
    finally:
        logger.removeHandler(caplog.handler)
    assert found[0].startswith('4 of the 13 pictures of the set were not evaluated')


def own_work(highest):
    """Of a metric that is not in the package: this module imports torch."""
    return Measured(-1, False, np.array([int(highest > 2)]), (highest,))


class OwnMetric(BaseMapMetric):
    """How many maps have a high value."""

    work = staticmethod(own_work)

    def of_batch(self, samples, pred_map):
        if np.isnan(pred_map).any():
            raise ValueError('NaN')
        return dict(highest=np.max(pred_map, axis=(1, 2)))

    def prepare(self, sample, name, pred_map, highest):
        return (float(highest),)

    def figures(self, counts, pictures):
        return {'bright': int(counts[0])}, None


def test_a_metric_of_ones_own_with_work_on_whole_batches():
    samples = [sample_of(i) for i in range(7)]
    bright = sum(float(sample.pred_map.max()) > 2 for sample in samples)
    assert 0 < bright < 7
    assert evaluate(OwnMetric(), samples) == {'localization/bright': bright}
    samples[4].pred_map[2, 3] = float('nan')
    with pytest.raises(ValueError, match=r'^val/00004.jpg: NaN$'):
        evaluate(OwnMetric(), samples)
    # Maps of several sizes, which are no one array.
    samples[4].pred_map = torch.full((3, 3), 0.5)
    samples[5].pred_map = torch.full((3, 4), 2.5)
    expected = sum(float(sample.pred_map.max()) > 2 for sample in samples)
    assert evaluate(OwnMetric(), samples) == {'localization/bright': expected}


def test_worker_processes_need_no_torch(tmp_path):
    """Its import takes seconds, and some 300 MB in each of them."""
    sample = {
        **sample_of(0).to_dict(),
        **dict(img_path='a.jpg', ori_shape=(80, 96), view_box=(0.0, 0.0, 96.0, 80.0)),
    }
    boxes, label = torch.tensor([[2.0, 3, 40, 50]]), torch.tensor([1])
    sample['pred_instances'] = dict(bboxes=boxes, scores=torch.ones(1), labels=label)
    truth = ('gt_bboxes', 'gt_label', 'img_shape', 'view_box')
    sample['localization'] = {key: sample[key] for key in truth}
    metrics = [kind() for kind in (LocalizationMetric, MaxBoxAcc, MaxBoxAccV2, PxAP, ViewBoxAcc)]
    metrics += [MapWriter(str(tmp_path)), CocoBoxWriter(str(tmp_path / 'b.json'), threshold=0.3)]
    metrics += [DetectionLocalizationMetric()]
    ours = {kind for kind in METRICS.module_dict.values() if kind.__module__.startswith('bas_mm.')}
    assert {type(metric) for metric in metrics} == ours
    workers = OrderedWorkers(1)

    def measured_and_imported(metric):
        """What a worker process makes of the picture, and what it has imported by then."""
        metric.dataset_meta = dict(classes=tuple('abcde'))
        metric._workers = workers
        metric.process(None, [sample])
        workers.submit(eval, [('', ('[*__import__("sys").modules]',))])
        (_, measured), (_, modules) = [metric._last, *workers.finished(everything=True)][-2:]
        return measured, {'torch', 'mmengine', 'bas_mm.evaluation.picture_work'} & set(modules)

    for metric in metrics:
        measured, imported = measured_and_imported(metric)
        assert imported == {'bas_mm.evaluation.picture_work'}, type(metric).__name__
        assert isinstance(measured, Measured)
    # A metric of one's own may have its work beside it.
    measured, imported = measured_and_imported(OwnMetric())
    assert measured.values == (sample['pred_map'].max(),)
    assert 'torch' in imported
