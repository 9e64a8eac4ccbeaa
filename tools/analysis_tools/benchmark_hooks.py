"""What the bookkeeping of a training step costs the host, early and late in a training.

    python tools/analysis_tools/benchmark_hooks.py
    python tools/analysis_tools/benchmark_hooks.py --iterations 0 90000 --rounds 9

After each step mmengine's ``RuntimeInfoHook`` puts the step's losses into the message hub, which
keeps all values of all steps; rates and times are put there as well. ``DeferredRuntimeInfoHook``,
which our configs have in its place, reads the losses when the log is written and keeps the last
10,000 values. Both run on message hubs of their own, which have had so many iterations already, in
turn: medians over the rounds of so many steps as lie between two lines of the log. Printed are
the milliseconds of a step and what the message hub takes of a checkpoint.

The losses are on the CPU here. On a GPU mmengine's hook waits for the step on top of this.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import require_writable, run_command

if TYPE_CHECKING:
    from mmengine.logging import MessageHub

#: Of a step of BAS.
OUTPUTS = ('loss', 'loss_cls', 'loss_fg', 'loss_bas', 'loss_area', 'acc_cls', 'acc_fg')
RATES = ('base_lr', 'lr')
TIMES = ('data_time', 'time')
INTERVAL = 50  # of the log
HOOKS = ('RuntimeInfoHook', 'DeferredRuntimeInfoHook')


def hub_after(iterations: int, name: str) -> MessageHub:
    """A message hub that mmengine's hook has filled."""
    from mmengine.logging import HistoryBuffer, MessageHub

    hub = MessageHub.get_instance(name)
    for scalar in (*OUTPUTS, *RATES, *TIMES) if iterations else ():
        hub.update_scalar(f'train/{scalar}', 1.0)
        hub.log_scalars[f'train/{scalar}'] = HistoryBuffer([1.0] * iterations, [1] * iterations)
    return hub


def steps_with(hook_type: str, hub: MessageHub, iterations: int) -> Callable[[], None]:
    """A function that does the bookkeeping of :data:`INTERVAL` steps."""
    import torch
    from mmengine.hooks import LoggerHook
    from mmengine.registry import HOOKS as REGISTRY
    from mmengine.runner import LogProcessor

    hook = REGISTRY.build(dict(type=hook_type, _scope_='bas_mm'))
    runner = SimpleNamespace(
        message_hub=hub,
        iter=iterations,
        epoch=0,
        max_iters=10**9,
        hooks=[LoggerHook(INTERVAL)],
        log_processor=LogProcessor(),
        optim_wrapper=SimpleNamespace(get_lr=lambda: {name: [0.001] for name in RATES}),
        train_dataloader=range(10**9),
    )
    outputs = {name: torch.tensor(1.0) for name in OUTPUTS}

    def steps() -> None:
        for index in range(INTERVAL):
            hook.before_train_iter(runner, index)
            hub.update_scalar('train/data_time', 0.01)
            hook.after_train_iter(runner, index, outputs=outputs)
            hub.update_scalar('train/time', 0.1)
            runner.iter += 1

    return steps


def checkpoint_bytes(hub: MessageHub) -> int:
    """What the message hub takes of a checkpoint."""
    import torch

    content = io.BytesIO()
    torch.save(hub.state_dict(), content)
    return content.tell()


def measure(iterations: int, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a step and bytes of a checkpoint, by hook."""
    from bas_mm.benchmarking.timing import in_turn

    hubs = {hook: hub_after(iterations, f'{hook} {iterations}') for hook in HOOKS}
    functions = {hook: steps_with(hook, hub, iterations) for hook, hub in hubs.items()}
    for function in functions.values():  # also cuts the histories
        function()
    times = in_turn(rounds, **functions)
    return {
        hook: dict(
            ms=1e3 * times[hook]['median'] / INTERVAL,
            best_ms=1e3 * times[hook]['best'] / INTERVAL,
            checkpoint_bytes=checkpoint_bytes(hubs[hook]),
        )
        for hook in HOOKS
    }


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--iterations',
        type=int,
        nargs='+',
        default=[0, 90_000, 360_000],
        help='how many came before; default: 0 90000 360000',
    )
    parser.add_argument(
        '--rounds', type=int, default=5, help=f'of {INTERVAL} steps each; default: %(default)s'
    )
    parser.add_argument('--out', help='JSON file of all figures')
    args = parser.parse_args(argv)
    if min(args.iterations) < 0 or args.rounds < 1:
        parser.error('numbers must be positive')
    if args.out:
        require_writable(args.out, '--out')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the table, write the figures."""
    args = parse_args(argv)

    from bas_mm.benchmarking.figures import write_figures
    from bas_mm.utils.markdown_table import markdown_table

    rows = [['iterations', 'hook', 'ms of a step', 'best', 'MB of a checkpoint']]
    figures = {}
    for iterations in args.iterations:
        figures[str(iterations)] = measure(iterations, args.rounds)
        for hook, row in figures[str(iterations)].items():
            numbers = f'{row["ms"]:.3f}', f'{row["best_ms"]:.3f}'
            rows.append([f'{iterations:,}', hook, *numbers, f'{row["checkpoint_bytes"] / 1e6:.2f}'])
    print(markdown_table(rows))
    if args.out:
        write_figures(args.out, argv, 'cpu', rounds=args.rounds, figures=figures)


if __name__ == '__main__':
    run_command(main)
