"""What a training step of BAS costs beside one of CAM, and where its time goes.

    python tools/analysis_tools/benchmark_train.py
    python tools/analysis_tools/benchmark_train.py --backbones resnet50 --classes 200 1000
    python tools/analysis_tools/benchmark_train.py --variants channels_last bf16 channels_last+bf16
    python tools/analysis_tools/benchmark_train.py --cam CAM_CONFIG --bas BAS_CONFIG

For each network, CAM and BAS with random weights take whole steps (``train_step`` with the
recipe's optimizer, from a batch of random bytes, as a loader gives it, to new weights) in turn, so
that a busy moment falls on all. A round is ``--steps`` steps, after which a GPU is waited for: in
training the host goes on to the next step meanwhile. Printed, as Markdown, and written to ``--out``
with the seconds of a step in each round:

1. The multiply-adds of a step, and the limit that follows: BAS runs tail and classifier a second
   time, forward and back to their input, and that over a CAM step is what BAS adds. The limit has
   the classifier's last layer whole; the step computes one class of it for each image.
2. Medians of the steps, the rounds' ratios BAS / CAM (their median, the smallest and the largest:
   a difference within that spread says nothing), the median over the limit, and the peak memory:
   weights, buffers, the optimizer's state and what a step allocates beyond them. On a CPU the
   latter is the exact sum of what torch's allocator gave out (oneDNN's and BLAS's own scratch
   memory is not in it), on a GPU torch's figure. There *wait* is how long the host waits for the
   device at the end of a round. The host goes ahead of a device that is busy all the time. Where it
   is hardly ahead, one has waited for the other within the steps: the device for the host, to
   whose work the limit does not apply, or the host for the device, as a loss scaler has it do in
   each step unless the optimizer is fused. Such steps are named below the tables.
3. The parts of a step, medians over as many steps of their own, in which the device is waited for
   at the borders of the parts. ``data`` is moving and normalising; reading files and collating are
   the loader's affair. The backward passes of the AMC and of the generator alone are
   timed before the whole one. Parts are those of the model as it is written: a compiled one has
   none, so that ``compile`` is off for them.
4. With ``--variants``: each option beside the base, on a CPU all in the same rounds, on a GPU each
   in rounds of its own with the base, so that no more than four models share its memory. The base
   is the config's own; float32 on a GPU is torch's default, with TF32 in convolutions. What options
   do to the numbers is not this tool's question: ``tests/test_models/test_golden.py`` answers it.

Mixed precision of a config is bfloat16 on a CPU, as with ``tools/train.py --amp``.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

if ((ROOT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(ROOT))

from bas_mm.benchmarking.device import held_bytes, peak_bytes, pin_pictures, synchronise
from bas_mm.benchmarking.figures import OUT_HELP, write_figures
from bas_mm.benchmarking.networks import (
    BACKBONES,
    collate_of,
    initial_model,
    quiet_logs,
    random_items,
    without_weights,
)
from bas_mm.benchmarking.part_clock import PartClock, replaced
from bas_mm.benchmarking.timing import (
    parts_and_shares,
    ratio_cells,
    ratio_of_rounds,
    seconds_in_turn,
)
from bas_mm.command_line import (
    OneLineParser,
    fail,
    load_config,
    require_file,
    require_writable,
    run_command,
    set_cpu_amp,
)

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config

METHODS = ('CAM', 'BAS')
BASE = 'base'
OPTIONS = ('channels_last', 'bf16', 'fp16', 'compile', 'fused', 'foreach', 'checkpoint')
SEGMENTS = 4  # of activation checkpointing
HARDLY = 0.1  # of a step: a wait that is shorter says that the host was not ahead
WARM_UP = 2  # steps; the optimizer's state is made in its first one
MORE = 20  # steps at most, where the optimizer has made none: gradients of float16 overflow

#: Parts of a step, in its order. ``backward`` is the whole of it.
PARTS = {
    'data': 'data',
    'front': 'front',
    'tail': 'tail and classifier',
    'generator': 'generator',
    'amc': 'AMC pass',
    'losses': 'losses',
    'backward': 'backward',
    'optimizer': 'optimizer',
    PartClock.REST: 'rest',
}
#: Parts of ``backward``.
BACKWARD_PARTS = ('backward_amc', 'backward_generator')


def apply_variant(cfg: Config, variant: str, device: torch.device) -> None:
    """Switch options on in a config, in place.

    Args:
        cfg (Config): a training config.
        variant (str): 'base', or names of :data:`OPTIONS` with a + between.
        device (torch.device): mixed precision on CPUs has a wrapper of its own.
    """
    for option in variant.split('+'):
        if option == 'channels_last':
            cfg.model.channels_last = True
        elif option == 'compile':
            cfg.model.compile = dict()
        elif option == 'checkpoint':
            cfg.model.checkpoint_segments = SEGMENTS
        elif option in ('fused', 'foreach'):
            cfg.optim_wrapper.optimizer[option] = True
        elif option == 'bf16' and device.type == 'cpu':
            set_cpu_amp(cfg)
        elif option == 'bf16':  # has float32's range: nothing to scale
            unscaled = dict(enabled=False)
            cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=unscaled)
        elif option == 'fp16':
            cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype='float16')
            # From the usual 2.0**16 the first steps may overflow, and are left out. Not by
            # update(), which would keep what the config has beside it.
            cfg.optim_wrapper.loss_scale = dict(init_scale=2.0**12)


def build(cfg: Config, what: str) -> torch.nn.Module:
    """The model, or an error in one line where it does not take what the config gives it."""
    try:
        return initial_model(cfg)
    except TypeError as error:
        fail(f'{what}: {error}')


class Contender:
    """A model that trains on one batch again and again.

    Args:
        cfg (Config): its config.
        what (str): its name, for errors.
        items (list[dict]): the batch, as a data set gives its samples.
        device (torch.device): where it trains.
    """

    def __init__(self, cfg: Config, what: str, items: list[dict], device: torch.device) -> None:
        import torch
        from mmengine.optim import build_optim_wrapper

        torch.manual_seed(0)
        self.model = build(cfg, what).to(device).train()
        self.wrapper = build_optim_wrapper(self.model, cfg.optim_wrapper)
        self.what = what
        # Samples of its own: a step leaves its labels on the device.
        own = [{**item, 'data_samples': item['data_samples'].clone()} for item in items]
        self.batch = collate_of(cfg.train_dataloader)(own)
        self.labels = [sample.gt_label for sample in self.batch['data_samples']]
        pin_pictures(self.batch, cfg.train_dataloader, device)
        self.device = device

    def data(self) -> dict:
        """The batch as a loader gives it: pictures in pinned memory, labels on the host."""
        for sample, label in zip(self.batch['data_samples'], self.labels):
            sample.set_field(label, 'gt_label')
        return self.batch

    def steps(self, count: int = 1) -> float:
        """Whole steps, one after the other; the last one is waited for.

        Returns:
            float: the seconds of this wait.
        """
        for _ in range(count):
            self.model.train_step(self.data(), self.wrapper)
        begin = time.perf_counter()
        synchronise(self.device)
        return time.perf_counter() - begin

    def warm_up(self) -> None:
        """Steps before the timed ones: until the optimizer has its state, and the loss its scale.

        Raises:
            SystemExit: With status 2, where the optimizer makes none of the steps.
        """
        done: list[bool] = []
        hook = self.wrapper.optimizer.register_step_post_hook(lambda *_: done.append(True))
        self.steps(WARM_UP)
        for _ in range(MORE):
            if done:
                break
            self.steps()
        hook.remove()
        if not done:
            fail(
                f'{self.what}: the optimizer left out all of {WARM_UP + MORE} steps, as it does '
                'where gradients overflow; lower optim_wrapper.loss_scale of the config'
            )

    def parts(self) -> dict[str, float]:
        """Seconds of a whole step by :data:`PARTS`, and of :data:`BACKWARD_PARTS`.

        A compiled model runs as it is written: it would be compiled anew for the methods that are
        replaced here, and that in pieces.
        """
        with replaced(self.model, 'compile_cfg', None):
            return self._parts()

    def _parts(self) -> dict[str, float]:
        import torch

        model, wrapper, clock = self.model, self.wrapper, PartClock(self.device)
        data = self.data()
        methods = [
            ('data', model.data_preprocessor, 'forward'),
            ('front', model.split, 'front'),
            ('tail', model.split, 'tail'),
            ('tail', model.head, 'forward'),
            ('losses', model.head, 'loss'),
            ('losses', model, 'parse_losses'),
            ('optimizer', wrapper, 'step'),
            ('optimizer', wrapper, 'zero_grad'),
        ]
        if not hasattr(model, 'generator'):
            methods.append(('backward', wrapper, 'backward'))
            with clock.watching(methods):
                model.train_step(data, wrapper)
            return dict(clock.seconds)

        methods += [
            ('generator', model.generator, 'forward'),
            ('amc', model, 'foreground_and_background'),
        ]
        seen: list[torch.Tensor] = []
        run_amc = model.foreground_and_background
        run_backward = clock.timed('backward', wrapper.backward)

        def remember(features: torch.Tensor, classes: torch.Tensor) -> tuple:
            maps, background = run_amc(features, classes)
            seen[:] = features, maps, background
            return maps, background

        def backward_thrice(loss: torch.Tensor, **kwargs) -> None:
            features, maps, background = seen
            sources = [t for t in (features, *model.generator.parameters()) if t.requires_grad]
            for part, output, inputs in (
                ('backward_amc', background, [maps]),
                ('backward_generator', maps, sources),
            ):
                gradient = torch.ones_like(output)
                with clock.part(part):
                    torch.autograd.grad(output, inputs, gradient, retain_graph=True)
            run_backward(loss, **kwargs)

        with (
            replaced(model, 'foreground_and_background', remember),
            replaced(wrapper, 'backward', backward_thrice),
            clock.watching(methods),
        ):
            model.train_step(data, wrapper)
        return dict(clock.seconds)


def limit_of(cfg: Config, size: int) -> dict:
    """Multiply-adds per image of a BAS config's step, and the limit."""
    from dataclasses import asdict

    from bas_mm.benchmarking.multiply_adds import step_multiply_adds

    work = step_multiply_adds(build(cfg, 'BAS').to('meta'), (size, size))
    return dict(
        **asdict(work),
        cam=work.cam,
        limit=work.limit,
        limit_with_generator=work.limit_with_generator,
    )


def groups_of(variants: Sequence[str], device: torch.device) -> list[list[str]]:
    """Variants that are timed in the same rounds: the base is in each group.

    Args:
        variants (Sequence[str]): the base first.
        device (torch.device): a GPU's memory has few models at a time, a base and a variant.
    """
    if device.type == 'cpu' or len(variants) == 1:
        return [list(variants)]
    return [[BASE, variant] for variant in variants[1:]]


def round_of(contender: Contender, count: int, waits: list[float]) -> None:
    """A round's steps, and the wait at its end."""
    waits.append(contender.steps(count))


def measure(
    read: Callable[[str], Config],
    variants: Sequence[str],
    args: argparse.Namespace,
    device: torch.device,
) -> dict:
    """All figures of one network.

    Args:
        read (Callable): the config of a method, a new one at each call.
        variants (Sequence[str]): see :func:`apply_variant`; the base comes first.
        args (Namespace): ``batch``, ``rounds``, ``steps``, ``size``, ``methods`` and ``no_parts``.
        device (torch.device): where to train.

    Returns:
        dict: plain values for a JSON file.
    """
    import torch

    cfg = read('BAS')
    result: dict = dict(classes=cfg.model.head.num_classes)
    result['multiply_adds'] = limit_of(cfg, args.size)
    torch.backends.cudnn.benchmark = bool(cfg.get('env_cfg', {}).get('cudnn_benchmark'))
    items = random_items(args.batch, args.size, result['classes'])
    # After its eighth model torch would run those of further networks uncompiled.
    torch.compiler.reset()

    def contender_of(variant: str, method: str) -> tuple[Contender, dict]:
        cfg = read(method)
        apply_variant(cfg, variant, device)
        contender = Contender(cfg, f'{method}, {variant}', items, device)
        contender.warm_up()
        held = held_bytes(contender.model, contender.wrapper.optimizer)
        peak = held + peak_bytes(contender.steps, device)
        return contender, dict(held_bytes=held, peak_bytes=peak)

    contenders, steps = {}, {}
    for group in groups_of(variants, device):
        # Those of the group before give their memory back.
        contenders = {key: c for key, c in contenders.items() if key[0] == BASE}
        gc.collect()
        for key in product(group, args.methods):
            if key not in contenders:
                contenders[key], steps[key] = contender_of(*key)
        waits: dict = {key: [] for key in contenders}
        times = seconds_in_turn(
            args.rounds,
            {key: partial(round_of, c, args.steps, waits[key]) for key, c in contenders.items()},
        )
        seconds, core_seconds = (
            {key: [pair[i] / args.steps for pair in pairs] for key, pairs in times.items()}
            for i in (0, 1)
        )
        for variant, method in times:
            step = steps[variant, method]
            if 'seconds' in step:
                continue  # the base's row is of its first group
            step['seconds'] = seconds[variant, method]
            step['core_seconds'] = core_seconds[variant, method]
            step['base_seconds'] = seconds[BASE, method]  # in the same rounds
            step['median'] = statistics.median(step['seconds'])
            step['wait_seconds'] = waits[variant, method]  # of a round
            step['wait'] = statistics.median(step['wait_seconds'])
            step['images_per_second'] = args.batch / step['median']
    result['variants'] = {
        variant: {method: steps[variant, method] for method in args.methods} for variant in variants
    }
    for rows in result['variants'].values():
        for method, row in rows.items():
            base = result['variants'][BASE][method]
            row['time_to_base'] = ratio_of_rounds(row['seconds'], row['base_seconds'])
            row['memory_to_base'] = row['peak_bytes'] / base['peak_bytes']
        if set(METHODS) <= set(rows):
            ratio = ratio_of_rounds(rows['BAS']['seconds'], rows['CAM']['seconds'])
            rows['BAS']['time_to_cam'] = ratio
            rows['BAS']['over_limit'] = ratio['median'] / result['multiply_adds']['limit']
            rows['BAS']['memory_to_cam'] = rows['BAS']['peak_bytes'] / rows['CAM']['peak_bytes']
    if not args.no_parts:
        result['parts'] = measure_parts(
            {method: contenders[BASE, method] for method in args.methods}, args.rounds
        )
    return result


def measure_parts(contenders: dict[str, Contender], rounds: int) -> dict[str, dict]:
    """Medians of the parts' seconds by method, and their shares of the sum."""
    seconds = {method: [] for method in contenders}
    for _ in range(rounds):
        for method, contender in contenders.items():
            seconds[method].append(contender.parts())
    result = {}
    for method, rows in seconds.items():
        # CAM has not all of them.
        there, inner = ([p for p in parts if p in rows[0]] for parts in (PARTS, BACKWARD_PARTS))
        result[method] = parts_and_shares(rows, there, inner)
    return result


def limit_table(networks: Sequence[dict]) -> list[list[str]]:
    """Multiply-adds and limits, per image."""
    rows = [['network', 'C', 'CAM step', 'AMC pass', 'limit', 'one map', 'limit with one map']]
    for network in networks:
        work = network['multiply_adds']
        amc, generator = (sum(work[part].values()) for part in ('amc', 'generator'))
        rows.append(
            [
                network['name'],
                str(network['classes']),
                f'{work["cam"] / 1e9:.2f} G',
                f'{amc / 1e9:.2f} G',
                f'{work["limit"]:.4f}',
                f'{generator / 1e9:.3f} G',
                f'{work["limit_with_generator"]:.4f}',
            ]
        )
    return rows


def step_table(networks: Sequence[dict], variant: str, waits: bool) -> list[list[str]]:
    """Steps of CAM and BAS, their ratio and the limit.

    Args:
        networks (Sequence[dict]): of :func:`measure`.
        variant (str): of which option.
        waits (bool): with the wait at the end of a round; a CPU does the work itself.
    """
    wait = ['wait, s'] * waits
    rows = [
        ['network', 'C', 'CAM, s', *wait, 'images/s', 'BAS, s', *wait, 'images/s', 'BAS / CAM']
        + ['min – max', 'limit', 'over the limit', 'CAM, MiB', 'BAS, MiB', 'ratio']
    ]
    for network in networks:
        cam, bas = (network['variants'][variant][method] for method in METHODS)
        limit = network['multiply_adds']['limit']
        rows.append(
            [network['name'], str(network['classes'])]
            + [*_step(cam, waits), f'{cam["images_per_second"]:.2f}']
            + [*_step(bas, waits), f'{bas["images_per_second"]:.2f}']
            + [*ratio_cells(bas['time_to_cam']), f'{limit:.3f}', f'{bas["over_limit"] - 1:+.1%}']
            + [_mib(cam['peak_bytes']), _mib(bas['peak_bytes']), f'{bas["memory_to_cam"]:.3f}']
        )
    return rows


def parts_table(networks: Sequence[dict]) -> list[list[str]]:
    """Seconds and shares of the parts."""
    labels = {**PARTS, 'backward_amc': '– of the AMC', 'backward_generator': '– of the generator'}
    order = ['data', 'front', 'tail', 'generator', 'amc', 'losses', 'backward', *BACKWARD_PARTS]
    order += [part for part in PARTS if part not in order]
    head = ['network', 'C', 'method', 'step, s']
    rows = [head + [labels[part] for part in order]]
    for network in networks:
        for method, parts in network['parts'].items():
            row = [network['name'], str(network['classes']), method, f'{parts["sum"]:.4g}']
            shares = parts['shares']
            rows.append(row + [f'{shares[p]:.1%}' if p in shares else '' for p in order])
    return rows


def variants_table(
    networks: Sequence[dict], variants: Sequence[str], waits: bool
) -> list[list[str]]:
    """Each option beside the base; ``waits`` as in :func:`step_table`."""
    rows = [
        ['network', 'C', 'method', 'variant', 'step, s', *['wait, s'] * waits, 'time / base']
        + ['min – max', 'MiB', 'memory / base', 'BAS / CAM', 'min – max']
    ]
    for network in networks:
        for variant in variants:
            for method, row in network['variants'][variant].items():
                rows.append(
                    [network['name'], str(network['classes']), method, variant]
                    + [
                        *_step(row, waits),
                        *ratio_cells(row['time_to_base']),
                        _mib(row['peak_bytes']),
                    ]
                    + [f'{row["memory_to_base"]:.3f}']
                    + (ratio_cells(row['time_to_cam']) if 'time_to_cam' in row else ['', ''])
                )
    return rows


def held_up(networks: Sequence[dict]) -> list[str]:
    """The steps in which the host was hardly ahead of the device."""
    return [
        f'{network["name"]} (C = {network["classes"]}, {method}, {variant})'
        for network in networks
        for variant, rows in network['variants'].items()
        for method, row in rows.items()
        if row['wait'] < HARDLY * row['median']
    ]


def _step(row: dict, waits: bool) -> list[str]:
    return [f'{row[key]:.4g}' for key in ('median', *['wait'] * waits)]


def _mib(count: int) -> str:
    return f'{count / 2**20:.1f}'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; configs that must exist do."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--backbones',
        nargs='+',
        choices=BACKBONES,
        default=BACKBONES,
        help="of the paper's; default: all",
    )
    parser.add_argument('--cam', nargs='+', default=[], help='configs, in place of --backbones')
    parser.add_argument('--bas', nargs='+', default=[], help='configs, one for each of --cam')
    parser.add_argument(
        '--classes', type=int, nargs='+', help="numbers of classes; default: the configs' own"
    )
    parser.add_argument(
        '--methods',
        nargs='+',
        choices=METHODS,
        default=METHODS,
        help='which to time; default: both',
    )
    parser.add_argument(
        '--variants',
        nargs='+',
        default=[],
        metavar='OPTION[+OPTION]',
        help=f'beside the base: {", ".join(OPTIONS)}',
    )
    parser.add_argument('--batch', type=int, help='pictures; default: 16 on a CPU, 32 on a GPU')
    parser.add_argument(
        '--size', type=int, default=224, help='side of the pictures; default: %(default)s'
    )
    parser.add_argument(
        '--rounds', type=int, default=5, help='how often each is timed; default: %(default)s'
    )
    parser.add_argument('--steps', type=int, help='of a round; default: 1 on a CPU, 5 on a GPU')
    parser.add_argument('--no-parts', action='store_true', help='whole steps only')
    parser.add_argument('--device', help="such as 'cpu'; default: a GPU if there is one")
    parser.add_argument('--threads', type=int, help="torch's threads; default: torch's own choice")
    parser.add_argument('--out', help=OUT_HELP)
    parser.add_config_options('for all configs')
    args = parser.parse_args(argv)
    if len(args.cam) != len(args.bas):
        parser.error('--cam and --bas take the same number of configs')
    numbers = (args.batch, args.size, args.rounds, args.steps, args.threads, *(args.classes or ()))
    if min(number for number in numbers if number is not None) < 1:
        parser.error('sizes and numbers must be at least 1')
    for variant in args.variants:
        for option in variant.split('+'):
            if option not in (BASE, *OPTIONS):
                parser.error(f'there is no option {option!r}; there are: {", ".join(OPTIONS)}')
    if not args.cam:
        args.cam, args.bas = (
            [str(ROOT / f'configs/{method}/{method}_{b}_cub.py') for b in args.backbones]
            for method in ('cam', 'bas')
        )
        args.names = list(args.backbones)
    else:
        args.names = [Path(path).stem for path in args.bas]
    for path in (*args.cam, *args.bas):
        require_file(path, 'config')
    if args.out:
        require_writable(args.out, '--out')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Measure one network after the other, print the tables, write the figures."""
    args = parse_args(argv)
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # the profiler's own remarks

    import torch
    from mmengine.device import get_device

    from bas_mm.utils.markdown_table import markdown_table

    if args.threads:
        torch.set_num_threads(args.threads)
    quiet_logs()
    device = torch.device(args.device or get_device())
    args.batch = args.batch or (16 if device.type == 'cpu' else 32)
    args.steps = args.steps or (1 if device.type == 'cpu' else 5)
    variants = list(dict.fromkeys((BASE, *args.variants)))
    if device.type == 'cpu' and any('fp16' in variant.split('+') for variant in variants):
        fail('fp16 needs a GPU; on a CPU there is bf16')
    networks = []

    def write(partial: bool = False) -> None:
        if args.out:
            counts = dict(batch=args.batch, size=args.size, rounds=args.rounds, steps=args.steps)
            write_figures(args.out, argv, device, partial, **counts, networks=networks)

    for name, *paths in zip(args.names, args.cam, args.bas):
        files = dict(zip(METHODS, paths))

        for num_classes in args.classes or [None]:
            print(f'{name} …', file=sys.stderr, flush=True)

            def read(method: str, files: dict = files, classes: int | None = num_classes) -> Config:
                cfg = load_config(files[method], args.cfg_options, None)
                # mmengine's own wrapper refuses to work there.
                if device.type == 'cpu' and cfg.optim_wrapper.get('type') == 'AmpOptimWrapper':
                    set_cpu_amp(cfg)
                return without_weights(cfg, classes)

            figures = measure(read, variants, args, device)
            networks.append(dict(name=name, configs=files, **figures))
            write(partial=True)
            gc.collect()
            if device.type == 'cuda':
                torch.cuda.empty_cache()

    waits = device.type != 'cpu'
    tables = {'Multiply-adds per image, and the limit': limit_table(networks)}
    if set(METHODS) <= set(args.methods):
        tables[f'Steps, batch {args.batch}'] = step_table(networks, BASE, waits)
    if not args.no_parts:
        tables['Parts of a step'] = parts_table(networks)
    if len(variants) > 1:
        tables['Options'] = variants_table(networks, variants, waits)
    for title, rows in tables.items():
        print(f'\n{title}:\n\n{markdown_table(rows)}')
    if waits and (steps := held_up(networks)):
        print(f'\nThe host was hardly ahead of the device in: {", ".join(steps)}')
    write()


if __name__ == '__main__':
    run_command(main)
