"""What the seed steps cost: evaluation, making over the bare network passes, IRNet's labels.

    python tools/analysis_tools/benchmark_seeds.py
    python tools/analysis_tools/benchmark_seeds.py --only evaluation --out benchmark.json

1. Evaluation: reading the seed file and the palette mask of a picture and counting for all 25
   background scores, in ms on one core, with the share of each part, and the size of the seed
   file.
2. Making: seeds from the picture file to the seed file, in seconds per picture, over the seconds
   of ``localization_maps`` alone on the same views, which are normalised and on the device
   already. A ResNet50 (BAS-Seg, 20 classes) with random weights; both in turn.
3. Labels: IRNet's labels from the seed file of a picture, in seconds on one core. Nearly all of it
   is the dense CRF, whose time depends on the colours of the picture: ``--photo`` is one, scaled to
   the size. It is a portrait that comes with matplotlib unless it is given.

Medians over the rounds are printed, with the quickest round beside them, and for evaluation and
labels the time that the core spent on it: on a busy machine look at these. Worker processes and
writing threads want cores of their own: ``--threads`` are those of the network.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

# Before NumPy and torch start their threads.
os.environ.setdefault('OMP_NUM_THREADS', '1')

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

import cv2
import numpy as np
from PIL import Image

from bas_mm.benchmarking.device import synchronise
from bas_mm.benchmarking.figures import write_figures
from bas_mm.benchmarking.pictures import write_pictures
from bas_mm.benchmarking.timing import in_turn
from bas_mm.command_line import require_writable, run_command
from bas_mm.utils.dense_crf import crf_library
from bas_mm.utils.result_files import write_json
from bas_mm.wsss.functional.irn_labels import IRNLabelParams
from bas_mm.wsss.functional.seed_scores import check_thresholds, seed_histogram
from bas_mm.wsss.functional.seeds import merge_scales, normalise_maps
from bas_mm.wsss.index_masks import read_index_mask
from bas_mm.wsss.irn_labels_maker import make_irn_labels
from bas_mm.wsss.seed_evaluation import THRESHOLDS, picture_histogram
from bas_mm.wsss.seed_file import SeedFile
from bas_mm.wsss.seed_folder import SeedFolder

if TYPE_CHECKING:
    import torch

SCALES = (1.0, 0.5, 1.5, 2.0)
NUM_CLASSES = 20
CLASSES = (3, 8, 14)  # of each picture
CONFIG = CHECKOUT / 'configs/wsss/bas_seg_resnet50_voc12.py'


def network_like_maps(size: tuple[int, int], rng: np.random.Generator) -> SeedFile:
    """Seeds as a network makes them: soft hills with noise in each cell, merged over the scales."""
    import torch

    from bas_mm.models.functional import scaled_size

    maps = []
    for scale in SCALES:
        rows, columns = (-(-length // 16) for length in scaled_size(size, scale, False))
        cells = rng.normal(size=(len(CLASSES), 6, 8)).astype(np.float32)
        hills = np.stack([cv2.resize(m, (columns, rows), interpolation=2) for m in cells])
        noise = 0.15 * rng.normal(size=hills.shape).astype(np.float32)
        maps.append(torch.sigmoid(torch.from_numpy(4 * (hills + noise) - 3)))
    merged = (normalise_maps(part).numpy() for part in merge_scales(maps, size))
    return SeedFile(np.array(CLASSES), *merged)


def some_mask(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Round objects with an ignored rim."""
    mask = np.zeros(size, dtype=np.uint8)
    for label in CLASSES:
        centre = tuple(int(rng.integers(0, length)) for length in size[::-1])
        axes = tuple(int(v) for v in rng.integers(30, 140, 2))
        cv2.ellipse(mask, centre, axes, int(rng.integers(180)), 0, 360, label + 1, -1)
        cv2.ellipse(mask, centre, axes, int(rng.integers(180)), 0, 360, 255, 5)
    picture = Image.fromarray(mask)
    picture.putpalette(list(range(256)) * 3)
    return picture


def measure_evaluation(folder: Path, size: tuple[int, int], rounds: int) -> dict:
    """Milliseconds per picture on one core, and those of the parts; bytes of the file."""
    rng = np.random.default_rng(0)
    seeds = network_like_maps(size, rng)
    path, mask_path = folder / 'a.npz', folder / 'a.png'
    seeds.save(path)
    some_mask(size, rng).save(mask_path)
    thresholds = check_thresholds(THRESHOLDS)
    mask = read_index_mask(mask_path)
    raw = seeds.high_res.tobytes()

    ways = dict(
        write_runs=(1, zlib.Z_RLE),
        write_level_1=(1, zlib.Z_DEFAULT_STRATEGY),
        write_level_6=(6, zlib.Z_DEFAULT_STRATEGY),
    )

    def deflate(way: str) -> bytes:
        level, strategy = ways[way]
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
        return packer.compress(raw) + packer.flush()

    times = in_turn(
        rounds,
        picture=lambda: picture_histogram(path, mask_path, NUM_CLASSES, thresholds),
        seed_file=lambda: SeedFile.load_high_res(path),
        mask=lambda: read_index_mask(mask_path),
        count=lambda: seed_histogram(seeds.high_res, seeds.classes, mask, NUM_CLASSES, thresholds),
    )
    writing = in_turn(min(rounds, 5), **{way: partial(deflate, way) for way in ways})
    figures = {
        name: {k: 1e3 * v for k, v in row.items()} for name, row in {**times, **writing}.items()
    }
    for way in ways:
        figures[way]['share_of_bytes'] = len(deflate(way)) / len(raw)
    figures['seed_file']['bytes'] = path.stat().st_size
    return figures


def read_photo(path: str | None, size: tuple[int, int]) -> np.ndarray:
    """A photograph of this height and width, (H, W, 3) uint8, RGB."""
    if path is None:
        import matplotlib

        path = Path(matplotlib.get_data_path(), 'sample_data', 'grace_hopper.jpg')
    photo = cv2.imread(str(path))
    if photo is None:
        sys.exit(f'{path} is no picture or not there: give another one as --photo')
    if (photo.shape[0] < photo.shape[1]) != (size[0] < size[1]):
        photo = cv2.rotate(photo, cv2.ROTATE_90_CLOCKWISE)
    photo = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(photo[..., ::-1])


def measure_labels(folder: Path, size: tuple[int, int], rounds: int, photo: str | None) -> dict:
    """Seconds of a picture's labels on one core, reading its seed file included."""
    path = folder / 'labels.npz'
    network_like_maps(size, np.random.default_rng(0)).save(path)
    image, params = read_photo(photo, size), IRNLabelParams()
    return in_turn(rounds, labels=partial(make_irn_labels, image, path, CLASSES, params))


def write_set(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Pictures of some detail as JPEG, with the list of their classes."""
    names = [f'{index:03d}.jpg' for index in range(count)]
    write_pictures(folder / 'pictures', names, size, np.random.default_rng(1))
    write_json(
        folder / 'labels.json',
        dict(
            metainfo=dict(classes=[f'class {k}' for k in range(NUM_CLASSES)]),
            data_list=[
                dict(img_path=name, image_id=Path(name).stem, gt_label=list(CLASSES))
                for name in names
            ],
        ),
    )


def measure_making(
    folder: Path,
    size: tuple[int, int],
    rounds: int,
    pictures: int,
    workers: int,
    device: torch.device,
) -> dict:
    """Seconds per picture of making seeds and of the bare passes, and their ratio."""
    import torch

    from bas_mm.registry import DATASETS
    from bas_mm.utils.config_file import read_config
    from bas_mm.utils.config_model import build_model
    from bas_mm.wsss.multi_scale_views import MultiScaleViews
    from bas_mm.wsss.seed_maker import SeedMaker
    from bas_mm.wsss.seed_run import SeedRun

    write_set(folder, pictures, size)
    pipeline = [dict(type='LoadLocImage'), dict(type='mmpretrain.PackInputs')]
    dataset = DATASETS.build(
        dict(
            type='mmpretrain.MultiLabelDataset',
            data_root=str(folder),
            ann_file='labels.json',
            data_prefix=dict(img_path='pictures'),
            pipeline=pipeline,
            test_mode=True,
        )
    )
    torch.manual_seed(0)
    model = build_model(read_config(CONFIG)).to(device)
    maker = SeedMaker(model)
    picture = MultiScaleViews(dataset, SCALES, [0])[0]
    inputs = []
    for view in picture.views:
        x = model.data_preprocessor(dict(inputs=view.to(device)[None]))['inputs']
        inputs.append(torch.cat([x, x.flip(-1)]))
    classes = picture.classes.to(device).expand(2, -1)

    @torch.inference_mode()
    def passes() -> None:
        for _ in range(pictures):
            for x in inputs:
                model.localization_maps(x, classes)
        synchronise(device)

    out, made = SeedFolder(folder / 'seeds'), []

    def seeds() -> None:
        out.open({}, overwrite=True)
        run = SeedRun(*(maker, dataset, out, SCALES), num_workers=workers, say=lambda line: None)
        made.append(run.run().made)

    passes()  # what is built or chosen at the first pass
    times = in_turn(rounds, seeds=seeds, passes=passes)
    if made != [pictures] * rounds:
        raise RuntimeError(f'{made} seed files were made in place of {pictures}')
    figures = {name: {k: v / pictures for k, v in row.items()} for name, row in times.items()}
    for key in ('median', 'best'):
        figures.setdefault('ratio', {})[key] = times['seeds'][key] / times['passes'][key]
    figures['device'] = torch.cuda.get_device_name() if device.type == 'cuda' else 'cpu'
    return figures


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--only', choices=('evaluation', 'making', 'labels'), help='one of the three; default: all'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(375, 500),
        metavar=('H', 'W'),
        help='of the pictures; default: 375 500',
    )
    parser.add_argument(
        '--rounds',
        type=int,
        default=0,
        help='how often each is timed; default: 31 times for evaluation, 3 for the others',
    )
    parser.add_argument(
        '--pictures', type=int, default=4, help='per round of making; default: %(default)s'
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='processes that read; default: %(default)s'
    )
    parser.add_argument(
        '--threads', type=int, default=1, help='threads of the network; default: %(default)s'
    )
    parser.add_argument('--photo', help="for the labels; default: one of matplotlib's")
    parser.add_argument('--out', help='JSON file of all figures')
    args = parser.parse_args(argv)
    if min(*args.size, args.pictures, args.threads) < 1 or min(args.rounds, args.workers) < 0:
        parser.error('sizes and numbers must be positive')
    if args.photo is not None and not Path(args.photo).is_file():
        parser.error(f'--photo {args.photo}: there is no such file')
    if args.out:
        require_writable(args.out, '--out')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    import torch
    from mmengine.registry import DefaultScope

    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    cv2.setNumThreads(1)
    torch.set_num_threads(args.threads)
    size, results = tuple(args.size), {}
    scope = DefaultScope.overwrite_default_scope('bas_mm')
    with scope, tempfile.TemporaryDirectory() as folder:
        if args.only in (None, 'evaluation'):
            rows = measure_evaluation(Path(folder), size, args.rounds or 31)
            results['evaluation_ms'] = rows
            print(f'Evaluation of {size[1]}x{size[0]} pixels, {len(CLASSES)} classes, 25 scores:')
            for name, row in rows.items():
                share = row.get('share_of_bytes')
                extra = f', {100 * share:.1f} % of the bytes' if share is not None else ''
                if 'bytes' in row:
                    extra = f', {row["bytes"] / len(CLASSES) / 1e6:.3f} MB per class'
                print(
                    f'  {name:14} {row["median"]:7.2f} ms, best {row["best"]:.2f}, '
                    f'of the core {row["core"]:.2f}{extra}'
                )
        if args.only in (None, 'making'):
            rows = measure_making(
                Path(folder, 'making'), size, args.rounds or 3, args.pictures, args.workers, device
            )
            results['making_seconds'] = rows
            print(f'Making seeds on {rows["device"]}, seconds per picture:')
            for name in ('seeds', 'passes', 'ratio'):
                print(f'  {name:14} {rows[name]["median"]:7.3f}, best {rows[name]["best"]:.3f}')
        if args.only in (None, 'labels'):
            try:
                crf_library()
            except ImportError as error:
                print(f"IRNet's labels are left out: {error}")
            else:
                rows = measure_labels(Path(folder), size, args.rounds or 3, args.photo)
                results['labels_seconds'] = rows
                print(f"IRNet's labels of {size[1]}x{size[0]} pixels, {len(CLASSES)} classes:")
                print(
                    f'  {"labels":14} {rows["labels"]["median"]:7.3f} s, best '
                    f'{rows["labels"]["best"]:.3f}, of the core {rows["labels"]["core"]:.3f}'
                )
    if args.out:
        write_figures(args.out, argv, device, size=size, threads=args.threads, **results)


if __name__ == '__main__':
    run_command(main)
