"""How a batch gets to the device: pictures and labels, without the host's waiting for either."""

import pytest
import torch
from mmpretrain.structures import DataSample
from tiny import Moves, samples_of

from bas_mm.models.data_preprocessors import LocalizationDataPreprocessor

LABELS = (3, 0, 2)
SETTINGS = dict(mean=[120.0, 110, 100], std=[60.0] * 3, to_rgb=True)


def _batch(shape: tuple[int, ...], samples: list[DataSample]) -> dict:
    return dict(inputs=torch.zeros(len(samples), *shape, dtype=torch.uint8), data_samples=samples)


@pytest.fixture
def pinned(monkeypatch):
    """Shapes of what is put in pinned memory, as where there is a GPU."""
    shapes = []

    def pin_memory(tensor):
        if tensor.device.type != 'cpu':
            raise RuntimeError('only dense CPU tensors can be pinned')
        shapes.append(tuple(tensor.shape))
        return tensor

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.Tensor, 'pin_memory', pin_memory)
    return shapes


@pytest.mark.parametrize('shape', [(3, 4, 4), (10, 3, 4, 4)])
def test_labels_travel_in_one_copy_that_nobody_waits_for(pinned, shape):
    preprocessor = LocalizationDataPreprocessor(**SETTINGS).to('meta')
    with Moves() as moves:
        data = preprocessor(_batch(shape, samples_of(LABELS)), training=True)
    pictures = (3, *shape) if len(shape) == 3 else (30, *shape[1:])
    assert sorted(moves.seen) == sorted([((3,), 'meta', True), (pictures, 'meta', True)])
    assert pinned == [(3,)]
    assert data['inputs'].shape == (3, *shape)
    assert [sample.gt_label.shape for sample in data['data_samples']] == [(1,)] * 3
    assert all(sample.gt_label.device.type == 'meta' for sample in data['data_samples'])


def test_views_stay_in_their_places_and_get_the_colours_of_pictures():
    views = torch.randint(0, 256, (2, 10, 3, 4, 5), dtype=torch.uint8)
    preprocessor = LocalizationDataPreprocessor(**SETTINGS)
    found = preprocessor(dict(inputs=views))['inputs']
    mean = torch.tensor(SETTINGS['mean'])[:, None, None]
    torch.testing.assert_close(found, (views.flip(2) - mean) / 60)
    alone = preprocessor(dict(inputs=views[:, 3]))['inputs']
    assert torch.equal(alone, found[:, 3])


def test_several_labels_and_scores(pinned):
    samples = [DataSample().set_gt_label(labels) for labels in ([1, 4], [0], [2, 3, 4])]
    for sample in samples:
        sample.set_gt_score([0.0, 1, 0, 1, 0])
    preprocessor = LocalizationDataPreprocessor(**SETTINGS).to('meta')
    with Moves() as moves:
        data = preprocessor(_batch((3, 4, 4), samples))
    assert all(free for *_, free in moves.seen)
    assert pinned == [(6,), (15,)]
    assert [len(sample.gt_label) for sample in data['data_samples']] == [2, 1, 3]
    assert [sample.gt_score.shape for sample in data['data_samples']] == [(5,)] * 3


def test_a_batch_can_be_sent_twice(pinned):
    # As the pictures drawn during training are: mmengine hands the same samples to both.
    preprocessor = LocalizationDataPreprocessor(**SETTINGS).to('meta')
    batch = _batch((3, 4, 4), samples_of(LABELS))
    preprocessor(batch, training=True)
    with Moves() as moves:
        data = preprocessor(batch)
    assert pinned == [(3,)]
    assert moves.seen == [((3, 3, 4, 4), 'meta', True)]
    assert all(sample.gt_label.device.type == 'meta' for sample in data['data_samples'])


@pytest.mark.parametrize('non_blocking', [True, False])
def test_on_a_cpu_nothing_is_copied(non_blocking):
    preprocessor = LocalizationDataPreprocessor(**SETTINGS, non_blocking=non_blocking)
    samples = samples_of(LABELS)
    with Moves() as moves:
        data = preprocessor(_batch((3, 4, 4), samples))
    assert moves.seen == []
    assert [sample.gt_label.tolist() for sample in data['data_samples']] == [[3], [0], [2]]
    expected = -torch.tensor(SETTINGS['mean']) / 60
    torch.testing.assert_close(data['inputs'][:, :, 0, 0], expected.expand(3, 3))


def test_without_labels():
    preprocessor = LocalizationDataPreprocessor(**SETTINGS).to('meta')
    assert preprocessor(dict(inputs=torch.zeros(1, 3, 4, 4)))['data_samples'] is None
    (sample,) = preprocessor(_batch((3, 4, 4), [DataSample()]))['data_samples']
    assert 'gt_label' not in sample


def test_values_arrive_at_their_samples(monkeypatch):
    """The split of what has travelled, with a device whose values can be read."""
    samples = [DataSample().set_gt_label(labels) for labels in ([1, 4], [0], [2, 3, 4])]
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    LocalizationDataPreprocessor(**SETTINGS)._send(samples, 'gt_label')
    assert [sample.gt_label.tolist() for sample in samples] == [[1, 4], [0], [2, 3, 4]]
