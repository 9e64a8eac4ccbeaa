"""Every command and every piece of code of the documentation is run.

Blocks of a page share a folder and, those of Python, their names, from top to bottom. See
substitutions.py for what is run in the place of what cannot be run here.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from doc_pages import NOT_RUN, RUN, Block, page_files, read_blocks, read_inline
from doc_project import DocProject
from substitutions import CODE_RULES, FILES, INLINE, NEEDS, RULES, as_run, lacking

REPO = Path(__file__).resolve().parents[2]
BLOCKS = {path.relative_to(REPO).as_posix(): read_blocks(path, REPO) for path in page_files(REPO)}
INLINE_OF = {page: read_inline(REPO / page, REPO) for page in BLOCKS}
PAGES = [page for page, blocks in BLOCKS.items() if any(block.kind in RUN for block in blocks)]
# Run in the environment of detectors alone.
DETECTORS = 'docs/detector.md'


@pytest.fixture(scope='module')
def project(tmp_path_factory) -> DocProject:
    return DocProject(tmp_path_factory.mktemp('docs'), REPO)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """As in processes of the commands' own; and no data of this machine."""
    monkeypatch.delenv('BAS_MM_CRITTERS', raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize('page', BLOCKS)
def test_every_block_is_run_or_is_no_code(page):
    for block in BLOCKS[page]:
        assert block.kind in (*RUN, *NOT_RUN) or block.kind.startswith('{'), (
            f'{block.place}: a block of the kind {block.kind!r}; give bash or python, which are '
            f'run, or text'
        )


def test_every_rule_is_needed():
    blocks = [block for blocks in BLOCKS.values() for block in blocks]
    commands = [command for block in blocks if block.kind == 'bash' for command in block.commands]
    code = [block.text for block in blocks if block.kind == 'python']
    inline = [block.text for blocks in INLINE_OF.values() for block in blocks]
    commands += [as_run(command, INLINE) for command in inline]
    for rules, texts in ((RULES, commands), (CODE_RULES, code), (INLINE, inline)):
        needed = set()
        for text in texts:
            for rule in rules:
                changed = rule.apply(text)
                if changed != text:
                    needed.add(rule)
                text = changed
        assert [rule.pattern for rule in rules if rule not in needed] == []
    first_lines = {(block.page, block.text.split('\n', 1)[0]) for block in blocks}
    assert set(FILES) <= first_lines
    assert set(NEEDS) <= set(PAGES)


@pytest.mark.parametrize('page', BLOCKS)
def test_files_that_pages_name_are_there(page):
    text = (REPO / page).read_text()
    written = {block.file for blocks in BLOCKS.values() for block in blocks}
    pattern = (
        r'(?<![\w/.])((?:configs|tools|bas_mm|tests|requirements)/[\w./-]+\.(?:py|sh|txt|yml))'
    )
    for name in re.findall(pattern, text):
        assert name in written or (REPO / name).is_file(), f'{page}: {name}'


@pytest.mark.slow
@pytest.mark.parametrize(
    'page', [pytest.param(p, marks=[pytest.mark.det] if p == DETECTORS else []) for p in PAGES]
)
def test_page(page, project):
    reason = lacking(page)
    if reason is not None:
        pytest.skip(reason)
    namespace = {'__name__': '__main__'}
    for block in BLOCKS[page]:
        if block.kind in RUN:
            project.run_block(block, namespace)
    # What the page shows of folders is what its commands have made, or what the tests of the
    # readers read.
    for block in BLOCKS[page]:
        project.provide(' '.join(block.tree))
        for path in block.tree:
            assert (project.folder / path).exists(), f'{block.place}: {path}'


@pytest.mark.slow
@pytest.mark.parametrize('page', [page for page, blocks in INLINE_OF.items() if blocks])
def test_commands_in_running_text(page, project):
    reason = lacking(page)
    if reason is not None:
        pytest.skip(reason)
    missing = []
    for block in INLINE_OF[page]:
        module = re.match(r'python -m (\w+)', block.text)
        if module and find_spec(module[1]) is None:
            missing.append(module[1])
            continue
        project.run(as_run(block.text, INLINE), block.place)
    if missing:
        pytest.skip(f'all but the commands of {", ".join(missing)}, which is not installed')


def test_commands_are_found_in_running_text(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(
        '```bash\npython a.py\n```\nRun `A_B=1 python\nb.py` or `c.py`,\n'
        '| table | `bash d.sh x` |\n~~~text\n`python e.py`\n~~~\nand `python -m f`.\n'
    )
    found = [(block.line, block.text) for block in read_inline(page, tmp_path)]
    assert found == [(4, 'A_B=1 python b.py'), (6, 'bash d.sh x'), (10, 'python -m f')]


def test_what_fails_is_named(project):
    block = Block('docs/page.md', 7, 'bash', '# a comment\npython tools/train.py \\\n  none.py\n')
    with pytest.raises(AssertionError, match=r'docs/page\.md:7: .*(?s:.*)none\.py does not exist'):
        project.run_block(block, {})
    block = Block('docs/page.md', 7, 'bash', 'true  # comment\nfalse\n')
    with pytest.raises(AssertionError, match=r'docs/page\.md:7: false'):
        project.run_block(block, {})
    block = Block('docs/page.md', 7, 'python', 'a = 1\nraise ValueError(a)\n')
    with pytest.raises(ValueError, match='1') as info:
        project.run_block(block, {})
    # Counted from 0 there.
    assert (str(info.traceback[-1].path), info.traceback[-1].lineno + 1) == ('docs/page.md', 9)
    block = Block('docs/page.md', 7, 'python', "# configs/bas/x.py\n_base_ = './none.py'\n")
    with pytest.raises(FileNotFoundError, match=r'none\.py'):
        project.run_block(block, {})


def test_scripts_and_modules_run_in_this_process(project, monkeypatch):
    monkeypatch.setattr('subprocess.run', None)
    (project.folder / 'here.py').write_text(
        'import os, sys\nfrom pathlib import Path\n'
        'Path(sys.argv[1]).write_text(str(os.getpid()))\nsys.exit()\n'
    )
    project.run('PYTHONPATH=. python here.py pid.txt')
    assert (project.folder / 'pid.txt').read_text() == str(os.getpid())
    project.run('python -m bas_mm.version')
    with pytest.raises(TypeError):  # None in the place of the function
        project.run('python -m here pid.txt')


def test_paths_of_a_folder_tree():
    lines = ['data/', '├── a/', '│   ├── b.txt', '│   └── c/ ...', '└── d/', '    └── e.jpg ...']
    block = Block('docs/page.md', 1, 'text', '\n'.join(lines))
    assert block.tree == ['data/a', 'data/a/b.txt', 'data/a/c', 'data/d']
    assert sum(len(block.tree) for block in BLOCKS['docs/data_preparation.md']) > 60


def test_names_are_shared_by_the_blocks_of_a_page(project):
    namespace = {}
    for text in ('a = 20', 'b = a + 1'):
        project.run_block(Block('docs/page.md', 1, 'python', text), namespace)
    assert namespace['b'] == 21
    assert str(project.folder) not in sys.path
