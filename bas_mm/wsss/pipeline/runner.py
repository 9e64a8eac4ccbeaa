"""Runs the steps of a pipeline: those that are done are left out, those that changed done anew."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bas_mm.utils.last_checkpoint import NOTE, find_last_checkpoint
from bas_mm.utils.worker_processes import die_with_parent

from .missing_inputs import missing_inputs, missing_weights
from .state import PipelineState
from .step import Step, changes, fingerprint

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ['PipelineError', 'PipelineRunner']

_CHECKPOINT = re.compile(r'\{checkpoint:(.*?)\}')
# How long a run waits for what an earlier one, that was killed, still has to put away.
_PATIENCE = 30.0
# How long a step may take to end after Ctrl-C, and once more when it is asked to. The launcher of
# several processes kills after half a minute those that do not end.
_TIME_TO_END = 60.0


class PipelineError(Exception):
    """What the user is told in one message."""


class PipelineRunner:
    """Runs steps in order.

    The state file in the work folder says which steps are done, with what settings. A step is left
    out if it is done with the settings of now and its outputs are there. If it was stopped it goes
    on; if its settings, or those of a step that it reads from, have changed, or such a step has run
    since, because its output was gone or it had been stopped, what it left is deleted and it begins
    anew, and a line names what has changed. Where the folder and the configs lie, and what
    :data:`~.counting_settings.DO_NOT_COUNT` lists, is no change. One run at a time works in a
    folder.

    Args:
        steps (Sequence[Step]): All steps.
        work_dir (Path): The work folder.
        tools (Path): Folder of the tools that the commands name.
        processes (int): Processes (GPUs) of the steps that can use several; a training has as many
            of them as divide its batch. Defaults to 1.
        num_workers (int): Worker processes of the other steps. Defaults to 1.
        verbose (bool): Whether what the steps print is shown; it is kept in ``logs/STEP.log``
            otherwise. Defaults to False.
        say (Callable[[str], None]): Takes lines on what is done. Defaults to ``print``.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        work_dir: Path,
        tools: Path,
        processes: int = 1,
        num_workers: int = 1,
        verbose: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        self.steps = {step.name: step for step in steps}
        self.work_dir, self.tools = Path(work_dir), Path(tools)
        self.processes, self.num_workers = processes, num_workers
        self.verbose, self.say = verbose, say
        #: What was done when :meth:`run` began, and since.
        self.state: PipelineState | None = None
        self.made_of: dict[str, dict] = {}
        self.fingerprints: dict[str, str] = {}
        for step in steps:
            made_of = step.made_of({name: self.fingerprints[name] for name in step.needs})
            self.made_of[step.name] = made_of
            self.fingerprints[step.name] = fingerprint(made_of)

    def run(self, skip: Collection[str] = (), until: str | None = None) -> None:
        """Run what is not done.

        Args:
            skip (Collection[str]): Names of steps that are not run. What others need of them must
                be there.
            until (str, optional): The last step that is run. Defaults to None: all.

        Raises:
            PipelineError: A step is unknown or failed, something that a step needs is not there
                (packages, data and weights of all steps are looked for before the first one),
                or another run works in the folder.
            ValueError: The state file cannot be read.
        """
        unknown = {*skip, *([until] if until else [])} - set(self.steps)
        if unknown:
            raise PipelineError(
                f'there is no step {", ".join(sorted(unknown))}; the steps are '
                f'{", ".join(self.steps)}'
            )
        self.work_dir.mkdir(parents=True, exist_ok=True)
        with self._alone() as lock:
            # Not before: another run may have been at work until now.
            self.state = PipelineState(self.work_dir / 'pipeline.json')
            self._check_before(skip, until)
            for number, step in enumerate(self.steps.values(), start=1):
                if step.left_out:
                    self._say(number, step, f'left out, {step.left_out}')
                elif step.name in skip:
                    self._say(number, step, 'skipped')
                else:
                    self._run_step(number, step, lock)
                if step.name == until:
                    break

    def outdated(self) -> set[Path]:
        """Outputs that are there, but of other settings than those of now, or of earlier outputs.

        The latter where a step that they were made of, directly or not, ran again since.
        """
        names = set()
        for step in self.steps.values():
            known = self.state.fingerprint(step.name)
            if known is not None and (self._outdated(step.name) or names.intersection(step.needs)):
                names.add(step.name)
        return {path for name in names for path in self.steps[name].outputs if path.exists()}

    def _outdated(self, name: str) -> str | None:
        """How an output was made, for a message, if not with what there is now; else None."""
        known = self.state.fingerprint(name)
        if known not in (None, self.fingerprints[name]):
            return 'with other settings than those of now'
        again = self._ran_again(name)
        return f'before {again}' if known is not None and again else None

    def _ran_again(self, name: str) -> str:
        """That steps which a step reads from ran again since it was begun, or ''."""
        again = self.state.ran_again(name, self.steps[name].needs)
        names = ' and '.join(f'the step {need}' for need in again)
        return f'{names} ran again' if again else ''

    def _is_done(self, step: Step) -> bool:
        """Whether a step is done with what there is now."""
        return (
            self.state.is_done(step.name)
            and self._outdated(step.name) is None
            and not step.missing()
        )

    def _check_before(self, skip: Collection[str], until: str | None) -> None:
        """Raise where a step will lack a package, data or weights: before hours of others."""
        will_run = set()
        lacking: dict[str, str] = {}
        # The masks to watch a segmentor's training by may be those of the pipeline.
        made = [path.absolute() for step in self.steps.values() for path in step.outputs]
        for step in self.steps.values():
            if not (step.left_out or step.name in skip) and (
                not self._is_done(step) or will_run.intersection(step.needs)
            ):
                will_run.add(step.name)
                if step.require is not None:
                    try:
                        step.require()
                    except ImportError as error:
                        raise PipelineError(
                            f'the step {step.name} would fail: {error}. Nothing was run; --until '
                            'STEP runs steps before it'
                        ) from None
                weights = dict(step.weights)
                if self._goes_on(step):
                    # From its own checkpoint.
                    weights.pop('load_from', None)
                absent = {**missing_inputs(step.reads), **missing_weights(weights)}
                for path, advice in absent.items():
                    if any(Path(path).absolute().is_relative_to(output) for output in made):
                        continue
                    line = f'\n    {path}, which the step {step.name} reads. {advice}'
                    lacking.setdefault(path, line)
            if step.name == until:
                break
        if lacking:
            raise PipelineError(
                'data or weights are not there. Nothing was run; --until STEP runs the steps '
                'before those that read them, --skip STEP leaves steps out'
                + ''.join(lacking.values())
            )

    @staticmethod
    def _goes_on(step: Step) -> bool:
        """Whether a training finds a checkpoint of its own to go on from."""
        return step.resumable_training and (step.outputs[0] / NOTE).is_file()

    def _run_step(self, number: int, step: Step, lock: int | None) -> None:
        if self._is_done(step):
            self._say(number, step, 'done before')
            return
        now, made_of = self.fingerprints[step.name], self.made_of[step.name]
        known, was_done = self.state.fingerprint(step.name), self.state.is_done(step.name)
        again = self._ran_again(step.name) if known == now else ''
        discarded = self.state.is_discarded(step.name)
        self._check_needs(step)
        note = ''
        if again:
            note = f': begins anew, for {again}'
        elif known == now and discarded:
            note = ': begins anew, for a run was stopped while it deleted the output'
        elif known == now:
            note = ': its output is gone' if was_done else ': goes on'
        elif known is not None:
            what = changes(self.state.made_of(step.name), made_of)
            note = f': begins anew, for there is a change: {what}'
        else:
            for path in step.outputs:
                if path.exists():
                    raise PipelineError(
                        f'{path} is there, but {self.state.path} does not know of it: move it '
                        'away, choose another --work-dir, or skip the step to use it as it is'
                    )
        self._say(number, step, step.what + self._shared(step) + note)
        if again or discarded or known not in (None, now):
            self.state.discard(step.name)
            for path in step.outputs:
                _delete(path)
        # Noted before anything is made: a run that is stopped here does not forget that what was
        # made of the earlier output is outdated.
        anew = bool(again or discarded or was_done or known != now)
        self.state.begin(step.name, now, made_of, step.needs, anew)
        start, done = time.monotonic(), False
        try:
            for command in step.commands:
                self._execute(step, command, lock)
            if step.missing():
                raise PipelineError(
                    f'the step {step.name} ended, but {step.missing()[0]} is not there'
                )
            done = True
        finally:
            self.state.end(step.name, time.monotonic() - start, done)
        self._say(number, step, f'done in {time.monotonic() - start:.0f} s')

    def _shared(self, step: Step) -> str:
        """On how many processes a training runs, where not on all of them, or ''."""
        processes = step.processes(self.processes)
        if not step.distributed or processes == self.processes:
            return ''
        return (
            f' on {processes} of {self.processes} processes, by which its batch of {step.batch} '
            'can be divided'
        )

    def _check_needs(self, step: Step) -> None:
        for name in step.needs:
            missing = self.steps[name].missing()
            if missing:
                raise PipelineError(
                    f'{step.name} needs {missing[0]}, which the step {name} makes: '
                    f'{self._advice(self.steps[name])}'
                )
            outdated = self._outdated(name)
            if outdated:
                self.say(f'  {name} was made {outdated}')
            # Only a step that is skipped is not done before those that need it.
            if self.state.is_half_done(name):
                self.say(
                    f'  {name} was stopped before its end: {step.name} is made of what is there, '
                    f'and again when {name} has run'
                )

    def _advice(self, step: Step) -> str:
        return f'do not skip it, or make it by\n    {self.command_line(step.commands[0])}'

    def command_line(self, command: Sequence[str]) -> str:
        """A command as the user can type it."""
        writes = {str(path): step.writes for step in self.steps.values() for path in step.outputs}

        def named(match: re.Match) -> str:
            return f'{match[1]}/{writes.get(match[1], Step.writes)}'

        parts = [_CHECKPOINT.sub(named, part) for part in command[1:]]
        return shlex.join(['python', f'tools/{command[0]}', *parts])

    def _execute(self, step: Step, command: Sequence[str], lock: int | None) -> None:
        tool, *arguments = (_CHECKPOINT.sub(self._last_checkpoint, part) for part in command)
        launch, processes = [sys.executable], step.processes(self.processes)
        if processes > 1:
            launch += ['-m', 'torch.distributed.run', '--standalone']
            launch += [f'--nproc_per_node={processes}']
        launch += [str(self.tools / tool), *arguments]
        if processes > 1:
            launch += ['--launcher', 'pytorch']
        if step.has_workers:
            launch += ['--num-workers', str(self.num_workers)]
        if isinstance(step.batch, int) and processes > 1:
            _add_option(launch, f'train_dataloader.batch_size={step.batch // processes}')
        if self._goes_on(step):
            launch.append('--resume')
        environment = dict(os.environ)
        path = [str(self.tools.parent), environment.get('PYTHONPATH')]
        environment['PYTHONPATH'] = os.pathsep.join(filter(None, path))
        log = self.work_dir / 'logs' / f'{step.name}.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, 'ab') as file:
            streams = {} if self.verbose else dict(stdout=file, stderr=subprocess.STDOUT)
            process = subprocess.Popen(
                launch,
                stdin=subprocess.DEVNULL,
                env=environment,
                # The lock is free when the pipeline and what it has started are gone. Processes of
                # a launcher do not hold it: it ends after them, or they with it.
                pass_fds=() if lock is None else (lock,),
                preexec_fn=die_with_parent if sys.platform == 'linux' else None,
                **streams,
            )
            try:
                status = process.wait()
            except BaseException:
                try:
                    self.say(f'  waiting for the end of {step.name}')
                finally:
                    _end(process)
                raise
        if status:
            end = '' if self.verbose else f' {log} ends:\n{_tail(log)}'
            raise PipelineError(
                f'the step {step.name} failed with status {status}.{end}\n'
                'Start the pipeline again to go on from here'
            )

    def _last_checkpoint(self, match: re.Match) -> str:
        try:
            return find_last_checkpoint(match[1])
        except FileNotFoundError as error:
            makes = next(s for s in self.steps.values() if Path(match[1]) in s.outputs)
            raise PipelineError(
                f'{error}. Delete {match[1]} and do not skip the step {makes.name}, or make one by'
                f'\n    {self.command_line(makes.commands[0])}'
            ) from None

    def _say(self, number: int, step: Step, text: str) -> None:
        self.say(f'[{number}/{len(self.steps)}] {step.name}: {text}')

    @contextmanager
    def _alone(self) -> Iterator[int | None]:
        """Hold the work folder; gives the handle that child processes hold too."""
        if fcntl is None:
            yield None
            return
        with open(self.work_dir / '.pipeline.lock', 'w') as file:
            until = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise PipelineError(
                            f'another run, or a step of one that was killed, still works in '
                            f'{self.work_dir}: wait for it, or stop it'
                        ) from None
                    time.sleep(0.2)
                except OSError:  # a file system without locks
                    break
            yield file.fileno()


def _end(process: subprocess.Popen) -> None:
    """Wait for the end of a step to which Ctrl-C has come as well, as a terminal sends it to all.

    One that does not end is asked to, and killed if that does not help either. It is not killed at
    once: a launcher would leave the processes that it has started to themselves. Another Ctrl-C
    cuts a wait short.
    """
    for ask in (None, process.terminate):
        if ask is not None:
            ask()
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_TIME_TO_END)
            return
    process.kill()
    process.wait()


def _add_option(launch: list[str], option: str) -> None:
    """Add a setting to a command that may have ``--cfg-options``, whose values are its last."""
    if '--cfg-options' in launch:
        launch.insert(launch.index('--cfg-options') + 1, option)
    else:
        launch += ['--cfg-options', option]


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _tail(path: Path) -> str:
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    return '\n'.join(f'    {line}' for line in lines[-15:])
