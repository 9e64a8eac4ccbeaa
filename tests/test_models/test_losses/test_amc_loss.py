import pytest
import torch

from bas_mm.models import AMCLoss


@pytest.mark.parametrize(('saturated', 'bas'), [(1.0, (0.5 + 1.0) / 2), (0.0, (0.5 + 0.0) / 2)])
def test_terms_are_weighted_batch_means(saturated, bas):
    loss = AMCLoss(area_weight=1.5, bas_weight=2.0, saturated=saturated)
    maps = torch.tensor([0.25, 0.75]).reshape(2, 1, 1, 1).expand(2, 1, 4, 4)
    terms = loss(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 3.0]), maps)
    assert set(terms) == {'loss_bas', 'loss_area'}
    assert terms['loss_bas'].item() == pytest.approx(2 * bas)
    assert terms['loss_area'].item() == pytest.approx(1.5 * 0.5)


def test_images_have_weights_in_both_terms():
    loss = AMCLoss(area_weight=1.0)
    maps = torch.tensor([0.25, 0.75]).reshape(2, 1, 1, 1)
    terms = loss(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 3.0]), maps, torch.tensor([2.0, 0]))
    assert terms['loss_bas'].item() == pytest.approx(0.5)
    assert terms['loss_area'].item() == pytest.approx(0.25)


def test_the_default_is_the_papers_constant():
    assert AMCLoss(area_weight=1.0).saturated == 1.0
