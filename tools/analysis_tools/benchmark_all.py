"""Tables like those of docs/benchmarks.md on this machine, into files of one folder.

    python tools/analysis_tools/benchmark_all.py work_dirs/benchmarks
    python tools/analysis_tools/benchmark_all.py work_dirs/benchmarks --parts steps --minutes 5

Each part is a command, shown before it runs, whose output goes to ``PART.md``, its figures to
``PART.json`` and what it says else to ``PART.log``. One that fails, or is not done after
``--minutes``, does not stop the others; the figures of the networks that it had measured are in
``PART.partial.json``. Ctrl-C and SIGTERM stop the part that runs, and with it this command. At the
end there is a line for each, and the exit status is 1 unless all went well. A part whose figures
are there is not run again: the same command goes on where it was stopped. On two cores several of
them take a quarter of an hour and more.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import require_writable, run_command

TOOLS = Path(__file__).resolve().parent

#: What keeps up with a GPU, with sixteen cores beside it.
PROCESSES = '--workers 12 --metric-workers 3'

#: The parts, those first that a machine lent for a short time should do: a tool, its arguments, and
#: more of them for CPUs and for GPUs. ``tests/test_tools/test_benchmark_all.py`` sees that the
#: tools take them.
PARTS = {
    'steps': ('benchmark_train.py', '--classes 200 1000 --no-parts', '', '--rounds 20'),
    'options': (
        'benchmark_train.py',
        '--backbones resnet50 --classes 200 --variants channels_last bf16 channels_last+bf16 fused '
        'checkpoint',
        'foreach',  # on GPUs torch does so by itself
        'fp16 --rounds 20',
    ),
    'exactness': ('check_device.py', '', '', ''),
    # Of one network each: code for a GPU takes a minute and more, and a part has its limit.
    'compile': (
        'benchmark_train.py',
        '--backbones resnet50 --classes 200 --no-parts --variants compile',
        '',
        '--rounds 20',
    ),
    'compile_bf16': (
        'benchmark_train.py',
        '--backbones resnet50 --classes 200 --no-parts --variants channels_last+bf16+compile',
        '',
        '--rounds 20',
    ),
    'inference': (
        'benchmark_inference.py',
        '--backbones resnet50 --classes 200',
        '',
        f'--rounds 9 --pictures 2048 --views centre {PROCESSES}',
    ),
    'test_of_cub': (
        'benchmark_inference.py',
        '--backbones mobilenetv1 --classes 200 --pictures 5794 --views centre --rounds 1',
        '',
        PROCESSES,
    ),
    'exactness_compile': (
        'check_device.py',
        '--backbones resnet50 --variants compile bf16+compile',
        '',
        '',
    ),
    'loader': ('benchmark_loader.py', '--workers 0 1 2 4 8', '', ''),
    'norms': ('benchmark_norms.py', '--rounds 15', '', ''),
    'hooks': ('benchmark_hooks.py', '', '', ''),
}


def gpu_count() -> int:
    """CUDA devices, counted in a process of its own: this one leaves them to the commands."""
    count = 'import torch; print(torch.cuda.device_count())'
    command = [sys.executable, '-W', 'ignore', '-c', count]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def command_of(part: str, folder: Path, gpus: int) -> list[str]:
    """A part's command.

    Args:
        part (str): of :data:`PARTS`.
        folder (Path): where its figures go.
        gpus (int): how many GPUs there are.
    """
    tool, arguments, on_cpus, on_gpus = PARTS[part]
    words = [*arguments.split(), *(on_gpus if gpus else on_cpus).split()]
    if part == 'norms' and gpus == 1:  # two processes need a GPU each
        words += ['--device', 'cpu']
    return [sys.executable, str(TOOLS / tool), *words, '--out', str(folder / f'{part}.json')]


def run(part: str, folder: Path, gpus: int, seconds: float | None) -> str:
    """Run a part; how it ended, in a word or two."""
    if (folder / f'{part}.json').exists():
        return 'was there'
    command = command_of(part, folder, gpus)
    print(f'{part}: {shlex.join(command)}', flush=True)
    begin, status = time.monotonic(), None
    with (folder / f'{part}.md').open('w') as out, (folder / f'{part}.log').open('w') as log:
        # In a session of its own, which is stopped as a whole: commands start processes.
        process = subprocess.Popen(
            command, stdout=out, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f'stopped after {seconds:g} s'
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if status != 0 and (folder / f'{part}.json').exists():  # not of all
                (folder / f'{part}.json').replace(folder / f'{part}.partial.json')
    if status:
        return f'FAILED with status {status}, see {folder / part}.log'
    return f'done, {time.monotonic() - begin:.0f} s'


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM, as ``timeout`` and job systems send it, ends what runs inside by SystemExit.

    It would end this process alone: a part in its session would go on, and use the device.
    """

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('folder', type=Path, help='folder of the results')
    parser.add_argument(
        '--parts',
        nargs='+',
        choices=tuple(PARTS),
        default=list(PARTS),
        help='what to run; default: all',
    )
    parser.add_argument('--minutes', type=float, help='that a part may take; default: no limit')
    args = parser.parse_args(argv)
    if args.minutes is not None and args.minutes <= 0:
        parser.error('--minutes must be above 0')
    require_writable(args.folder, 'FOLDER', folder=True)
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run the parts one after the other."""
    args = parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    gpus = gpu_count()
    seconds = None if args.minutes is None else 60 * args.minutes
    with ended_by_sigterm():
        ends = {part: run(part, args.folder, gpus, seconds) for part in args.parts}
    for part, end in ends.items():
        print(f'{part:18}{end}')
    if not all(end.startswith(('done', 'was there')) for end in ends.values()):
        raise SystemExit(1)


if __name__ == '__main__':
    run_command(main)
