"""The examples of docstrings give what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

PACKAGE = Path(__file__).resolve().parents[2] / 'bas_mm'
# What they show is in the real sets, which are not here; the tests of the readers read copies of
# their layouts. The last one tells in the log that it paints.
OF_DATA = {
    f'bas_mm.datasets.{name}'
    for name in (
        *('cub', 'fgvc_aircraft', 'ilsvrc_release', 'multi_label_list', 'open_images30k'),
        *('split_folder', 'stanford_cars', 'stanford_dogs', 'synthetic.synthetic_parts'),
    )
}
MODULES = [
    '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts)
    for path in sorted(PACKAGE.rglob('*.py'))
    if '>>> ' in path.read_text(encoding='utf-8')
]


def test_what_is_left_out_is_there():
    assert set(MODULES) > OF_DATA


@pytest.mark.parametrize('name', [name for name in MODULES if name not in OF_DATA])
def test_examples(name):
    finder, found = doctest.DocTestFinder(exclude_empty=True), 0
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    output = []
    with DefaultScope.overwrite_default_scope('bas_mm'):
        for test in finder.find(import_module(name)):
            found += len(test.examples)
            runner.run(test, out=output.append)
    assert found
    assert runner.summarize(verbose=False).failed == 0, ''.join(output)
