"""Checkpoints of others, read, placed and written; the converters' tests have whole networks."""

from argparse import Namespace

import pytest
import torch
from torch import nn

from bas_mm.models.weights.conversion import (
    ConversionError,
    place_in_model,
    read_checkpoint,
    write_converted,
)
from bas_mm.version import __version__


def test_only_tensors_are_read_unless_the_source_is_trusted(tmp_path):
    path = tmp_path / 'a.pth'
    with pytest.raises(ConversionError, match=f'^{path}: no such file$'):
        read_checkpoint(path)
    torch.save(dict(w=torch.ones(2), args=Namespace(lr=1)), path)
    with pytest.raises(ConversionError, match=f'^{path}: .* add --trust-source'):
        read_checkpoint(path)
    assert read_checkpoint(path, trust_source=True)['args'] == Namespace(lr=1)
    torch.save(dict(w=torch.ones(2)), path)
    assert torch.equal(read_checkpoint(path)['w'], torch.ones(2))


def test_placed_and_written(tmp_path):
    model = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3))
    turned = torch.arange(6.0).reshape(2, 3, 1, 1).transpose(0, 1)
    published = {'c.weight': turned, 'n.weight': torch.ones(3), 'extra': torch.ones(1)}
    names = {'c.weight': '0.weight', 'n.weight': '1.weight'}
    placement = place_in_model(published, model, lambda _: names)
    assert placement.unplaced == ('extra',)
    assert placement.missing == ('1.bias', '1.running_mean', '1.running_var')
    assert placement.weights['1.num_batches_tracked'] == 0

    path = tmp_path / 'out' / 'b.pth'
    write_converted(placement, path, converted_from='a.pth')
    written = torch.load(path)
    assert written['meta'] == dict(bas_mm_version=__version__, converted_from='a.pth')
    assert set(written['state_dict']) == {'0.weight', '1.weight', '1.num_batches_tracked'}
    weight = written['state_dict']['0.weight']
    assert torch.equal(weight, turned)
    assert weight.is_contiguous()
