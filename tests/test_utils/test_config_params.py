import math
from dataclasses import asdict
from pathlib import Path

import pytest
from mmengine.config import Config

from bas_mm.utils.config_params import params_of
from bas_mm.utils.dense_crf import CRFParams
from bas_mm.wsss.functional.irn_labels import IRNLabelParams
from bas_mm.wsss.functional.masks import MaskParams
from bas_mm.wsss.mask_folder import MaskFolder
from bas_mm.wsss.seed_evaluation import THRESHOLDS
from bas_mm.wsss.seed_maker import SeedParams


def test_values_of_a_config_and_the_others():
    assert params_of(MaskParams(), None, 'mask_cfg') == MaskParams()
    params = params_of(IRNLabelParams(), dict(background=0.1, crf=dict(iterations=2)), 'key')
    assert params == IRNLabelParams(0.30, 0.1, CRFParams(2, 3.0, 3.0, 50.0, 5.0, 10.0))


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (dict(foregound=0.3), 'key.foregound is unknown: there are foreground, background, crf'),
        (dict(crf=dict(srgb=5)), r'key\.crf\.srgb is unknown'),
        (dict(crf=5), r'key\.crf=5: a dict'),
        (dict(foreground='0.3'), "key.foreground='0.3': a number"),
        (dict(crf=dict(iterations=2.5)), r'iterations=2.5: a whole number'),
        (dict(crf=dict(gaussian_sxy=0)), r'crf.gaussian_sxy=0: give a positive'),
    ],
)
def test_what_is_no_setting(values, message):
    with pytest.raises(ValueError, match=message):
        params_of(IRNLabelParams(), values, 'key')


def test_a_float_may_be_any_number_and_whole_floats_are_whole_numbers():
    params = params_of(MaskParams(), dict(beta=12.5, radius=5.0, steps=1e2, power=2), 'mask_cfg')
    assert params == MaskParams(radius=5, beta=12.5, steps=100, power=2)
    assert [type(value) for value in (params.radius, params.steps)] == [int, int]
    labels = params_of(IRNLabelParams(), dict(crf=dict(iterations=2.0)), 'key')
    assert type(labels.crf.iterations) is int


def test_masks_of_before_are_of_the_same_settings(tmp_path):
    """Made when whole floats were kept, and by a config that has another type for a number."""
    MaskFolder(tmp_path).open(dict(background=0.22, radius=5, beta=10, steps=256.0, power=1.5))
    written = (tmp_path / 'masks.json').read_bytes()
    for values in (dict(beta=10, steps=256.0), dict(beta=10.0, radius=5.0), None):
        MaskFolder(tmp_path).open(asdict(params_of(MaskParams(), values, 'mask_cfg')))
    assert (tmp_path / 'masks.json').read_bytes() == written


@pytest.mark.parametrize('value', [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize('name', ['background', 'radius', 'beta', 'steps', 'power'])
def test_numbers_that_are_not_finite(name, value):
    with pytest.raises(ValueError, match=rf'mask_cfg\.{name}={value!r}: a finite number is needed'):
        params_of(MaskParams(), {name: value}, 'mask_cfg')


def test_a_walk_without_a_power_of_the_affinities_is_refused():
    with pytest.raises(ValueError, match=r'mask_cfg\.beta=0: give a number above 0'):
        params_of(MaskParams(), dict(beta=0), 'mask_cfg')


def test_scales_and_mirror_images():
    params = params_of(SeedParams(), dict(scales=[1, 2], flip=False), 'seed_cfg')
    assert (params.scales, params.flip) == ((1.0, 2.0), False)
    assert params_of(SeedParams(), {}, 'seed_cfg').scales == (1.0, 0.5, 1.5, 2.0)  # wsss.md, 3


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (dict(scale=[1.0]), r'seed_cfg\.scale is unknown: there are scales, flip'),
        (dict(flip='no'), r"seed_cfg\.flip='no': True or False is needed"),
        (dict(flip=None), r'seed_cfg\.flip=None: True or False is needed'),
        (dict(scales=1.0), r'seed_cfg\.scales=1.0: a list of different positive'),
        (dict(scales=None), r'seed_cfg\.scales=None: a list of different positive'),
    ],
)
def test_scales_and_mirror_images_that_make_no_sense(values, message):
    with pytest.raises(ValueError, match=message):
        params_of(SeedParams(), values, 'seed_cfg')


@pytest.mark.parametrize('data', ['resnet50_voc12', 'resnet50_coco14', 'small_embedded'])
def test_configs_have_the_settings(data):
    folder = Path(__file__).resolve().parents[2] / 'configs/wsss'
    masks = Config.fromfile(folder / f'irn_{data}.py').mask_cfg
    assert set(masks) == {'background', 'radius', 'beta', 'steps', 'power'}
    masks = params_of(MaskParams(), masks, 'mask_cfg')
    # wsss.md, sections 4 and 6.
    assert masks == MaskParams(0.22, 5, 10, 256, 1.5) or data == 'small_embedded'
    for method in ('bas_seg', 'cam_seg' if data == 'small_embedded' else 'cam'):
        cfg = Config.fromfile(folder / f'{method}_{data}.py')
        labels = params_of(IRNLabelParams(), cfg.irn_label_cfg, 'irn_label_cfg')
        assert labels == IRNLabelParams(0.30, 0.17, CRFParams(10, 3.0, 3.0, 50.0, 5.0, 10.0))
        if data == 'small_embedded':  # its own, for small pictures
            continue
        # wsss.md, section 3.
        seeds = params_of(SeedParams(), cfg.seed_cfg, 'seed_cfg')
        assert (seeds.scales, seeds.flip) == ((1.0, 0.5, 1.5, 2.0), True)
        assert cfg.seed_evaluator.thresholds == [k / 100 for k in range(20, 45)]


def test_background_scores_without_a_config():
    expected = tuple(k / 100 for k in range(20, 45))
    assert expected == THRESHOLDS
