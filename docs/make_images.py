"""Draws the pictures of the page on metrics: python docs/make_images.py

The picture is one of the embedded set's. The map is made here, not by a network: high on the head,
lower on the body, and with a spot on the background, as maps of networks are. All that follows
from it is what the metrics' own functions give.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'bas_mm').is_dir():  # its own checkout, whatever is installed
    sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import matplotlib as mpl  # noqa: E402
import numpy as np  # noqa: E402

from bas_mm.datasets.synthetic import SetParams, make_picture  # noqa: E402
from bas_mm.evaluation.functional import (  # noqa: E402
    PIXEL_EDGES,
    PROTOCOL_B_TAUS,
    box_iou,
    largest_component_box,
    normalize_map,
    pixel_figures,
    pixel_histograms,
    protocol_a_map,
    protocol_b_boxes,
    protocol_b_ious,
    protocol_b_map,
)
from bas_mm.utils.result_files import write_bytes  # noqa: E402
from bas_mm.visualization.functional import (  # noqa: E402
    PREDICTED_COLOR,
    TRUE_COLOR,
    add_caption,
    draw_boxes,
    enlarge,
    last_inside,
    overlay_map,
    side_by_side,
)

mpl.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

SIZE = 96  # of the embedded set's pictures, which are the view
MAP_SIZE = 24  # of the embedded networks' maps
HEIGHT = 192  # of the panels
THETA = 0.2  # leaves two components
TAUS = (0.05, 0.2, 0.5)
COLORS = ('#1f77b4', '#d62728', '#2ca02c')


class Example(NamedTuple):
    """A picture of the split `test`, and what its map shows besides the body."""

    index: int
    head: tuple[int, int]  # x, y
    spot: tuple[int, int]  # of a shape of the background
    spot_sigma: float


LARGE = Example(index=10, head=(24, 17), spot=(18, 79), spot_sigma=7)
# The spot is larger than the animal at low thresholds.
SMALL = Example(index=22, head=(54, 17), spot=(22, 68), spot_sigma=13)


def bump(center: tuple[int, int], sigma: float) -> np.ndarray:
    """A Gaussian of height 1 over the picture, (SIZE, SIZE)."""
    y, x = np.mgrid[:SIZE, :SIZE]
    distance = (x - center[0]) ** 2 + (y - center[1]) ** 2
    return np.exp(-distance / (2 * sigma**2))


def make_map(mask: np.ndarray, example: Example) -> np.ndarray:
    """The map of a picture, (MAP_SIZE, MAP_SIZE)."""
    body = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 5)
    whole = 0.5 * body + 0.7 * bump(example.head, 8)
    whole += 0.45 * bump(example.spot, example.spot_sigma)
    return cv2.resize(whole, (MAP_SIZE, MAP_SIZE), interpolation=cv2.INTER_AREA)


def heat(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] in the colours of a map, RGB."""
    return cv2.applyColorMap((values * 255).round().astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]


def blocks(image: np.ndarray) -> np.ndarray:
    """A small picture in blocks, HEIGHT pixels high."""
    return enlarge(np.ascontiguousarray(image), HEIGHT)[0]


def boxed(image: np.ndarray, boxes: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Boxes of the view on an enlarged picture of it."""
    return draw_boxes(image, boxes, color, scale=HEIGHT // SIZE)


def protocol_a(image: np.ndarray, mask: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Picture, map, resized map, components, boxes."""
    loc_map = make_map(mask, LARGE)
    normalized = normalize_map(loc_map)
    view = protocol_a_map(loc_map, (SIZE, SIZE))
    binary = (view > np.float32(THETA)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    components = np.zeros((SIZE, SIZE, 3), np.uint8)
    components[labels > 0] = (120, 120, 120)
    components[labels == largest] = (255, 255, 255)
    predicted = largest_component_box(view, THETA)[None]
    iou = box_iou(predicted, box).max()
    panels = [
        (boxed(blocks(image), box, TRUE_COLOR), ['1. picture', ('true box', TRUE_COLOR)]),
        (blocks(heat(normalized)), [f'2. map, {MAP_SIZE} x {MAP_SIZE}', 'min-max normalised']),
        (blocks(heat(view)), ['3. resized, bilinear', f'to the view, {SIZE} x {SIZE}']),
        (
            boxed(blocks(components), last_inside(predicted), PREDICTED_COLOR),
            [f'4. above {THETA}', ('the largest component', PREDICTED_COLOR)],
        ),
        (
            boxed(
                boxed(overlay_map(blocks(image), loc_map), box, TRUE_COLOR),
                last_inside(predicted),
                PREDICTED_COLOR,
            ),
            ['5. both boxes', f'IoU {iou:.2f}'],
        ),
    ]
    return side_by_side([add_caption(panel, lines) for panel, lines in panels])


def protocol_b(image: np.ndarray, mask: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The map, all contours at some thresholds, and the best IoU at each threshold."""
    loc_map = make_map(mask, SMALL)
    view, _ = protocol_b_map(loc_map, (SIZE, SIZE))
    gray = (view * 255).astype(np.uint8)
    first = boxed(overlay_map(blocks(image), loc_map), box, TRUE_COLOR)
    panels = [add_caption(first, ['picture and map', ('true box', TRUE_COLOR)])]
    for tau in TAUS:
        binary = gray > int(tau * gray.max())
        picture = np.where(binary[..., None], 255, 40).astype(np.uint8).repeat(3, axis=2)
        every = protocol_b_boxes(view, tau, multi=True)
        single = protocol_b_boxes(view, tau)
        drawn = boxed(blocks(picture), box, TRUE_COLOR)
        drawn = boxed(drawn, last_inside(every), PREDICTED_COLOR)
        best, largest = (box_iou(boxes, box).max() for boxes in (every, single))
        lines = [f'tau {tau}: {len(every)} contours', f'IoU {best:.2f}, largest {largest:.2f}']
        panels.append(add_caption(drawn, lines))
    ious = protocol_b_ious(view, box)
    figure, axes = plt.subplots(figsize=(3.4, 2.3), dpi=100)
    axes.plot(PROTOCOL_B_TAUS, ious.multi, color=COLORS[0], label='all contours')
    axes.plot(PROTOCOL_B_TAUS, ious.single, color=COLORS[1], label='largest contour', ls='--')
    axes.axhline(0.5, color='gray', lw=0.8)
    axes.set(xlabel='threshold τ', ylabel='best IoU', xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8)
    return side_by_side([*panels, as_picture(figure)])


def pixel_metrics(image: np.ndarray, mask: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The mask, the map, the histograms of both kinds of pixels, and the curves."""
    view, _ = protocol_b_map(make_map(mask, LARGE), (SIZE, SIZE))
    histograms = pixel_histograms(view, mask)
    figures = pixel_figures(histograms)
    panels = [
        add_caption(blocks(mask[..., None].repeat(3, axis=2) * 255), ['mask']),
        add_caption(blocks(heat(view)), ['map']),
    ]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8.4, 2.3), dpi=100)
    # Fifty of the thousand bins to a bar.
    bars = histograms[:, :1000].reshape(2, -1, 50).sum(2)
    edges = PIXEL_EDGES[:1001:50]
    for counts, color, label in zip(bars, COLORS, ('object', 'background')):
        left.stairs(counts, edges, color=color, fill=True, alpha=0.5, label=label)
    left.set(xlabel='value of the map', ylabel='pixels', xlim=(0, 1), yscale='log')
    left.legend(fontsize=8)
    tp, fp = histograms[:, ::-1].cumsum(1)
    seen = tp + fp > 0
    recall, precision = tp[seen] / tp[-1], tp[seen] / (tp + fp)[seen]
    middle.plot(recall, precision, color=COLORS[0])
    middle.fill_between(recall, precision, color=COLORS[0], alpha=0.3)
    middle.set(xlabel='recall', ylabel='precision', xlim=(0, 1), ylim=(0, 1.02))
    middle.text(0.1, 0.2, f'PxAP {figures.pxap:.1f}')
    right.plot(PIXEL_EDGES[:-1][::-1], tp / (tp[-1] + fp) * 100, color=COLORS[2])
    right.plot(figures.piou_threshold, figures.piou, 'ko')
    right.annotate(
        f'pIoU {figures.piou:.1f}', (figures.piou_threshold, figures.piou), (0.42, 80), fontsize=9
    )
    right.set(xlabel='threshold', ylabel='pixel IoU, %', xlim=(0, 1), ylim=(0, 100))
    return side_by_side([*panels, as_picture(figure)])


def as_picture(figure: 'plt.Figure') -> np.ndarray:
    """A figure of matplotlib as RGB, (H, W, 3) uint8."""
    figure.tight_layout()
    content = io.BytesIO()
    figure.savefig(content, format='png')
    plt.close(figure)
    decoded = cv2.imdecode(np.frombuffer(content.getbuffer(), np.uint8), cv2.IMREAD_COLOR)
    return decoded[..., ::-1]


def make_images() -> dict[str, np.ndarray]:
    """All pictures, RGB, by the names of their files."""
    params = SetParams(num_images=(1200, 200, 400))
    images = {}
    for draw, example in ((protocol_a, LARGE), (protocol_b, SMALL), (pixel_metrics, LARGE)):
        picture, _ = make_picture(params, 'test', example.index)
        box = np.array([picture.box])
        images[f'{draw.__name__}.jpg'] = draw(picture.image[..., ::-1], picture.mask, box)
    return images


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'images', help='folder')
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, image in make_images().items():
        _, content = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        write_bytes(args.out / name, content.tobytes())
        print(f'{args.out / name}: {image.shape[1]} x {image.shape[0]}, {len(content)} bytes')


if __name__ == '__main__':
    main()
