"""The commands on configs of the two other styles: classes for types, and another default scope."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.registry import FUNCTIONS, DefaultScope
from tiny_project import TinyProject
from tiny_run import write_split_folder

import bas_mm.engine  # noqa: F401 - registers
from bas_mm.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
)

REGISTRIES = (
    *(MODELS, DATASETS, TRANSFORMS, METRICS, HOOKS, VISUALIZERS, VISBACKENDS, DATA_SAMPLERS),
    *(OPTIMIZERS, OPTIM_WRAPPERS, PARAM_SCHEDULERS, FUNCTIONS),
)


def _class_of(name: str) -> type:
    """The class of a type's name, or of a constructor's."""
    with DefaultScope.overwrite_default_scope('bas_mm'):
        found = (registry.get(name) for registry in (*REGISTRIES, OPTIM_WRAPPER_CONSTRUCTORS))
        return next(kind for kind in found if kind is not None)


def _text(value: Any, name_of: Callable[[type], str]) -> str:
    """A config's value as Python text, with types written in another way."""
    if isinstance(value, dict):
        items = [
            f'{key}={name_of(_class_of(item)) if key == "type" else _text(item, name_of)}'
            for key, item in value.items()
        ]
        return f'dict({", ".join(items)})'
    if isinstance(value, (list, tuple)):
        inner = ''.join(f'{_text(item, name_of)}, ' for item in value)
        return f'[{inner}]' if isinstance(value, list) else f'({inner})'
    return repr(value)


def _write(project: TinyProject, name: str, scope: str, name_of: Callable[[type], str]) -> None:
    cfg = Config.fromfile(project.folder / 'tiny.py')
    cfg.default_scope = scope
    cfg.optim_wrapper.pop('constructor')
    own = dict(data_root=str(project.folder / 'more'), split_dir='metadata/test')
    cfg.test_dataloader.dataset.update(own)
    imports: list[str] = []

    def named(kind: type) -> str:
        imports.append(f'from {kind.__module__} import {kind.__name__}')
        return name_of(kind)

    lines = [f'{key} = {_text(value, named)}' for key, value in cfg.items()]
    if scope == 'bas_mm':
        lines[:0] = sorted(set(imports))
    else:
        lines.append("custom_imports = dict(imports=['bas_mm'])")
    (project.folder / name).write_text('\n'.join(lines) + '\n')


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    project = TinyProject(tmp_path_factory.mktemp('styles'))
    write_split_folder(project.folder / 'more', dict(test=9), seed=1)
    _write(project, 'classes.py', 'bas_mm', lambda kind: kind.__name__)

    def under_mmpretrain(kind: type) -> str:
        scope = 'bas_mm.' if kind.__module__.startswith('bas_mm') else ''
        return repr(f'{scope}{kind.__name__}')

    _write(project, 'scoped.py', 'mmpretrain', under_mmpretrain)
    return project


@pytest.mark.slow
@pytest.mark.parametrize('style', ['classes', 'scoped'])
def test_commands_take_them(project, style):
    config, work = f'{style}.py', f'w_{style}'
    short = ('--cfg-options', 'train_cfg.max_epochs=1')
    log = project.run_here('train.py', config, '--work-dir', work, '--amp', *short)
    assert '--amp without an accelerator: bfloat16 on the CPU' in log.stdout
    checkpoint = f'{work}/epoch_1.pth'

    out = f'{style}.json'
    shown = ('--show-dir', f'{work}/shown', '--interval', '5')
    test = ('test.py', config, checkpoint, '--work-dir', work)
    project.run_here(*test, '--tta', '--out', out, *shown)
    figures = json.loads((project.folder / out).read_text())
    assert 'localization/gt_known' in figures
    assert len(list((project.folder / work / 'shown').rglob('*.png'))) == 2
    project.run_here('select_and_test.py', config, checkpoint, '--out', out, '--work-dir', work)
    assert json.loads((project.folder / out).read_text())['threshold'] > 0

    run = ('--run', style, config, checkpoint)
    project.run_here('analysis_tools/report.py', *run, '--out', f'{style}.html')
    assert (project.folder / f'{style}.html').stat().st_size > 10_000
    maps = ('analysis_tools/write_maps.py', config, checkpoint, f'{style}_maps', '--crops')
    project.run_here(*maps, '--work-dir', work)
    assert len(list((project.folder / f'{style}_maps').rglob('*.npy'))) == 9
    boxes = ('det/make_boxes.py', config, checkpoint, f'{style}_boxes.json', '--threshold', '0.3')
    project.run_here(*boxes, '--work-dir', work)
    assert json.loads((project.folder / f'{style}_boxes.json').read_text())['annotations']
    project.run_here('export.py', config, checkpoint, f'{style}.pt2')
    assert (project.folder / f'{style}.pt2').is_file()
