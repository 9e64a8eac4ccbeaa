"""The published BAS-Seg's figures, through converter and config, in float64 (golden/wsss.json)."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpretrain.structures import DataSample
from tiny import total

from bas_mm.models.classifiers import bas_seg_classifier
from bas_mm.models.weights import published_to_bas_mm
from bas_mm.registry import MODELS

REPO = Path(__file__).resolve().parents[2]
NAME = 'bas_seg_resnet50'


def _close(ours, expected, name: str = '') -> None:
    """Within 1e-6 relative, 1e-8 absolute near zero, as golden/README.md asks."""
    ours = ours.detach().numpy() if isinstance(ours, torch.Tensor) else np.asarray(ours)
    np.testing.assert_allclose(ours, np.asarray(expected), rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.fixture(scope='module')
def case(golden_dir, golden_formula, tmp_path_factory):
    """Golden figures, the converted weights in the model of our config, images in float64."""
    golden = json.loads((golden_dir / 'wsss.json').read_text())['resnet50_bas']
    folder = tmp_path_factory.mktemp(NAME)
    source, target = folder / 'published.pth', folder / 'converted.pth'
    weights = golden_formula.fill(golden['keys'])
    torch.save({f'module.{name}': weight for name, weight in weights.items()}, source)
    tool = REPO / 'tools/model_converters/published_to_bas_mm.py'
    runpy.run_path(str(tool))['main']([str(source), str(target)])

    cfg = Config.fromfile(REPO / f'configs/wsss/{NAME}_voc12.py').model
    cfg.backbone.init_cfg = None
    model = MODELS.build(cfg)
    load_checkpoint(model, str(target), map_location='cpu', strict=True, logger='silent')
    return golden, model.double(), golden_formula.image(2, 3, 128, 160).double()


@torch.no_grad()
def test_maps_of_image_and_mirror_image(case):
    golden, model, images = case
    model.eval()
    image = images[:1]
    maps = model.localization_maps(image) + model.localization_maps(image.flip(-1)).flip(-1)
    assert list(maps.shape[1:]) == golden['eval_map_shape']
    _close(maps[0].mean((1, 2)), golden['eval_map_mean'])
    _close(maps[0, 3, 4], golden['eval_map_c3_row4'])
    # A few classes are those of all.
    few = model.localization_maps(image, torch.tensor([[3, 17]]))
    torch.testing.assert_close(few, model(image)[1][:, [3, 17]], rtol=1e-12, atol=1e-15)


@pytest.mark.slow
def test_training_forward_losses_gradients_and_buffers(case, monkeypatch):
    golden, model, images = case
    model.train()
    drawn = torch.tensor(golden['p_label'])
    monkeypatch.setattr(bas_seg_classifier, 'draw_positive_class', lambda targets: drawn)
    samples = [DataSample().set_gt_label(labels) for labels in golden['labels']]
    score1 = []
    hook = model.head.register_forward_hook(lambda *args: score1.append(args[2].mean((2, 3))))
    losses = model(images, samples, mode='loss')
    hook.remove()
    _close(score1[0], golden['score1'])
    _close(losses['loss_cls'], golden['cls_loss'])
    _close(losses['loss_fg'], 0.2 * golden['loss2'])
    _close(losses['loss_bas'], golden['bas'])
    _close(losses['loss_area'], 1.2 * golden['area'])
    _close(total(losses), golden['loss'])

    total(losses).backward()
    names = published_to_bas_mm(golden['keys'], NAME)
    gradients = {name: p.grad.norm() for name, p in model.named_parameters()}
    assert {names[key] for key in golden['grad_norm']} == set(gradients)
    for key, expected in golden['grad_norm'].items():
        _close(gradients[names[key]], expected, key)
    # One forward counts once in the running statistics, the frozen pass not at all.
    buffers = model.state_dict()
    for key, expected in golden['bn_after'].items():
        _close(buffers[names[key]].norm(), expected, key)
    for key, value in buffers.items():
        if key.endswith('num_batches_tracked'):
            assert value == 1, key
