"""Whether a device, a type or an option computes a training step as a CPU does in float64.

    python tools/analysis_tools/check_device.py
    python tools/analysis_tools/check_device.py --backbones mobilenetv1 --variants float32 bf16

For each network BAS with random weights takes the losses of one batch and their gradients: once on
the CPU in float64, by the operators as they are written, and then on the device in each way that
``--variants`` names. Printed, as Markdown, and written to ``--out``, how far the others are off:

* *loss*: of its value
* *norms*: the gradients' norms, median and largest of those of the larger half
* *directions*: |g − g'| / |g'| of the same gradients, median
* *statistics*: the running means and variances after the step, |b − b'| / |b'|, largest

float32 on the CPU is the first row, as the measure of what rounding alone does: in a network that
has learnt nothing it turns gradients, the more the deeper it is. On GPUs *float32* rounds no
factors to TF32, *tf32* and the short types those of convolutions and products (torch's default:
convolutions alone). A loss in float16 is multiplied by 1024 before it goes back.

On a GPU, too, a whole ``train_step`` with torch's warnings of waits switched on: *waits* counts
where the host waited for the device, and names the lines. It is the recipe's own, and one of mixed
precision by each way of :func:`trainings`.

The last table is of batch norms that share their statistics: in a job of one process, that is with
nobody to share them with, how far y, the gradients of x, γ and β and the running statistics are off
those that the plain norm gives in float64 on the CPU. The job is a process of its own.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

if ((ROOT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(ROOT))

from bas_mm.benchmarking.figures import write_figures
from bas_mm.benchmarking.networks import (
    add_network_arguments,
    quiet_logs,
    resolve_networks,
    without_weights,
)
from bas_mm.benchmarking.process_group import run_in_group
from bas_mm.command_line import OneLineParser, fail, load_config, run_command

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config


@dataclass(frozen=True)
class Variant:
    """A way to compute a step.

    Attributes:
        dtype: that of weights and pictures, 'float32' or 'float64'.
        half: that of autocast; None: none.
        tf32: whether a GPU may round factors to TF32.
        options: of the model.
    """

    dtype: str = 'float32'
    half: str | None = None
    tf32: bool = False
    options: tuple[tuple[str, object], ...] = ()

    @property
    def scale(self) -> int:
        """By what the loss is multiplied, so that small gradients have a float16."""
        return 1024 if self.half == 'float16' else 1


VARIANTS = {
    'float64': Variant('float64'),
    'float32': Variant(),
    'tf32': Variant(tf32=True),
    'channels_last': Variant(options=(('channels_last', True),)),
    'checkpoint': Variant(options=(('checkpoint_segments', 4),)),
    'compile': Variant(options=(('compile', True),)),
    'bf16': Variant(half='bfloat16', tf32=True),
    'fp16': Variant(half='float16', tf32=True),
    'bf16+channels_last': Variant('float32', 'bfloat16', True, (('channels_last', True),)),
    'bf16+compile': Variant('float32', 'bfloat16', True, (('compile', True),)),
}
#: What is not run unless it is named: code takes minutes to generate, and a CPU has no TF32 and
#: does not come back from float16.
ONLY_IF_NAMED = {'cuda': ('compile', 'bf16+compile')}
ONLY_IF_NAMED['cpu'] = ('tf32', 'fp16', *ONLY_IF_NAMED['cuda'])


@contextmanager
def rounding_as(variant: Variant) -> Iterator[None]:
    """Let a GPU round factors to TF32, or not."""
    import torch

    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = variant.tf32
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def step(
    cfg: Config,
    weights: dict[str, torch.Tensor],
    images: torch.Tensor,
    labels: Sequence[int],
    variant: Variant,
    device: torch.device,
) -> dict:
    """Loss, gradients and running statistics of one step, as float64 on the CPU.

    Args:
        cfg (Config): a BAS config without pretrained weights.
        weights (dict): of the model, on the CPU.
        images (Tensor): (N, 3, H, W), float64, normalised.
        labels (Sequence[int]): N classes.
        variant (Variant): how to compute.
        device (torch.device): where.
    """
    import torch
    from mmpretrain.structures import DataSample

    from bas_mm.registry import MODELS

    torch._dynamo.reset()  # of the code of one method it keeps a few graphs, and then no more
    model = MODELS.build(dict(cfg.model, **dict(variant.options)))
    model.load_state_dict(weights)
    dtype = getattr(torch, variant.dtype)
    model.to(device, dtype).train()
    samples = [DataSample().set_gt_label(label) for label in labels]
    short = getattr(torch, variant.half or 'bfloat16')
    half = torch.autocast(device.type, dtype=short, enabled=variant.half is not None)
    with rounding_as(variant):
        with half:
            losses = model(images.to(device, dtype), samples, mode='loss')
        loss, _ = model.parse_losses(losses)
        (variant.scale * loss).backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    buffers = {name: b for name, b in model.named_buffers() if b.is_floating_point()}
    gradients = {name: g.cpu().double() / variant.scale for name, g in gradients.items()}
    return dict(
        loss=loss.item(),
        gradients=gradients,
        statistics={name: b.cpu().double() for name, b in buffers.items() if 'running' in name},
    )


def difference(ours: dict, reference: dict) -> dict[str, float]:
    """How far a :func:`step` is off another; see the head of this file."""
    expected = {name: g.norm().item() for name, g in reference['gradients'].items()}
    expected = {name: norm for name, norm in expected.items() if norm > 0}
    larger = sorted(expected, key=expected.get)[len(expected) // 2 :]
    gradients = ours['gradients']
    norms = [abs(gradients[n].norm().item() / expected[n] - 1) for n in larger]
    turns = [(gradients[n] - reference['gradients'][n]).norm().item() / expected[n] for n in larger]
    statistics_ = [
        ((ours['statistics'][n] - b).norm() / b.norm().clamp_min(1e-12)).item()
        for n, b in reference['statistics'].items()
    ]
    return dict(
        loss=abs(ours['loss'] / reference['loss'] - 1),
        norms_median=statistics.median(norms),
        norms_largest=max(norms),
        directions_median=statistics.median(turns),
        statistics=max(statistics_, default=0.0),
    )


def pictures(count: int, size: int) -> torch.Tensor:
    """Noise whose detail falls off with its fineness, as that of photographs does, normalised.

    In plain noise all pictures are alike: norms would blow their small differences up, and with
    them the rounding.

    Returns:
        Tensor: (count, 3, size, size), float64.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, 3, size, size, generator=generator, dtype=torch.float64)
    fineness = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size))
    fineness[0, 0] = 1 / size
    images = torch.fft.irfft2(torch.fft.rfft2(noise) / fineness, (size, size))
    return images / images.std()


def random_weights(cfg: Config) -> dict[str, torch.Tensor]:
    """Of a config's model, always the same; the scales of its norms, which may begin at 0, too."""
    import torch
    from torch import nn

    from bas_mm.benchmarking.networks import initial_model

    torch.manual_seed(0)
    model = initial_model(cfg)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model.state_dict()


def measure(cfg: Config, args: argparse.Namespace, device: torch.device) -> dict[str, dict]:
    """All rows of one network by name."""
    import torch

    weights = random_weights(cfg)
    images = pictures(args.batch, args.size)
    generator = torch.Generator().manual_seed(0)
    classes = cfg.model.head.num_classes
    labels = torch.randint(0, classes, (args.batch,), generator=generator).tolist()
    batch = weights, images, labels
    cpu = torch.device('cpu')
    reference = step(cfg, *batch, VARIANTS['float64'], cpu)
    rows = {'float32, CPU': difference(step(cfg, *batch, VARIANTS['float32'], cpu), reference)}
    for name in args.variants:
        ours = step(cfg, *batch, VARIANTS[name], device)
        rows[f'{name}, {device.type}'] = difference(ours, reference)
    return rows


def trainings(cfg: Config) -> dict[str, dict]:
    """Settings of the optimizer's wrapper by name: the config's own, and of mixed precision."""
    own = cfg.optim_wrapper
    bfloat16 = dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=dict(enabled=False))
    # From the usual 2.0**16 the first steps may overflow: the optimizer would leave them out.
    float16 = dict(type='AmpOptimWrapper', dtype='float16', loss_scale=dict(init_scale=2.0**12))
    plain, fused = (dict(optimizer=dict(own.optimizer, fused=fused)) for fused in (False, True))
    return {
        'recipe': own,
        'bf16+fused': {**own, **bfloat16, **fused},
        'fp16+fused': {**own, **float16, **fused},
        'fp16': {**own, **float16, **plain},
    }


def waits_of_trainings(
    cfg: Config, args: argparse.Namespace, device: torch.device
) -> dict[str, list[str]]:
    """:func:`waits_of_step` of each of :func:`trainings`."""
    return {
        name: waits_of_step(cfg, wrapper, args, device) for name, wrapper in trainings(cfg).items()
    }


def waits_of_step(
    cfg: Config, wrapper_cfg: dict, args: argparse.Namespace, device: torch.device
) -> list[str]:
    """Where the host waits for a GPU in a ``train_step``: files and lines, once for each time."""
    import torch
    from mmengine.optim import build_optim_wrapper

    from bas_mm.benchmarking.networks import collate_of, initial_model, random_items

    model = initial_model(cfg).to(device).train()
    wrapper = build_optim_wrapper(model, wrapper_cfg)
    items = random_items(args.batch, args.size, cfg.model.head.num_classes)
    collate = collate_of(cfg.train_dataloader)
    model.train_step(collate(items), wrapper)  # the optimizer's state is made in the first one
    # New ones: those of the first step have their labels on the device already.
    items = random_items(args.batch, args.size, cfg.model.head.num_classes)
    torch.cuda.synchronize(device)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            model.train_step(collate(items), wrapper)
        finally:
            torch.cuda.set_sync_debug_mode('default')
    # torch also says, once, that the mode does not see all waits yet.
    said = 'called a synchronizing CUDA operation'
    return [f'{w.filename}:{w.lineno}' for w in seen if said in str(w.message)]


def norm_differences(device: torch.device) -> dict[str, dict[str, float]]:
    """Synchronised batch norms beside the plain one: largest differences over largest values.

    Args:
        device (torch.device): where; torch.distributed has a group of this process alone.
    """
    import torch
    import torch.nn.functional as F

    from bas_mm.models.functional import synchronised_batch_norm

    generator = torch.Generator().manual_seed(0)
    x, go = torch.randn(2, 8, 16, 14, 14, generator=generator, dtype=torch.float64)
    weight, bias = torch.rand(2, 16, generator=generator, dtype=torch.float64)
    eps = 1e-5

    def run(
        norm: Callable, dtype: torch.dtype, layout: torch.memory_format, where: torch.device
    ) -> list[torch.Tensor]:
        wide = torch.promote_types(dtype, torch.float32)  # as in mixed precision
        leaves = [x.to(where, dtype, memory_format=layout), weight.to(where, wide)]
        leaves = [leaf.detach().requires_grad_() for leaf in (*leaves, bias.to(where, wide))]
        running = x.new_tensor([[2.0], [3.0]]).repeat(1, 16).to(where, wide).unbind()
        y = norm(*leaves, running)
        y.backward(go.to(where, dtype, memory_format=layout))
        found = y, *(leaf.grad for leaf in leaves), *running
        return [t.detach().cpu().double() for t in found]

    def plain(*leaves: torch.Tensor | Sequence) -> torch.Tensor:
        x, weight, bias, running = leaves
        return F.batch_norm(x, *running, weight, bias, training=True, eps=eps)

    def shared(*leaves: torch.Tensor | Sequence) -> torch.Tensor:
        x, weight, bias, running = leaves
        return synchronised_batch_norm(x, weight, bias, eps, running)

    layouts = {'': torch.contiguous_format, ', channels_last': torch.channels_last}
    reference = run(plain, torch.float64, layouts[''], torch.device('cpu'))
    rows = {}
    for name, (layout, order) in product(
        ('float64', 'float32', 'bfloat16', 'float16'), layouts.items()
    ):
        ours = run(shared, getattr(torch, name), order, device)
        rows[f'{name}{layout}, {device.type}'] = {
            part: ((a - b).abs().max() / b.abs().max()).item()
            for part, a, b in zip(('y', 'x', 'γ', 'β', 'mean', 'variance'), ours, reference)
        }
    return rows


def norms_job(rank: int, device: torch.device) -> dict[str, dict[str, float]]:
    """The process of :func:`check_norms`."""
    return norm_differences(device)


def check_norms(device: torch.device) -> dict[str, dict[str, float]]:
    """:func:`norm_differences` in a job of one process."""
    return run_in_group(1, device.type, norms_job, device)


def finite(value: Any) -> Any:
    """Figures as JSON can have them: infinity and what is no number as text."""
    if isinstance(value, dict):
        return {key: finite(child) for key, child in value.items()}
    if isinstance(value, list):
        return [finite(child) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def network_table(networks: Sequence[dict]) -> list[list[str]]:
    """Differences of all networks."""
    rows = [['network', 'computed in', 'loss', 'norms, median', 'norms, largest']]
    rows[0] += ['directions, median', 'statistics, largest']
    for network in networks:
        for name, row in network['rows'].items():
            rows.append([network['name'], name, *(f'{value:.1e}' for value in row.values())])
    return rows


def waits_table(networks: Sequence[dict]) -> list[list[str]]:
    """How often, and where, the host waited."""
    rows = [['network', 'training', 'waits', 'where']]
    for network in networks:
        for training, waits in network['waits'].items():
            places = ', '.join(sorted(set(waits)))
            rows.append([network['name'], training, str(len(waits)), places])
    return rows


def norms_table(norms: dict[str, dict[str, float]]) -> list[list[str]]:
    """Differences of the synchronised norm."""
    rows = [['x', 'y', '∂x', '∂γ', '∂β', 'running mean', 'running variance']]
    return rows + [[name, *(f'{v:.1e}' for v in row.values())] for name, row in norms.items()]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; configs that must exist do."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    add_network_arguments(parser)
    parser.add_argument(
        '--variants',
        nargs='+',
        choices=tuple(VARIANTS),
        help='ways to compute; default: all but those of compile, on a CPU those of use there',
    )
    parser.add_argument('--batch', type=int, default=4, help='pictures; default: %(default)s')
    parser.add_argument(
        '--size', type=int, default=224, help='side of the pictures; default: %(default)s'
    )
    args = parser.parse_args(argv)
    if min(args.batch, args.size) < 1:
        parser.error('--batch and --size must be at least 1')
    resolve_networks(args, ROOT / 'configs/bas')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Compute, print the tables, write the figures."""
    args = parse_args(argv)

    import torch
    from mmengine.device import get_device

    from bas_mm.utils.markdown_table import markdown_table

    quiet_logs()
    device = torch.device(args.device or get_device())
    if args.variants is None:
        left_out = ONLY_IF_NAMED.get(device.type, ())
        args.variants = [name for name in VARIANTS if name not in left_out]
    networks, norms = [], None

    def write(partial: bool = False) -> None:
        if args.out:
            rows = finite(dict(networks=networks, norms=norms))
            write_figures(args.out, argv, device, partial, batch=args.batch, size=args.size, **rows)

    for name, path in zip(args.names, args.configs):
        print(f'{name} …', file=sys.stderr, flush=True)
        cfg = without_weights(load_config(path, args.cfg_options, None))
        if 'generator' not in cfg.model:
            fail(f'the config {path} is none of BAS: its model has no generator')
        networks.append(dict(name=name, config=path, rows=measure(cfg, args, device)))
        if device.type == 'cuda':
            networks[-1]['waits'] = waits_of_trainings(cfg, args, device)
        write(partial=True)

    def show(title: str, rows: list[list[str]]) -> None:
        print(f'\n{title}:\n\n{markdown_table(rows)}', flush=True)

    show(f'Off float64 on the CPU, batch {args.batch}', network_table(networks))
    if device.type == 'cuda':
        show('Waits of the host in a step', waits_table(networks))
    try:  # a job of its own, which may fail where NCCL does: the figures above are kept
        norms = check_norms(device)
        show('Synchronised batch norm', norms_table(norms))
    finally:
        write()


if __name__ == '__main__':
    run_command(main)
