"""What testing costs beside the bare network passes: pictures per second, and its parts.

    python tools/analysis_tools/benchmark_inference.py
    python tools/analysis_tools/benchmark_inference.py --pictures 5794 --workers 8
    python tools/analysis_tools/benchmark_inference.py --configs CONFIG --classes 1000

Networks have random weights, and test generated JPEG files in the layout of a split folder, by the
config's own test pipeline, with the centre crop and with ten crops. Printed, as Markdown, and
written to ``--out`` with the seconds of each round; ratios are those of the rounds, in which
everything runs in turn: their median, the smallest and the largest:

1. A batch in memory (for a GPU: pinned, where the loader pins) through ``test_step`` (normalising,
   scores, maps), with the maps of K classes, beside the bare network: front, tail and classifier
   over the same pictures, normalised and on the device. Ten crops: a tenth of the pictures. As in
   a whole test, where ``NeededBoxesHook`` finds that nobody looks at the classifier's own boxes,
   none are made.
2. The parts of such a batch, up to the metric, in steps of their own: the device is waited for at
   the borders of the parts. *boxes* are those that the batch would have as well where somebody
   looks at them: their time in proportion to that of the batch, which is without them.
3. Foreground maps of K classes per picture beside the maps of all classes (BAS).
4. A whole test, from the files to the figures, by mmengine's loop with the config's K, its loader
   workers and its metric's processes (or those of ``--workers`` and ``--metric-workers``), beside
   the bare network on the same batches, without and with the K maps that localization asks for.
   The first batch's files and, with processes of the metric, the last batch's boxes have nothing
   to hide behind. A first test, in which processes start, is not among the rounds: it gives
5. the parts of a whole test, the waiting for the loader included; as in 2.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if ((ROOT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(ROOT))

from bas_mm.benchmarking.device import pin_pictures, synchronise
from bas_mm.benchmarking.figures import write_figures
from bas_mm.benchmarking.networks import (
    add_network_arguments,
    collate_of,
    initial_model,
    quiet_logs,
    resolve_networks,
    without_weights,
)
from bas_mm.benchmarking.part_clock import PartClock
from bas_mm.benchmarking.timing import (
    parts_and_shares,
    ratio_cells,
    ratio_of_rounds,
    seconds_in_turn,
)
from bas_mm.command_line import (
    OneLineParser,
    enable_ten_crop,
    fail,
    load_config,
    prepare_devices,
    run_command,
)
from bas_mm.utils.config_metrics import metrics_of

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config
    from mmengine.runner import TestLoop

VIEWS = {'centre': 1, 'ten': 10}  # crops
NETWORK = 'network'
MAPS = 'network_and_maps'
#: Batches of a whole test that are kept on the device for the bare passes.
KEPT = 4

LOADER, BOXES = 'loader', 'boxes'
PARTS = {
    'data': 'normalising',
    NETWORK: 'network',
    'maps': 'maps',
    PartClock.REST: 'scores, samples',
    'metric': 'metric',
}
LOOP_PARTS = {LOADER: 'waiting for the loader', **PARTS, BOXES: 'boxes'}


def write_split_folder(root: Path, count: int, size: tuple[int, int], num_classes: int) -> None:
    """JPEG files of some detail, with a label and a box each.

    Args:
        root (Path): gets ``images`` and ``metadata/test``.
        count (int): how many pictures.
        size (tuple[int, int]): their height and width.
        num_classes (int): labels are drawn from as many.
    """
    import numpy as np

    from bas_mm.benchmarking.pictures import write_pictures
    from bas_mm.datasets.split_writer import write_split

    rng = np.random.default_rng(0)
    names = [f'{index:05d}.jpg' for index in range(count)]
    write_pictures(root / 'images', names, size, rng)
    box = np.array([size[1], size[0]] * 2) * [0.25, 0.25, 0.75, 0.75]
    write_split(
        str(root / 'metadata' / 'test'),
        names,
        rng.integers(0, num_classes, count).tolist(),
        np.tile(size[::-1], (count, 1)),
        [box[None]] * count,
    )


def point_at(cfg: Config, root: Path, num_classes: int, view: str, batch: int) -> None:
    """Let a config test the pictures of :func:`write_split_folder`, in place.

    Args:
        cfg (Config): with a ``test_dataloader``, whose pipeline is kept.
        root (Path): the folder.
        num_classes (int): of the network.
        view (str): of :data:`VIEWS`.
        batch (int): crops in a batch, about.
    """
    loader = cfg.test_dataloader
    if 'pipeline' not in loader.dataset:
        fail('test_dataloader.dataset of the config has no pipeline')
    loader.dataset = dict(
        type='SplitFolder',
        data_root=str(root),
        data_prefix=dict(img_path='images'),
        split_dir='metadata/test',
        classes=num_classes,
        test_mode=True,
        pipeline=loader.dataset.pipeline,
    )
    loader.batch_size = max(1, batch // VIEWS[view])
    if view == 'ten':
        enable_ten_crop(cfg)


class Batch:
    """A batch of a view in memory, and what runs over it.

    Args:
        model (LocalizationClassifier): in eval mode.
        cfg (Config): after :func:`point_at`.
        device (torch.device): where the model is.
    """

    def __init__(self, model: torch.nn.Module, cfg: Config, device: torch.device) -> None:
        from bas_mm.registry import DATASETS, METRICS

        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        items = [dataset[i] for i in range(min(cfg.test_dataloader.batch_size, len(dataset)))]
        self.model, self.device = model, device
        self.test_cfg = model.test_cfg
        self.data = collate_of(cfg.test_dataloader)(items)
        pin_pictures(self.data, cfg.test_dataloader, device)
        self.pictures = len(items)
        images = model.data_preprocessor(self.data)['inputs']
        self.images = images.flatten(0, 1) if images.ndim == 5 else images
        self.metrics = [METRICS.build(metric) for metric in metrics_of(cfg.test_evaluator)]
        for metric in self.metrics:
            metric.dataset_meta = dataset.metainfo

    def network(self) -> None:
        """The bare passes, waited for."""
        network_pass(self.model, self.images)
        synchronise(self.device)

    def test(self, topk: int, boxes: bool = False) -> list:
        """``test_step`` with the maps of K classes, waited for.

        Args:
            topk (int): K.
            boxes (bool): whether the classifier adds its boxes.
        """
        import torch

        settings = replace(self.test_cfg, topk=topk)
        self.model.test_cfg = settings if boxes else replace(settings, threshold=None)
        with torch.no_grad():
            predictions = self.model.test_step(self.data)
        synchronise(self.device)
        return predictions

    def parts(self, topk: int) -> dict[str, float]:
        """Seconds of a test of the batch, metric included, by :data:`PARTS`, and of the boxes."""
        clock = PartClock(self.device)
        with clock.watching(model_parts(self.model)):
            predictions = self.test(topk, boxes=True)
            with clock.part('metric'):
                samples = [sample.to_dict() for sample in predictions]
                for metric in self.metrics:
                    metric.process(self.data, samples)
                    metric.evaluate(self.pictures)
        return dict(clock.seconds)


class WatchedLoader:
    """A loader, the waiting for which is booked to a part.

    Args:
        loader (DataLoader): of a loop.
        clock (PartClock): gets the part :data:`LOADER`.
    """

    def __init__(self, loader: Iterable, clock: PartClock) -> None:
        self.loader, self.dataset, self.clock = loader, loader.dataset, clock

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator:
        with self.clock.part(LOADER):
            batches = iter(self.loader)
        end = object()
        while True:
            with self.clock.part(LOADER):
                batch = next(batches, end)
            if batch is end:
                return
            yield batch


def model_parts(model: torch.nn.Module) -> list[tuple[str, object, str]]:
    """What :meth:`PartClock.watching` needs to know of a model in testing."""
    return [
        ('data', model.data_preprocessor, 'forward'),
        (NETWORK, model.split, 'front'),
        (NETWORK, model.split, 'tail'),
        (NETWORK, model.head, 'forward'),
        ('maps', model, 'maps'),
        (BOXES, model, '_add_boxes'),
    ]


def network_pass(model: torch.nn.Module, images: torch.Tensor) -> None:
    """Front, tail and classifier; not waited for."""
    import torch

    with torch.no_grad():
        model.head(model.extract_feat(images)[1])


def maps_pass(model: torch.nn.Module, images: torch.Tensor, crops: int) -> None:
    """:func:`network_pass`, then the maps of the K best classes of each picture; not waited for."""
    import torch

    with torch.no_grad():
        features, tail_features = model.extract_feat(images)
        class_maps = model.head(tail_features)
        if crops > 1:
            features, class_maps = (
                x.unflatten(0, (-1, crops))[:, model.CENTRE_CROP] for x in (features, class_maps)
            )
        scores, topk = class_maps.mean((2, 3)), model.test_cfg.topk
        every = topk in (-1, scores.shape[1])
        model.maps(features, class_maps, None if every else scores.topk(topk, dim=1).indices)


def measure_batches(batches: dict[str, Batch], topks: Sequence[int], rounds: int) -> dict:
    """Seconds of a batch: the bare network, and tests with K maps; all views in turn."""
    functions: dict[tuple, Callable] = {}
    for view, batch in batches.items():
        functions[view, NETWORK] = batch.network
        for topk in topks:
            functions[view, topk] = lambda batch=batch, topk=topk: batch.test(topk)
    for function in functions.values():  # what is built or chosen at the first pass
        function()
    times = seconds_in_turn(rounds, functions)
    result: dict = {}
    for (view, what), pairs in times.items():
        rows = result.setdefault(view, dict(pictures=batches[view].pictures, tests=[]))
        row = summary([wall for wall, _ in pairs], batches[view].pictures)
        if what == NETWORK:
            rows[NETWORK] = row
        else:
            row['to_network'] = ratio_of_rounds(row['seconds'], rows[NETWORK]['seconds'])
            rows['tests'].append(dict(topk=what, **row))
    return result


def measure_parts(batches: dict[str, Batch], topks: Sequence[int], rounds: int) -> list[dict]:
    """Medians of the parts' seconds and of the boxes', and their shares of the parts' sum."""
    seconds: dict[tuple, list] = {(view, topk): [] for view in batches for topk in topks}
    for view, topk in seconds:  # what the metric imports or builds at its first batch
        batches[view].parts(topk)
    for _ in range(rounds):
        for view, topk in seconds:
            seconds[view, topk].append(batches[view].parts(topk))
    return [
        dict(view=view, topk=topk, **parts_and_shares(rows, PARTS, [BOXES]))
        for (view, topk), rows in seconds.items()
    ]


def measure_maps(batch: Batch, counts: Sequence[int], num_classes: int, rounds: int) -> dict | None:
    """Seconds of the maps of K classes per picture and of all classes; nothing for CAM."""
    import torch

    generator = getattr(batch.model, 'generator', None)
    if generator is None:
        return None
    with torch.no_grad():
        features = batch.model.split.front(batch.model.backbone, batch.images)
    draw = torch.Generator().manual_seed(0)
    scores = torch.rand(len(features), num_classes, generator=draw).to(batch.device)

    def maps(classes: torch.Tensor | None) -> None:
        with torch.no_grad():
            generator(features, classes)
        synchronise(batch.device)

    functions: dict = {'all': lambda: maps(None)}
    for count in counts:
        classes = scores.topk(count, dim=1).indices
        functions[count] = lambda classes=classes: maps(classes)
    for function in functions.values():
        function()
    times = seconds_in_turn(rounds, functions)
    dense = summary([wall for wall, _ in times.pop('all')], len(features))
    rows = []
    for count, pairs in times.items():
        row = summary([wall for wall, _ in pairs], len(features))
        ratio = ratio_of_rounds(row['seconds'], dense['seconds'])
        rows.append(dict(classes=count, to_all=ratio, **row))
    return dict(all=dense, some=rows)


def measure_loop(cfg: Config, args: argparse.Namespace, device: torch.device) -> dict:
    """Seconds of whole tests and of the bare network on the same batches.

    Args:
        cfg (Config): after :func:`point_at`; changed.
        args (Namespace): ``workers``, ``metric_workers``, ``rounds`` and ``threads``.
        device (torch.device): where to test.

    Returns:
        dict: plain values.
    """
    import torch
    from mmengine.runner import Runner

    prepare_devices(cfg, 'none')
    workers = cfg.test_dataloader.get('num_workers', 0) if args.workers is None else args.workers
    cfg.test_dataloader.update(num_workers=workers, persistent_workers=workers > 0)
    metrics = metrics_of(cfg.test_evaluator)
    if args.metric_workers is not None:
        for metric in metrics:
            metric.num_workers = args.metric_workers
    cfg.log_level, cfg.load_from = 'WARNING', None
    # Runners of one process that share a name would share their loggers.
    cfg.experiment_name = f'benchmark_inference_{time.time_ns()}'
    threads = torch.get_num_threads()
    runner = Runner.from_cfg(cfg)
    torch.set_num_threads(threads)
    runner.model.init_weights()
    model = runner.model.to(device)
    loop = runner.test_loop
    runner.call_hook('before_run')
    count = len(loop.dataloader.dataset)
    kept, sizes = [], []  # the loader's processes start
    for data in loop.dataloader:
        sizes.append(len(data['inputs']))
        if len(kept) < KEPT:
            images = model.data_preprocessor(data)['inputs']
            kept.append(images.flatten(0, 1) if images.ndim == 5 else images)
    crops = len(kept[0]) // sizes[0]

    def batches(sizes: Sequence[int]) -> Iterator[torch.Tensor]:
        for index, size in enumerate(sizes):
            yield kept[index % len(kept)][: size * crops]
        synchronise(device)

    def network(sizes: Sequence[int] = sizes) -> None:
        for images in batches(sizes):
            network_pass(model, images)

    def network_and_maps(sizes: Sequence[int] = sizes) -> None:
        for images in batches(sizes):
            maps_pass(model, images, crops)

    model.eval()
    each = sorted(set(sizes))
    network(each)
    network_and_maps(each)
    figures, parts = parts_of_loop(loop, model, device)
    times = seconds_in_turn(
        args.rounds, {'test': loop.run, NETWORK: network, MAPS: network_and_maps}
    )
    # The loader's processes end now. Left to the garbage collector, they would be waited for in
    # vain, for five seconds.
    loop.dataloader._iterator = None
    rows = {name: summary([wall for wall, _ in pairs], count) for name, pairs in times.items()}
    test = rows['test']
    test['to_network'] = ratio_of_rounds(test['seconds'], rows[NETWORK]['seconds'])
    test['to_maps'] = ratio_of_rounds(test['seconds'], rows[MAPS]['seconds'])
    return dict(
        pictures=count,
        batch=sizes[0],
        workers=workers,
        metric_workers=max(metric.get('num_workers', 0) for metric in metrics),
        topk=model.test_cfg.topk,
        figures=figures,
        parts=parts,
        **rows,
    )


def parts_of_loop(
    loop: TestLoop, model: torch.nn.Module, device: torch.device
) -> tuple[dict, dict]:
    """A whole test by its parts; the metric's processes start in it.

    Returns:
        tuple[dict, dict]: the test's figures; ``seconds`` and ``shares`` by :data:`LOOP_PARTS`,
        and ``sum``.
    """
    clock = PartClock(device)
    methods = [
        *model_parts(model),
        ('metric', loop.evaluator, 'process'),
        ('metric', loop.evaluator, 'evaluate'),
    ]
    loader, loop.dataloader = loop.dataloader, WatchedLoader(loop.dataloader, clock)
    try:
        with clock.watching(methods):
            figures = loop.run()
    finally:
        loop.dataloader = loader
    return figures, parts_and_shares([clock.seconds], LOOP_PARTS)


def summary(seconds: list[float], pictures: int) -> dict:
    """Median and pictures per second."""
    median = statistics.median(seconds)
    return dict(seconds=seconds, median=median, pictures_per_second=pictures / median)


def measure(path: str, num_classes: int | None, args: argparse.Namespace) -> dict:
    """All figures of one network."""
    import torch

    device = torch.device(args.device)

    def read() -> Config:
        return without_weights(load_config(path, args.cfg_options, None), num_classes)

    cfg = read()
    classes = cfg.model.head.num_classes
    torch.backends.cudnn.benchmark = bool(cfg.get('env_cfg', {}).get('cudnn_benchmark'))
    torch.manual_seed(0)
    model = initial_model(cfg).to(device).eval()
    topk = classes if model.test_cfg.topk == -1 else model.test_cfg.topk
    topks = sorted({1, topk, classes})
    result: dict = dict(config=path, classes=classes, recipe_topk=topk)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures = max(args.batch, args.pictures)
        write_split_folder(root, pictures, tuple(args.picture_size), classes)
        batches = {}
        for view in args.views:
            cfg = read()
            point_at(cfg, root, classes, view, args.batch)
            batches[view] = Batch(model, cfg, device)
        result['batches'] = measure_batches(batches, topks, args.rounds)
        result['parts'] = measure_parts(batches, topks, args.rounds)
        counts = sorted({k for k in args.maps if k < classes} | {classes})
        result['maps'] = measure_maps(batches[args.views[0]], counts, classes, args.rounds)
        del model, batches
        if args.pictures:
            result['loop'] = {}
            for view in args.views:
                cfg = read()
                point_at(cfg, root, classes, view, args.batch)
                cfg.work_dir = str(root / 'work_dir' / view)
                result['loop'][view] = measure_loop(cfg, args, device)
                gc.collect()
    return result


def batch_table(networks: Sequence[dict]) -> list[list[str]]:
    """The bare network, and tests with K maps."""
    rows = [
        ['network', 'C', 'crops', 'batch', 'K', 'batch, s', 'pictures/s', 'test / network']
        + ['min – max']
    ]
    for network in networks:
        for view, figures in network['batches'].items():
            head = [network['name'], str(network['classes']), str(VIEWS[view])]
            head.append(str(figures['pictures']))
            bare = figures[NETWORK]
            rows.append([*head, 'bare', *_speed(bare), '', ''])
            for test in figures['tests']:
                ratio = ratio_cells(test['to_network'])
                rows.append([*head, str(test['topk']), *_speed(test), *ratio])
    return rows


def parts_table(networks: Sequence[dict]) -> list[list[str]]:
    """Shares of a tested batch, and the boxes beside it."""
    rows = [['network', 'C', 'crops', 'K', 'batch, s', *PARTS.values(), 'boxes, if made']]
    for network in networks:
        for row in network['parts']:
            head = [network['name'], str(network['classes']), str(VIEWS[row['view']])]
            rows.append([*head, str(row['topk']), *_shares(row, [*PARTS, BOXES])])
    return rows


def maps_table(networks: Sequence[dict]) -> list[list[str]]:
    """Maps of K classes beside those of all."""
    rows = [['network', 'C', 'K', 'maps, s', 'K maps / all maps', 'min – max']]
    for network in networks:
        if network['maps'] is None:
            continue
        head = [network['name'], str(network['classes'])]
        rows.append([*head, 'all', f'{network["maps"]["all"]["median"]:.4g}', '', ''])
        for row in network['maps']['some']:
            ratio = ratio_cells(row['to_all'])
            rows.append([*head, str(row['classes']), f'{row["median"]:.4g}', *ratio])
    return rows


def loop_table(networks: Sequence[dict]) -> list[list[str]]:
    """Whole tests beside the bare network."""
    rows = [
        ['network', 'C', 'crops', 'K', 'pictures', 'batch', 'workers', 'test, s', 'pictures/s']
        + ['bare network, s', 'test / network', 'min – max']
        + ['network and maps, s', 'test / network and maps', 'min – max']
    ]
    for network in networks:
        for view, row in network['loop'].items():
            rows.append(
                [network['name'], str(network['classes']), str(VIEWS[view]), str(row['topk'])]
                + [str(row['pictures']), str(row['batch'])]
                + [f'{row["workers"]} + {row["metric_workers"]}', *_speed(row['test'])]
                + [f'{row[NETWORK]["median"]:.4g}', *ratio_cells(row['test']['to_network'])]
                + [f'{row[MAPS]["median"]:.4g}', *ratio_cells(row['test']['to_maps'])]
            )
    return rows


def loop_parts_table(networks: Sequence[dict]) -> list[list[str]]:
    """Shares of a whole test."""
    rows = [['network', 'C', 'crops', 'K', 'pictures', 'first test, s', *LOOP_PARTS.values()]]
    for network in networks:
        for view, row in network['loop'].items():
            head = [network['name'], str(network['classes']), str(VIEWS[view]), str(row['topk'])]
            rows.append([*head, str(row['pictures']), *_shares(row['parts'], LOOP_PARTS)])
    return rows


def _shares(row: dict, parts: Iterable[str]) -> list[str]:
    return [f'{row["sum"]:.4g}', *(f'{row["shares"][part]:.1%}' for part in parts)]


def _speed(row: dict) -> list[str]:
    return [f'{row["median"]:.4g}', f'{row["pictures_per_second"]:.2f}']


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; configs that must exist do."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    add_network_arguments(parser)
    parser.add_argument(
        '--classes', type=int, nargs='+', help="numbers of classes; default: the configs' own"
    )
    parser.add_argument(
        '--views',
        nargs='+',
        choices=tuple(VIEWS),
        default=list(VIEWS),
        help='crops of a picture; default: both',
    )
    parser.add_argument('--batch', type=int, help='crops; default: 16 on a CPU, 32 on a GPU')
    parser.add_argument(
        '--maps',
        type=int,
        nargs='+',
        default=[1, 2, 5, 10, 20, 50, 80, 100, 200],
        metavar='K',
        help='maps per picture beside the maps of all classes; default: 1 2 5 10 20 50 80 100 200',
    )
    parser.add_argument(
        '--pictures',
        type=int,
        default=64,
        help='of a whole test; 0: no such test; default: %(default)s',
    )
    parser.add_argument(
        '--picture-size',
        type=int,
        nargs=2,
        default=(375, 500),
        metavar=('H', 'W'),
        help='of the files of a whole test; default: 375 500',
    )
    parser.add_argument(
        '--workers', type=int, help="processes that read files; default: the config's"
    )
    parser.add_argument(
        '--metric-workers',
        type=int,
        help="processes of the metric; default: the config's, 0 on a CPU",
    )
    parser.add_argument(
        '--rounds', type=int, default=5, help='how often each is timed; default: %(default)s'
    )
    parser.add_argument('--threads', type=int, help="torch's threads; default: torch's own choice")
    args = parser.parse_args(argv)
    numbers = (args.batch, args.rounds, args.threads, *args.picture_size, *args.maps)
    numbers += tuple(args.classes or ())
    if min(number for number in numbers if number is not None) < 1:
        parser.error('sizes and numbers must be at least 1')
    if min(args.pictures, args.metric_workers or 0, args.workers or 0) < 0:
        parser.error('--pictures, --workers and --metric-workers must be at least 0')
    resolve_networks(args, ROOT / 'configs/bas')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Measure one network after the other, print the tables, write the figures."""
    args = parse_args(argv)

    import torch
    from mmengine.device import get_device

    from bas_mm.utils.markdown_table import markdown_table

    if args.threads:
        torch.set_num_threads(args.threads)
    quiet_logs()
    args.device = args.device or get_device()
    args.batch = args.batch or (16 if args.device == 'cpu' else 32)
    networks = []

    def write(partial: bool = False) -> None:
        if args.out:
            counts = dict(batch=args.batch, rounds=args.rounds)
            write_figures(args.out, argv, args.device, partial, **counts, networks=networks)

    for name, path in zip(args.names, args.configs):
        for num_classes in args.classes or [None]:
            print(f'{name} …', file=sys.stderr, flush=True)
            networks.append(dict(name=name, **measure(path, num_classes, args)))
            write(partial=True)

    tables = {
        'A batch in memory': batch_table(networks),
        'Parts of a batch': parts_table(networks),
    }
    if any(network['maps'] for network in networks):
        tables['Foreground maps of K classes'] = maps_table(networks)
    if args.pictures:
        tables['A whole test, from files to figures'] = loop_table(networks)
        tables['Parts of a whole test'] = loop_parts_table(networks)
    for title, rows in tables.items():
        print(f'\n{title}:\n\n{markdown_table(rows)}')
    write()


if __name__ == '__main__':
    run_command(main)
