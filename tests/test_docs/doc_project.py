"""A copy of the repository in which the commands of the documentation are run."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager, redirect_stdout
from glob import glob
from pathlib import Path

import mmseg
from doc_inputs import IMPLIED, MAKERS
from doc_pages import Block
from mmengine.config import Config
from mmengine.registry import DefaultScope
from substitutions import CODE_RULES, FILES, as_run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'test_tools'))
from tiny_project import TinyProject, free_port, run_in_process, run_script_forked

from bas_mm.registry import DATASETS, MODELS

_COPIED = (
    *('bas_mm', 'configs', 'tools', 'docs', 'requirements'),
    *('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE', 'CHANGELOG.md'),
    *('model-index.yml', '.gitignore'),
)
# Stands for a cluster's: one process, here.
_SRUN = '#!/bin/sh\nuntil [ "$1" = "$PYTHON" ]; do shift; done\nexec "$@" --launcher none\n'


class DocProject:
    """Runs blocks. What was run once is not run again, whatever page it is on.

    Args:
        folder: An empty folder.
        repo_dir: The repository.
    """

    def __init__(self, folder: Path, repo_dir: Path) -> None:
        self.folder = folder
        ignore = shutil.ignore_patterns('__pycache__', '_build', '.mim')
        for name in _COPIED:
            source = repo_dir / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignore)
            else:
                shutil.copy2(source, folder / name)
        # As in a checkout: elsewhere ruff does not look at .gitignore.
        (folder / '.git').mkdir()
        programs = folder / '.bin'
        programs.mkdir()
        for name, text in (
            ('srun', _SRUN),
            # The commands' `python` is the one of the tests.
            ('python', f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n'),
        ):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.done: set[str] = set()
        self.values = {
            'folder': str(folder),
            'mmseg_configs': str(Path(mmseg.__file__).parent / '.mim' / 'configs'),
        }

    def run_block(self, block: Block, namespace: dict) -> None:
        """Run the commands of a block, or its code.

        Args:
            block: The block.
            namespace: Names that python blocks share.

        Raises:
            AssertionError: A command failed.
            Exception: Whatever the code raises.
        """
        if block.kind == 'bash':
            for command in block.commands:
                self.run(command, block.place)
            return
        name = block.file or FILES.get((block.page, block.text.split('\n', 1)[0]))
        text = as_run(block.text, CODE_RULES)
        for key, value in self.values.items():
            text = text.replace(f'{{{key}}}', value)
        if name is not None:
            self._write(name, text)
            return
        self.provide(text)
        # Lines of errors are those of the page.
        code = compile('\n' * block.line + text, block.page, 'exec')
        with self._inside(), redirect_stdout(io.StringIO()):
            exec(code, namespace)

    def run(self, command: str, place: str = '') -> None:
        """Run a command of the documentation, after the rules.

        Scripts and modules of the repository run in this process: imports take most of their time.
        """
        command = as_run(command)
        if command in self.done:
            return
        # A folder that a command makes is filled by those that follow.
        if not re.fullmatch(r'mkdir [^&|;]*', command):
            self.provide(command)
        variables, words = {}, shlex.split(command)
        while re.match(r'[A-Z_]+=', words[0]):
            name, _, variables[name] = words.pop(0).partition('=')
        words = [name for word in words for name in self._found(word)]
        script, arguments = None, ()
        if words[0] == 'python' and words[1].endswith('.py'):
            script, arguments = self.folder / words[1], words[2:]
        elif words[:2] == ['python', '-m'] and words[2].split('.')[0] == 'bas_mm':
            script, arguments = words[2], words[3:]
        if script is not None and set(variables) <= {'PYTHONPATH', 'OMP_NUM_THREADS'}:
            # One thread is what there is anyway.
            variables.pop('OMP_NUM_THREADS', None)
            path = [str(self.folder / part) for part in variables.values()]
            with self._inside(*path):
                done = run_in_process(script, arguments, self.folder)
        elif re.match(r'bash tools/(\w+/)*(dist|slurm)_\w+\.sh', ' '.join(words)):
            # These start Python at their end.
            done = run_script_forked(words, self.folder, {**self._environment(), **variables})
        else:
            done = subprocess.run(
                ['bash', '-c', command],
                cwd=self.folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=600,
            )
        output = f'{done.stdout[-4000:]}\n{done.stderr[-4000:]}'
        assert done.returncode == 0, f'{place}: {command}\n{output}'
        if '--out' in words:
            out = self.folder / words[words.index('--out') + 1]
            assert out.exists(), f'{place}: {command} has not written {out}'
        self.done.add(command)

    def _found(self, word: str) -> list[str]:
        """The paths that a pattern of the shell stands for, or the word."""
        found = sorted(glob(word, root_dir=self.folder)) if '*' in word else []
        return found or [word]

    def provide(self, text: str) -> None:
        """Make what a text names and what is not there."""
        text = ' '.join([text, *(more for name, more in IMPLIED.items() if re.search(name, text))])
        for pattern, make in MAKERS:
            for match in re.finditer(rf'(?<![\w/.-]){pattern}(?![\w.-])', text):
                path = self.folder / match[0]
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    make(self, path)

    def _write(self, name: str, text: str) -> None:
        """Write a file; of a config, build the model and the training set."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        # Not a file of the project, whose style its own commands check.
        with open(self.folder / '.gitignore', 'a') as file:
            file.write(f'/{name}\n')
        if not name.startswith('configs/'):
            compile(text, name, 'exec')
            return
        with self._inside(str(self.folder)):
            cfg = Config.fromfile(path)
            self.provide(f'{path} {cfg.pretty_text}')
            with DefaultScope.overwrite_default_scope(cfg.default_scope):
                assert MODELS.build(cfg.model) is not None
                assert len(DATASETS.build(cfg.train_dataloader.dataset))

    def _environment(self) -> dict[str, str]:
        env = TinyProject.environment(PORT=str(free_port()), BAS_MM_PYTHON=sys.executable)
        env['PATH'] = f'{self.folder / ".bin"}{os.pathsep}{env["PATH"]}'
        # The copy, also where another checkout is installed.
        env['PYTHONPATH'] = str(self.folder)
        return env

    @contextmanager
    def _inside(self, *path: str):
        """Be in the folder, with these folders on Python's path."""
        with ExitStack() as stack:
            before, paths = os.getcwd(), list(sys.path)
            os.chdir(self.folder)
            stack.callback(os.chdir, before)
            sys.path[:0] = path
            stack.callback(lambda: sys.path.__setitem__(slice(None), paths))
            yield
