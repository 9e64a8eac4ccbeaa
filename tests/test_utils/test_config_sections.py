"""The parts of configs, beside those that mmengine's runner and the commands look up."""

import inspect
import re
from pathlib import Path

import pytest
from mmengine.runner import Runner

from bas_mm.utils.config_sections import COMMAND_SECTIONS, runner_sections, similar_sections

ROOT = Path(__file__).resolve().parents[2]


def test_what_the_runner_looks_up():
    """None that the installed mmengine reads is said to be read by nobody."""
    read = set(re.findall(r"self\.cfg\.get\(\s*'(\w+)'", inspect.getsource(Runner)))
    assert {'sync_bn', 'find_unused_parameters', 'compile'} <= read <= runner_sections()
    assert {'load_from', 'env_cfg', 'test_dataloader'} <= runner_sections()


def test_what_the_commands_look_up():
    sources = [path.read_text() for path in ROOT.glob('tools/wsss/*.py')]
    sources.append((ROOT / 'bas_mm/utils/config_datasets.py').read_text())
    parts = r"\bcfg(?:\.get\('|\.)(\w+_(?:cfg|dataloader|evaluator))\b"
    read = set(re.findall(parts, ''.join(sources)))
    assert {'mask_cfg', 'seed_evaluator'} <= read <= COMMAND_SECTIONS | runner_sections()


@pytest.mark.parametrize(
    ('name', 'similar'),
    [
        ('evn_cfg', ['env_cfg']),
        ('seed_evaluater', ['seed_evaluator']),
        ('my_setings', ['my_settings']),
        ('modle', ['model']),
        ('mdoel', ['model']),
        ('reusme', ['resume']),
        ('tta_cfg', []),
    ],
)
def test_mistyped_parts(name, similar):
    known = COMMAND_SECTIONS | runner_sections() | {'my_settings'}
    assert similar_sections(name, known)[:1] == similar
