"""Collectives between this process and one that has the same tensors: no second process needed."""

import pytest
import torch
import torch.distributed as dist


def _gather(every: torch.Tensor, own: torch.Tensor) -> None:
    every.view(2, -1).copy_(own.expand(2, -1))


def pretend_a_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """What our norms ask of torch.distributed is answered as by two processes with equal data."""
    for module in ('layers.wait_free_sync_batch_norm', 'classifiers.class_map_classifier'):
        monkeypatch.setattr(f'bas_mm.models.{module}.get_world_size', lambda: 2)
    monkeypatch.setattr(dist, 'get_world_size', lambda: 2)
    monkeypatch.setattr(dist, 'all_gather_into_tensor', _gather)
    monkeypatch.setattr(dist, 'all_reduce', lambda tensor: tensor.mul_(2))
