"""cuDNN's search is off for a while, and back as it was."""

import pytest
import torch

from bas_mm.utils.cudnn_search import without_cudnn_search

OTHERS = ('enabled', 'deterministic', 'allow_tf32')


@pytest.mark.parametrize('before', [True, False])
def test_the_search_alone_is_switched_and_restored_after_an_error_too(before, monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, 'benchmark', before)
    monkeypatch.setattr(cudnn, 'deterministic', True)  # cudnn.flags() would reset it
    others = [getattr(cudnn, name) for name in OTHERS]
    with without_cudnn_search():
        assert cudnn.benchmark is False
        assert [getattr(cudnn, name) for name in OTHERS] == others
    assert cudnn.benchmark is before
    with pytest.raises(RuntimeError, match='broken'), without_cudnn_search():
        raise RuntimeError('broken')
    assert cudnn.benchmark is before
    assert [getattr(cudnn, name) for name in OTHERS] == others
