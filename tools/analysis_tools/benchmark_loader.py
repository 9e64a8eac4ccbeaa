"""Images per second of the data loader alone, and what each step of it costs.

    python tools/analysis_tools/benchmark_loader.py
    python tools/analysis_tools/benchmark_loader.py configs/bas/bas_resnet50_cub.py --workers 4 8

The loader is the one that mmengine's Runner builds of ``train_dataloader``; without a config it is
that of a split folder of generated JPEGs of 500x375 pixels and some 100 kB, with the recipe's
pipeline. Ways to get the resized picture, in turn in one run:

* recipe: as the config says; where that is ``LoadResizedImage``, with a cache of this run's own
* decoded: without the cache, where the recipe has one
* torchvision: ``LocResize(backend='torchvision')``
* turbojpeg: the same, with ``LoadLocImage(imdecode_backend='turbojpeg')``, where it is installed
* cached: ``LoadResizedImage``, where the recipe has none and nothing comes between loading and
  resizing

The pass before the timing fills the caches.

One pass over the pictures is timed, with workers that run already, and the median over the rounds
counts; of the steps, the time that the core spent on them. The files are in the operating system's
memory: no disk is measured. "main ms" is what the main process's core spends per picture: without
workers all there is to do, and on a busy machine the figure to look at. The last column says what
8 workers would give if each had a core and did what one does here (what a core does, where there
are more workers than cores), and the main process did for each picture what it does here. It is
extrapolated, not measured.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

# Before NumPy and torch start their threads.
os.environ.setdefault('OMP_NUM_THREADS', '1')

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    OneLineParser,
    fail,
    load_config,
    require_file,
    require_writable,
    run_command,
)
from bas_mm.utils.config_types import type_name
from bas_mm.utils.worker_processes import usable_cores

SIZE = (375, 500)
EXTRAPOLATED = 8
RESIZE_SETTINGS = ('scale', 'interpolation', 'backend')


def photograph_like(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A picture whose detail falls off with its fineness as that of photographs does."""
    import numpy as np

    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None])
    frequency[0, 0] = 1
    noise = np.fft.rfft2(rng.normal(size=(3, *size))) / frequency
    colours = np.moveaxis(np.fft.irfft2(noise, size), 0, -1)
    grey = colours.mean(axis=-1, keepdims=True)
    picture = grey + 0.4 * (colours - grey)
    picture = 120 + 55 * (picture - picture.mean()) / picture.std()
    return np.clip(picture, 0, 255).astype(np.uint8)


def write_pictures(folder: Path, count: int) -> None:
    """A split folder ``metadata/train`` of generated JPEGs, with their classes."""
    import cv2
    import numpy as np

    from bas_mm.datasets.split_writer import write_split

    rng = np.random.default_rng(0)
    (folder / 'images').mkdir(parents=True)
    names = [f'{index:05d}.jpg' for index in range(count)]
    for name in names:
        picture = photograph_like(SIZE, rng)
        cv2.imwrite(str(folder / 'images' / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    sizes = np.tile(SIZE[::-1], (count, 1))
    write_split(str(folder / 'metadata/train'), names, [0] * count, sizes)


def generated_loader(folder: Path) -> dict:
    """``train_dataloader`` of the generated pictures."""
    return dict(
        batch_size=32,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(
            type='SplitFolder',
            data_root=str(folder),
            data_prefix=dict(img_path='images'),
            split_dir='metadata/train',
            classes=1,
            with_boxes=False,
            pipeline=[
                dict(type='LoadLocImage'),
                dict(type='LocResize', scale=(256, 256), backend='pillow'),
                dict(type='LocRandomCrop', crop_size=224),
                dict(type='LocRandomFlip', prob=0.5),
                dict(type='PackLocalizationInputs'),
            ],
        ),
    )


class Beginning(NamedTuple):
    """What a pipeline begins with, up to the resized picture, and what follows.

    Attributes:
        load (dict): the ``LoadLocImage``.
        between (list[dict]): what comes before the resize, such as ``LocCropBottom``.
        resize (dict): the ``LocResize``.
        rest (list[dict]): all that follows.
        cached (dict, optional): the ``LoadResizedImage`` that stands for loading and resizing.
    """

    load: dict
    between: list[dict]
    resize: dict
    rest: list[dict]
    cached: dict | None = None


def split(pipeline: Sequence[Mapping], source: str) -> Beginning:
    """Take a pipeline apart; exit with status 2 where its beginning cannot be replaced."""
    transforms = [dict(transform) for transform in pipeline]
    types = [type_name(transform) for transform in transforms]
    if types[:1] == ['LoadResizedImage']:
        cached, *rest = transforms
        of_resize = {key: cached[key] for key in RESIZE_SETTINGS if key in cached}
        others = {'type', 'cache_dir', 'jpeg_quality', *RESIZE_SETTINGS}
        of_load = {key: value for key, value in cached.items() if key not in others}
        load, resize = dict(type='LoadLocImage', **of_load), dict(type='LocResize', **of_resize)
        return Beginning(load, [], resize, rest, cached)
    if types[:1] != ['LoadLocImage'] or 'LocResize' not in types:
        fail(
            f'{source}: train_dataloader.dataset.pipeline is {types}; LoadLocImage and LocResize, '
            'or LoadResizedImage, are needed at its beginning'
        )
    index = types.index('LocResize')
    load, *between = transforms[:index]
    return Beginning(load, between, transforms[index], transforms[index + 1 :])


def variants(beginning: Beginning, cache_dir: str) -> dict[str, list[dict]]:
    """The pipelines by name; what is not installed or does not fit is named and left out."""
    load, between, resize, rest, cached = beginning
    decoded = [load, *between, resize, *rest]
    if cached is None:
        pipelines = {'recipe': decoded}
    else:
        pipelines = {'recipe': [{**cached, 'cache_dir': cache_dir}, *rest], 'decoded': decoded}
    # Those that all backends have.
    if resize.get('interpolation', 'bilinear') in ('bilinear', 'bicubic'):
        quick = [*between, {**resize, 'backend': 'torchvision'}, *rest]
        pipelines['torchvision'] = [load, *quick]
        turbo = {**load, 'imdecode_backend': 'turbojpeg'}
        try:
            build(turbo)
            pipelines['turbojpeg'] = [turbo, *quick]
        except ImportError as error:
            print(f'turbojpeg is not measured: {error}\n')
    else:
        kind = resize['interpolation']
        print(f'torchvision and turbojpeg are not measured: {kind!r} is not for both\n')
    if between:
        names = ', '.join(type_name(transform) for transform in between)
        print(f'cached is not measured: the cache has no place for {names}\n')
    elif cached is None:
        settings = {**load, **resize, 'type': 'LoadResizedImage', 'cache_dir': cache_dir}
        try:
            build(settings)
            pipelines['cached'] = [settings, *rest]
        except (TypeError, ValueError) as error:
            print(f'cached is not measured: {error}\n')
    return pipelines


def build(transform: Mapping) -> Callable:
    """Build one transform."""
    from bas_mm.registry import TRANSFORMS

    return TRANSFORMS.build(dict(transform))


@contextmanager
def loaders(
    loader: Mapping, pipelines: Mapping[str, list], pictures: int, workers: int
) -> Iterator[dict]:
    """The loaders by name; their workers end with the context."""
    from mmengine.runner import Runner

    built = {}
    for name, pipeline in pipelines.items():
        dataset = dict(loader['dataset'], pipeline=pipeline, indices=pictures)
        settings = dict(loader, dataset=dataset, num_workers=workers)
        settings.update(persistent_workers=workers > 0)
        for key in ('prefetch_factor', 'timeout') if workers == 0 else ():
            settings.pop(key, None)
        built[name] = Runner.build_dataloader(settings, seed=0)
    try:
        yield built
    finally:
        built.clear()


def measure_loaders(
    loader: Mapping, pipelines: Mapping[str, list], pictures: int, rounds: int, workers: int
) -> dict[str, dict[str, float]]:
    """Images per second of each pipeline, median and best; and what it is of the recipe's."""
    from bas_mm.benchmarking.timing import in_turn

    with loaders(loader, pipelines, pictures, workers) as built:
        counts = dict.fromkeys(built, 0)

        def one_pass(name: str) -> None:
            counts[name] = sum(len(batch['inputs']) for batch in built[name])

        functions = {name: lambda name=name: one_pass(name) for name in built}
        for function in functions.values():  # starts the workers, fills the cache
            function()
        times = in_turn(rounds, **functions)
    rows = {}
    for name, row in times.items():
        rows[name] = dict(
            images_per_s=counts[name] / row['median'],
            best=counts[name] / row['best'],
            ratio=times['recipe']['median'] / row['median'],
            main_ms=1e3 * row['core'] / counts[name],
        )
        if workers:
            rows[name]['extrapolated'] = min(
                EXTRAPOLATED * rows[name]['images_per_s'] / min(workers, usable_cores()),
                1e3 / max(rows[name]['main_ms'], 1e-9),
            )
    return rows


def measure_steps(
    loader: Mapping,
    beginning: Beginning,
    pipelines: Mapping[str, list],
    pictures: int,
    rounds: int,
) -> dict[str, float]:
    """Milliseconds of a core per picture of each step, in this process, medians."""
    import torch
    from mmengine import fileio
    from torchvision.io import ImageReadMode, decode_jpeg

    from bas_mm.benchmarking.networks import collate_of
    from bas_mm.benchmarking.timing import in_turn
    from bas_mm.registry import DATASETS

    dataset = DATASETS.build(dict(loader['dataset'], pipeline=[], indices=pictures))
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    steps: dict[str, Callable[[], object]] = {}

    def add(name: str, function: Callable, inputs: Sequence) -> list:
        """Time the function on each input; dicts are copied, as transforms change them."""

        def each() -> list:
            return [function(dict(x) if isinstance(x, dict) else x) for x in inputs]

        same = sum(other == name or other.startswith(f'{name} (') for other in steps)
        steps[f'{name} ({same + 1})' if same else name] = each
        return each()

    load, resize = build(beginning.load), build(beginning.resize)
    arguments = getattr(load, 'backend_args', None)
    paths = [info['img_path'] for info in infos]
    contents = add('read', lambda path: fileio.get(path, backend_args=arguments), paths)
    loaded = add('read and decode', load, infos)
    if 'turbojpeg' in pipelines:
        add('read and decode, turbojpeg', build(pipelines['turbojpeg'][0]), infos)
    if all(content.startswith(b'\xff\xd8') for content in contents):
        tensors = [torch.frombuffer(bytearray(c), dtype=torch.uint8) for c in contents]
        add('decode, torchvision.io', lambda x: decode_jpeg(x, ImageReadMode.RGB), tensors)
    for transform in map(build, beginning.between):
        loaded = add(type(transform).__name__, transform, loaded)
    results = add(f'resize, {resize.backend}', resize, loaded)
    for backend in ('pillow', 'torchvision', 'cv2') if 'torchvision' in pipelines else ():
        if backend != resize.backend:
            other = build({**beginning.resize, 'backend': backend})
            add(f'resize, {backend}', other, loaded)
    with_cache = 'recipe' if beginning.cached else 'cached'
    if with_cache in pipelines:
        add('cached, in place of these', build(pipelines[with_cache][0]), infos)
    for transform in map(build, beginning.rest):
        results = add(type(transform).__name__, transform, results)
    collate = collate_of(loader)
    steps['collate'] = lambda: collate(results)
    times = in_turn(rounds, **steps)
    return {name: 1e3 * row['core'] / len(infos) for name, row in times.items()}


def print_rows(workers: int, rows: Mapping[str, Mapping[str, float]]) -> None:
    print(f'{workers} workers' if workers != 1 else '1 worker')
    last = f'{EXTRAPOLATED} workers, extrapolated' if workers else ''
    print(f'  {"":12}{"images/s":>10}{"best":>8}{"ratio":>8}{"main ms":>9}  {last}')
    for name, row in rows.items():
        far = f'{row["extrapolated"]:8.0f}' if workers else ''
        print(
            f'  {name:12}{row["images_per_s"]:10.0f}{row["best"]:8.0f}{row["ratio"]:8.2f}'
            f'{row["main_ms"]:9.3f}  {far}'
        )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config', nargs='?', help='config file; default: none, generated pictures')
    parser.add_argument(
        '--workers',
        type=int,
        nargs='+',
        default=[0, 1, 2],
        help='numbers of processes; default: 0 1 2',
    )
    parser.add_argument(
        '--pictures', type=int, default=256, help='of one pass; default: %(default)s'
    )
    parser.add_argument(
        '--rounds', type=int, default=5, help='passes of each variant; default: %(default)s'
    )
    parser.add_config_options()
    parser.add_argument('--out', help='JSON file of all figures')
    args = parser.parse_args(argv)
    if min(args.pictures, args.rounds) < 1 or min(args.workers) < 0:
        parser.error('numbers must be positive')
    if args.out:
        require_writable(args.out, '--out')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.config:
        require_file(args.config, 'config')

    import cv2
    import torch
    from mmengine.registry import DefaultScope

    from bas_mm.benchmarking.figures import write_figures

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    scope = DefaultScope.overwrite_default_scope('bas_mm')
    with scope, tempfile.TemporaryDirectory() as folder:
        if args.config:
            loader = load_config(args.config, args.cfg_options, None).train_dataloader.to_dict()
        else:
            write_pictures(Path(folder, 'pictures'), args.pictures)
            loader = generated_loader(Path(folder, 'pictures'))
        source = args.config or 'the generated pictures'
        beginning = split(loader['dataset'].get('pipeline', ()), source)
        pipelines = variants(beginning, str(Path(folder, 'cache')))
        results = {}
        for workers in args.workers:
            rows = measure_loaders(loader, pipelines, args.pictures, args.rounds, workers)
            results[str(workers)] = rows
            print_rows(workers, rows)
        steps = measure_steps(loader, beginning, pipelines, min(args.pictures, 32), args.rounds)
    print('ms of a core per picture')
    for name, milliseconds in steps.items():
        print(f'  {name:28}{milliseconds:8.3f}')
    if args.out:
        facts = dict(pictures=args.pictures, rounds=args.rounds, config=args.config)
        write_figures(args.out, argv, 'cpu', **facts, workers=results, steps_ms=steps)


if __name__ == '__main__':
    run_command(main)
