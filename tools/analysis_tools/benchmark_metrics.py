"""Milliseconds per map of each metric, against a direct implementation of its definition.

Both run in turn on the same maps, on one core, and their figures are compared: a difference is
an error. The median over the rounds is printed, with the quickest round beside it: on a busy
machine look at that one.

Then the registered metrics: how long a device waits for each, with the work in this process and
with one worker process, and the memory that few and many pictures take.

    python tools/analysis_tools/benchmark_metrics.py
    python tools/analysis_tools/benchmark_metrics.py --npy maps/ --out benchmark.json
    python tools/analysis_tools/benchmark_metrics.py --pictures 1000 100000
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

# Before NumPy and torch start their threads.
os.environ.setdefault('OMP_NUM_THREADS', '1')

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

import cv2
import numpy as np

from bas_mm import evaluation
from bas_mm.benchmarking.figures import write_figures
from bas_mm.command_line import require_writable, run_command
from bas_mm.evaluation.functional import (
    PIXEL_EDGES,
    PROTOCOL_B_TAUS,
    box_iou,
    pixel_histograms,
    protocol_a_ious,
    protocol_b_ious,
    protocol_b_map,
)
from bas_mm.utils.markdown_table import markdown_table

VIEW = (224, 224)
THETAS = (0.1, 0.25, 0.45)


def blob_maps(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Some wide peaks, with a little noise in each cell: a network's usual map."""
    rows, columns = np.mgrid[0:28, 0:28]
    maps = []
    for _ in range(count):
        m = rng.uniform(0, 0.05, (28, 28))
        for _ in range(rng.integers(1, 4)):
            (y, x), (sy, sx) = rng.uniform(5, 23, 2), rng.uniform(1.5, 7, 2)
            m += rng.uniform(0.3, 1) * np.exp(-(((rows - y) / sy) ** 2) - ((columns - x) / sx) ** 2)
        maps.append(m.astype(np.float32))
    return maps


def smooth_maps(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Low-pass noise: many wide hills and hollows."""
    return [
        cv2.GaussianBlur(rng.random((28, 28), dtype=np.float32), (0, 0), 2.0) for _ in range(count)
    ]


def noise_maps(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Independent cells: the worst that a 28x28 map can be."""
    return [rng.random((28, 28), dtype=np.float32) for _ in range(count)]


def fine_noise_maps(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The same of networks with maps twice as fine."""
    return [rng.random((56, 56), dtype=np.float32) for _ in range(count)]


KINDS = {
    'blobs': blob_maps,
    'smooth': smooth_maps,
    'noise': noise_maps,
    'fine_noise': fine_noise_maps,
}


def direct_protocol_a(m: np.ndarray, boxes: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Protocol A as the spec words it, one θ after the other."""
    m = (m - m.min()) / (m.max() - m.min() + np.float32(1e-5))
    view = cv2.resize(m, VIEW[::-1])
    ious = []
    for theta in THETAS:
        binary = (view > np.float32(theta)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
        box = [0, 0, VIEW[1], VIEW[0]]
        if count > 1:
            label = 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
            y, x = np.nonzero(labels == label)
            box = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        ious.append(box_iou([box], boxes).max())
    return np.array(ious)


def direct_protocol_b(m: np.ndarray, boxes: np.ndarray, multi: bool) -> np.ndarray:
    """Protocol B as the spec words it: one search for contours per τ."""
    view, _ = protocol_b_map(m, VIEW)
    gray = (view * 255).astype(np.uint8)
    top = int(gray.max())
    ious = []
    for tau in PROTOCOL_B_TAUS:
        _, binary = cv2.threshold(gray, int(tau * top), 255, cv2.THRESH_BINARY)
        contours, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        if not contours:
            predicted = [[0, 0, 0, 0]]
        else:
            if not multi:
                contours = [max(contours, key=cv2.contourArea)]
            predicted = []
            for contour in contours:
                x, y, w, h = cv2.boundingRect(contour)
                predicted.append([x, y, min(x + w, VIEW[1] - 1), min(y + h, VIEW[0] - 1)])
        ious.append(box_iou(predicted, boxes).max())
    return np.array(ious)


def direct_pixels(m: np.ndarray, _: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Histograms by NumPy."""
    view, _ = protocol_b_map(m, VIEW)
    return np.stack([np.histogram(view[mask == value], PIXEL_EDGES)[0] for value in (1, 0)])


# Name: ours, the direct one, how many passes a map means. Each takes map, boxes and mask.
METRICS: dict[str, tuple[Callable, Callable, int]] = {
    'Protocol A, per θ': (
        lambda m, boxes, mask: protocol_a_ious(m, boxes, THETAS, VIEW),
        direct_protocol_a,
        len(THETAS),
    ),
    'MaxBoxAcc': (
        lambda m, boxes, mask: protocol_b_ious(protocol_b_map(m, VIEW)[0], boxes).single,
        lambda m, boxes, mask: direct_protocol_b(m, boxes, False),
        1,
    ),
    'MaxBoxAccV2': (
        lambda m, boxes, mask: protocol_b_ious(protocol_b_map(m, VIEW)[0], boxes).multi,
        lambda m, boxes, mask: direct_protocol_b(m, boxes, True),
        1,
    ),
    'MaxBoxAcc and V2': (
        lambda m, boxes, mask: np.stack(protocol_b_ious(protocol_b_map(m, VIEW)[0], boxes)),
        lambda m, boxes, mask: np.stack([direct_protocol_b(m, boxes, k) for k in (False, True)]),
        1,
    ),
    'PxAP, pIoU': (
        lambda m, boxes, mask: pixel_histograms(protocol_b_map(m, VIEW)[0], mask),
        direct_pixels,
        1,
    ),
}


def truth(count: int, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """One to three boxes per picture, and a mask of them with an ignored corner."""
    all_boxes, masks = [], []
    for _ in range(count):
        boxes = np.sort(rng.integers(0, 224, (int(rng.integers(1, 4)), 2, 2)), axis=1)
        boxes = boxes.reshape(-1, 4)
        mask = np.zeros(VIEW, np.uint8)
        mask[:40, :40] = 255
        for x0, y0, x1, y1 in boxes:
            mask[y0 : y1 + 1, x0 : x1 + 1] = 1
        all_boxes.append(boxes)
        masks.append(mask)
    return all_boxes, masks


def measure(
    maps: list[np.ndarray], rounds: int, rng: np.random.Generator, direct: bool
) -> dict[str, dict[str, float]]:
    """Time each metric on each map, ours and the direct one in turn.

    Args:
        maps: (h, w) each.
        rounds: How often.
        rng: For the ground truth.
        direct: Whether to run the direct implementations too.

    Returns:
        By metric: ``ms`` and ``best_ms`` (median and minimum over the rounds of the mean over the
        maps), ``direct_ms`` and ``direct_best_ms`` likewise, and ``ratio`` of the medians.

    Raises:
        RuntimeError: If the two disagree.
    """
    boxes, masks = truth(len(maps), rng)
    result = {}
    for name, (own, other, passes) in METRICS.items():
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            sums = [0.0, 0.0]
            for index, item in enumerate(zip(maps, boxes, masks)):
                values = []
                for k, function in enumerate((own, other) if direct else (own,)):
                    begin = time.perf_counter()
                    values.append(function(*item))
                    sums[k] += time.perf_counter() - begin
                if direct and not np.array_equal(*values):
                    raise RuntimeError(f'{name}: map {index} gives other figures directly')
            for k in range(2):
                seconds[k].append(sums[k] / len(maps) / passes * 1e3)
        row = dict(ms=statistics.median(seconds[0]), best_ms=min(seconds[0]))
        if direct:
            row.update(direct_ms=statistics.median(seconds[1]), direct_best_ms=min(seconds[1]))
            row['ratio'] = row['direct_ms'] / row['ms']
        result[name] = row
    return result


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """All figures as a Markdown table."""
    rows = [['maps', 'metric', 'ms per map', 'best', 'direct', 'best', 'times faster']]
    for kind, metrics in results.items():
        for name, row in metrics.items():
            cells = [f'{row[key]:.3f}' for key in ('ms', 'best_ms')]
            cells += [f'{row[k]:.2f}' if k in row else '' for k in ('direct_ms', 'direct_best_ms')]
            cells.append(f'{row["ratio"]:.1f}' if 'ratio' in row else '')
            rows.append([kind, name, *cells])
    return markdown_table(rows)


# Name: a registered metric, from its number of worker processes.
REGISTERED: dict[str, Callable] = {
    'Protocol A': lambda **kwargs: evaluation.LocalizationMetric(thresholds=THETAS, **kwargs),
    'MaxBoxAcc and V2': lambda **kwargs: evaluation.MaxBoxAccV2(with_max_box_acc=True, **kwargs),
    'PxAP, pIoU': lambda **kwargs: evaluation.PxAP(**kwargs),
}


def samples_of(
    maps: Sequence[np.ndarray], count: int, first: int, rng: np.random.Generator
) -> list[dict]:
    """Data samples with the maps in turn, named by their place in the set."""
    import torch

    all_boxes, masks = truth(len(maps), rng)
    samples = []
    for index in range(first, first + count):
        k = index % len(maps)
        boxes = torch.from_numpy(all_boxes[k])
        samples.append(
            dict(
                image_id=f'val/{index:08d}.jpg',
                img_shape=VIEW,
                pred_map=torch.from_numpy(maps[k]),
                pred_score=torch.tensor([0.4, 0.6]),
                gt_label=torch.tensor([k % 2]),
                gt_bboxes=boxes,
                gt_bboxes_view=boxes,
                gt_mask=torch.from_numpy(masks[k]),
            )
        )
    return samples


def waiting(
    maps: Sequence[np.ndarray], batch: int, batches: int, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """How long a device waits for the host, per batch, without and with a worker process.

    The device is a timer: the host is free while it is busy, and when a batch is ready it gets
    the next one as soon as the metric has taken this one in. It is busy half as long again as the
    work on a batch takes, so that a worker can keep up.

    Args:
        maps: (h, w) each.
        batch: Pictures in a batch.
        batches: How many are timed.
        rng: For the ground truth.

    Returns:
        By metric, in ms per batch: ``work``, ``device``, and ``waits_0`` and ``waits_1``, the
        median that the device waits without and with a worker; and ``rest_1``, how long the host
        waits for the worker at the very end.
    """
    result = {}
    for name, build in REGISTERED.items():
        row: dict[str, float] = {}
        for workers in (0, 1):
            metric = build(num_workers=workers)
            # Starts the worker.
            metric.process(None, samples_of(maps, batch, 0, rng))
            metric.evaluate(batch)
            if not workers:
                begin = time.perf_counter()
                for k in range(3):
                    metric.process(None, samples_of(maps, batch, k * batch, rng))
                row['work'] = (time.perf_counter() - begin) / 3 * 1e3
                row['device'] = row['work'] * 1.5
                metric.evaluate(3 * batch)
            waits = []
            for k in range(batches):
                samples = samples_of(maps, batch, k * batch, rng)
                time.sleep(row['device'] / 1e3)
                begin = time.perf_counter()
                metric.process(None, samples)
                waits.append((time.perf_counter() - begin) * 1e3)
            begin = time.perf_counter()
            metric.evaluate(batch * batches)
            row['rest_1'] = (time.perf_counter() - begin) * 1e3
            row[f'waits_{workers}'] = statistics.median(waits)
        result[name] = row
    return result


def waiting_table(figures: dict[str, dict[str, float]], batch: int) -> str:
    """What :func:`waiting` found as a Markdown table."""
    rows = [['metric', 'work', 'device', 'waits, alone', 'share', 'waits, 1 worker', 'share']]
    rows[0].append('at the end')
    for name, row in figures.items():
        cells = [f'{row["work"]:.1f}', f'{row["device"]:.1f}']
        for workers in (0, 1):
            waits = row[f'waits_{workers}']
            cells += [f'{waits:.1f}', f'{waits / (waits + row["device"]):.1%}']
        cells.append(f'{row["rest_1"]:.1f}')
        rows.append([name, *cells])
    title = f'A device waits for the host, ms per batch of {batch} maps:'
    return f'{title}\n\n{markdown_table(rows)}'


def memory(counts: Sequence[int], rng: np.random.Generator) -> dict[str, list[float]]:
    """Most memory that Python and NumPy hold at a time, from the first picture to the figures.

    Args:
        counts: Numbers of pictures, of 4x4 maps at a view of 8x8.
        rng: For maps and ground truth.

    Returns:
        By metric: MiB for each of the counts.
    """
    import torch

    sample = samples_of([rng.random((4, 4), dtype=np.float32)], 1, 0, rng)[0]
    sample['gt_mask'] = torch.eye(8, dtype=torch.uint8)
    result = {}
    for name, build in REGISTERED.items():
        result[name] = []
        for count in counts:
            tracemalloc.start()
            metric = build(view_size=(8, 8))
            for index in range(count):
                metric.process(None, [{**sample, 'image_id': f'val/{index:08d}.jpg'}])
            metric.evaluate(count)
            result[name].append(tracemalloc.get_traced_memory()[1] / 2**20)
            tracemalloc.stop()
    return result


def read_maps(folder: str, count: int) -> list[np.ndarray]:
    """The first maps of a folder of .npy files, by name."""
    paths = sorted(Path(folder).rglob('*.npy'))[:count]
    if not paths:
        raise SystemExit(f'there is no .npy file in {folder}')
    maps = [np.squeeze(np.load(path)).astype(np.float32) for path in paths]
    for path, m in zip(paths, maps):
        if m.ndim != 2:
            raise SystemExit(f'{path} is no map: its shape is {m.shape}')
    return maps


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--maps', type=int, default=10, help='how many of each kind; default: %(default)s'
    )
    parser.add_argument(
        '--rounds', type=int, default=5, help='how often each is timed; default: %(default)s'
    )
    parser.add_argument(
        '--kinds',
        nargs='+',
        choices=tuple(KINDS),
        default=['blobs', 'smooth'],
        help='which maps; default: blobs smooth',
    )
    parser.add_argument('--npy', help='folder of .npy maps, in place of generated ones')
    parser.add_argument('--no-direct', action='store_true', help='time our implementation only')
    parser.add_argument(
        '--batch', type=int, default=32, help='of the device that waits; default: %(default)s'
    )
    parser.add_argument(
        '--batches', type=int, default=10, help='of that device; 0: no device; default: %(default)s'
    )
    parser.add_argument(
        '--pictures',
        type=int,
        nargs=2,
        default=[1000, 10000],
        help='of the memory; 0 0: none; default: 1000 10000',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the maps; default: %(default)s')
    parser.add_argument('--out', help='JSON file of all figures')
    args = parser.parse_args(argv)
    if args.maps < 1 or args.rounds < 1:
        parser.error('--maps and --rounds must be at least 1')
    if args.batch < 1 or args.batches < 0 or min(args.pictures) < 0:
        parser.error('--batch must be at least 1, --batches and --pictures at least 0')
    if args.out:
        require_writable(args.out, '--out')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(args.seed)
    if args.npy:
        sets = {args.npy: read_maps(args.npy, args.maps)}
    else:
        sets = {kind: KINDS[kind](args.maps, rng) for kind in args.kinds}
    results = {}
    for kind, maps in sets.items():
        results[kind] = measure(maps, args.rounds, rng, not args.no_direct)
    print(table(results))
    content = dict(rounds=args.rounds, results=results)
    if args.batches:
        maps = next(iter(sets.values()))
        content['waiting'] = waiting(maps, args.batch, args.batches, rng)
        print(f'\n{waiting_table(content["waiting"], args.batch)}')
    if min(args.pictures):
        content['memory_mib'] = memory(args.pictures, rng)
        print()
        for name, (few, many) in content['memory_mib'].items():
            print(
                f'{name}: {few:.2f} MiB at most with {args.pictures[0]} pictures, '
                f'{many:.2f} MiB with {args.pictures[1]}'
            )
    if args.out:
        write_figures(args.out, argv, 'cpu', **content)


if __name__ == '__main__':
    run_command(main)
