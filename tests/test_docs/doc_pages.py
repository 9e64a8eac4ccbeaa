"""Blocks of code in the pages of the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: What is shown and not run. Directives of MyST, in braces, are not code either.
NOT_RUN = ('text', 'bibtex')
RUN = ('bash', 'python')

_FENCE = re.compile(r'(?P<fence>`{3,}|~{3,})\s*(?P<info>[^`]*)$')
_INLINE = re.compile(r'(?<!`)`((?:[A-Z_]+=\S+ )?(?:python|bash)\s[^`]+)`(?!`)')
_FILE = re.compile(r'# (\S+\.py)$')


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        page: Path of the page, below the repository.
        line: Line of its fence, counted from 1.
        kind: The first word behind the fence.
        text: What is in it.
    """

    page: str
    line: int
    kind: str
    text: str

    @property
    def place(self) -> str:
        """Page and line, as editors take them."""
        return f'{self.page}:{self.line}'

    @property
    def commands(self) -> list[str]:
        """The commands of a bash block: one per line, without comments."""
        joined = self.text.replace('\\\n', ' ')
        lines = (re.sub(r'(^|\s+)#.*$', '', line).strip() for line in joined.splitlines())
        return [' '.join(line.split()) for line in lines if line]

    @property
    def file(self) -> str | None:
        """The path that a python block is to be written to, where its first line says so."""
        match = _FILE.match(self.text.split('\n', 1)[0])
        return match[1] if match else None

    @property
    def tree(self) -> list[str]:
        """The paths of a folder tree below data/, without those that stand for many (``...``)."""
        root, *lines = self.text.splitlines()
        if self.kind != 'text' or not re.fullmatch(r'data/\S*', root):
            return []
        parents, paths = [root.strip('/')], []
        for line in lines:
            match = re.match(r'((?:│   |    )*)[├└]── (\S+)( \.\.\.)?$', line)
            if match is None:
                raise ValueError(f'{self.place}: no line of a folder tree: {line!r}')
            depth, name = len(match[1]) // 4, match[2]
            parents[depth + 1 :] = [name.strip('/')]
            if name.endswith('/') or not match[3]:
                paths.append('/'.join(parents))
        return paths


def page_files(repo_dir: Path) -> list[Path]:
    """All pages, in the order in which they are run."""
    docs = repo_dir / 'docs'
    pages = [path for path in docs.rglob('*.md') if '_build' not in path.parts]
    return [repo_dir / 'README.md', repo_dir / 'CONTRIBUTING.md', *sorted(pages)]


def read_blocks(path: Path, repo_dir: Path) -> list[Block]:
    """The blocks of a page.

    Raises:
        ValueError: A block does not end.
    """
    page = path.relative_to(repo_dir).as_posix()
    blocks, fence, start, kind, lines = [], None, 0, '', []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        match = _FENCE.match(line.strip())
        if fence is None:
            if match:
                fence, start, lines = match['fence'], number, []
                kind = (match['info'].split() or [''])[0]
        elif match and match['fence'].startswith(fence) and not match['info']:
            blocks.append(Block(page, start, kind, '\n'.join(lines) + '\n'))
            fence = None
        else:
            lines.append(line)
    if fence is not None:
        raise ValueError(f'{page}:{start}: the block does not end')
    return blocks


def read_inline(path: Path, repo_dir: Path) -> list[Block]:
    """The commands in running text and tables: code that begins with ``python`` or ``bash``."""
    page = path.relative_to(repo_dir).as_posix()
    lines = path.read_text(encoding='utf-8').splitlines()
    for block in read_blocks(path, repo_dir):
        end = block.line + block.text.count('\n')
        lines[block.line - 1 : end + 1] = [''] * (end + 2 - block.line)
    text = '\n'.join(lines)
    return [
        Block(page, text.count('\n', 0, match.start()) + 1, 'bash', ' '.join(match[1].split()))
        for match in _INLINE.finditer(text)
    ]
