"""What all metrics of maps share: what they keep, and what processes hand over."""

import json
import pickle

import pytest
import torch
from map_samples import VIEW, evaluate, make_sample
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from bas_mm.evaluation import LocalizationMetric, MapWriter, MaxBoxAcc, MaxBoxAccV2, PxAP
from bas_mm.evaluation.metrics import base_map_metric


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
