import torch
import torch.nn as nn

from bas_mm.registry import MODELS


class _OwnLoss(nn.Module):
    """A user's loss, which knows no weights."""

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return scores.sum() + labels.sum()


def test_losses_without_weights_where_none_are_wanted(monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, 'OwnLoss', _OwnLoss)
    head = MODELS.build(
        dict(
            type='BASHead',
            num_classes=3,
            in_channels=2,
            hidden_channels=2,
            loss_fg=dict(type='OwnLoss'),
            loss_amc=dict(type='AMCLoss', area_weight=1.0),
        )
    )
    maps, labels = torch.randn(2, 3, 2, 2), torch.tensor([0, 2])
    losses = head.loss(maps, maps[:, :1], torch.ones(2, 1, 2, 2), labels)
    torch.testing.assert_close(losses['loss_fg'], maps.mean((2, 3)).sum() + 2)
