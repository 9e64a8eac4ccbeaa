"""Each tool runs the package of its own checkout, whatever is installed or in PYTHONPATH."""

import importlib
import multiprocessing
import runpy
import shutil
import sys
from pathlib import Path

import mmengine  # noqa: F401 - the tools' own imports, which forks need not repeat
import torch  # noqa: F401
from tiny_project import ROOT

OWN = 77


def start(tool: Path) -> None:
    """What ``PYTHONPATH=ROOT python tool`` does before it begins."""
    for name in [name for name in sys.modules if name.partition('.')[0] == 'bas_mm']:
        del sys.modules[name]
    sys.path[:0] = [str(tool.parent), str(ROOT)]
    runpy.run_path(str(tool), run_name='tool')
    importlib.import_module('bas_mm')  # some do so later


def test_every_tool_in_a_copy_beside_another_package(tmp_path):
    shutil.copytree(ROOT / 'tools', tmp_path / 'tools')
    (tmp_path / 'bas_mm').mkdir()
    (tmp_path / 'bas_mm' / '__init__.py').write_text(f'raise SystemExit({OWN})\n')
    found = {}
    for tool in sorted((tmp_path / 'tools').glob('**/*.py')):
        process = multiprocessing.get_context('fork').Process(target=start, args=(tool,))
        process.start()
        process.join()
        found[tool.name] = process.exitcode
    assert len(found) > 30
    assert {name for name, code in found.items() if code != OWN} == set()
