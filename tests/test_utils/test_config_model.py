"""A model built outside a runner is the one that a runner builds."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from tiny import tiny_model_cfg

from bas_mm.utils.config_model import build_model, scope_of


def _cfg(**kwargs) -> Config:
    return Config(dict(model=tiny_model_cfg(), **kwargs))


def test_the_preprocessor_beside_the_model_is_the_models():
    """mmpretrain and mmsegmentation write it there, and a runner takes it into the model."""
    cfg = _cfg()
    inside = build_model(cfg)
    outside_cfg = _cfg(data_preprocessor=cfg.model.pop('data_preprocessor'))
    del outside_cfg.model['data_preprocessor']
    outside = build_model(outside_cfg)
    assert (inside.data_preprocessor.mean != 0).all()
    for name in ('mean', 'std'):
        expected = getattr(inside.data_preprocessor, name)
        torch.testing.assert_close(getattr(outside.data_preprocessor, name), expected)
    # Where both are there, the model's own counts.
    both = build_model(_cfg(data_preprocessor=dict(mean=[0.0] * 3, std=[1.0] * 3)))
    torch.testing.assert_close(both.data_preprocessor.mean, inside.data_preprocessor.mean)


@pytest.mark.parametrize('scope', [None, 'bas_mm', 'mmpretrain'])
def test_names_are_of_the_configs_scope(scope):
    cfg = Config(dict(model=dict(type='BASClassifier'), default_scope=scope))
    assert scope_of(cfg) == (scope or 'bas_mm')
    with DefaultScope.overwrite_default_scope('mmengine'):
        if scope == 'mmpretrain':
            with pytest.raises(KeyError, match='mmpretrain'):
                build_model(cfg)
        else:
            assert type(build_model(_cfg(default_scope=scope))).__name__ == 'BASClassifier'
        assert DefaultScope.get_current_instance().scope_name == 'mmengine'
