"""Drawing of maps, boxes and captions: arrays in, arrays out.

Pictures are RGB, uint8, (H, W, 3). Boxes are x0, y0, x1, y1 in pixels, both corners inside.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from bas_mm.evaluation.functional import protocol_a_map

__all__ = [
    'DRAWN_SIDE',
    'PREDICTED_COLOR',
    'TRUE_COLOR',
    'add_caption',
    'color_map',
    'cut_view',
    'draw_boxes',
    'draw_comparison',
    'enlarge',
    'input_view',
    'last_inside',
    'overlay_map',
    'side_by_side',
]

#: The longer side, in pixels, to which inferencers shrink pictures for drawing, and the width up to
#: which small ones are enlarged.
DRAWN_SIDE = 640
# Neither colour is in the heat map's scale from blue over green to red at full saturation
# together with its dark rim, so that a box stays visible on any part of it.
TRUE_COLOR = (0, 255, 0)
PREDICTED_COLOR = (255, 0, 255)
_RIM_COLOR = (0, 0, 0)
# Ten crops are stacked like this: four corners, then the centre, then their mirror images.
_CENTRE_CROP = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.45
_LINE_HEIGHT = 17
_MARGIN = 4


def enlarge(image: np.ndarray, min_height: int = 224) -> tuple[np.ndarray, int]:
    """Enlarge a small picture by a whole factor, so that boxes and captions are legible.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8.
        min_height (int): Height that the result has at least, unless it would be wider than
            DRAWN_SIDE: a line of pixels remains one.

    Returns:
        tuple[np.ndarray, int]: The picture and the factor, 1 where it was large enough. Every
        pixel becomes a block: nothing is smoothed.
    """
    factor = max(1, min(-(-min_height // image.shape[0]), DRAWN_SIDE // image.shape[1]))
    if factor == 1:
        return image, 1
    return image.repeat(factor, axis=0).repeat(factor, axis=1), factor


def input_view(inputs: np.ndarray, channel_order: str = 'bgr') -> np.ndarray:
    """The picture that a network sees, from what the data set gives it.

    Args:
        inputs (np.ndarray): Shape (3, H, W), or (10, 3, H, W) of ten crops, uint8.
        channel_order (str): 'bgr' or 'rgb': how the data set loads pictures.

    Returns:
        np.ndarray: Shape (H, W, 3), RGB, contiguous; of ten crops the centre one.

    Raises:
        ValueError: If the inputs are something else.
    """
    if inputs.ndim == 4:
        inputs = inputs[_CENTRE_CROP]
    if inputs.ndim != 3 or inputs.dtype != np.uint8:
        raise ValueError(
            'pictures can be drawn from uint8 inputs (3, H, W) or (10, 3, H, W) only, got '
            f'{inputs.dtype} {inputs.shape}'
        )
    view = inputs.transpose(1, 2, 0)
    return np.ascontiguousarray(view[..., ::-1] if channel_order == 'bgr' else view)


def cut_view(image: np.ndarray, view_box: Sequence[float], size: tuple[int, int]) -> np.ndarray:
    """Cut a view out of a picture and resize it, as resizes, crops and mirrors together do.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8.
        view_box (Sequence[float]): Where the view lies in the picture, x0, y0, x1, y1 in its
            pixels, x1 and y1 one past the end; x0 > x1 mirrors it.
        size (tuple[int, int]): Height and width of the view.

    Returns:
        np.ndarray: The view, bilinear; black where it is beside the picture. The very pixels
        where nothing is resized or moved by a part of a pixel.
    """
    (height, width), (x0, y0, x1, y1) = size, view_box
    across, down = (x1 - x0) / width, (y1 - y0) / height
    # From the centre of a pixel of the view to that place in the picture.
    matrix = np.array([[across, 0, x0 + (across - 1) / 2], [0, down, y0 + (down - 1) / 2]])
    return cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )


def color_map(localization_map: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Colour a localization map, blue for its minimum, red for its maximum.

    Args:
        localization_map (np.ndarray): Shape (h, w), any range; normalised and resized as
            Protocol A does.
        size (tuple[int, int]): Height and width of the result.

    Returns:
        np.ndarray: Shape (H, W, 3), uint8, RGB.

    Raises:
        ValueError: If the map is not (h, w) or not finite.
    """
    heat = protocol_a_map(localization_map, size)
    heat = cv2.applyColorMap((heat * 255).round().astype(np.uint8), cv2.COLORMAP_JET)
    return np.ascontiguousarray(heat[..., ::-1])


def overlay_map(image: np.ndarray, localization_map: np.ndarray, alpha: float = 0.5) -> np.ndarray:
    """Lay a localization map over its picture.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8.
        localization_map (np.ndarray): Shape (h, w); see :func:`color_map`.
        alpha (float): Weight of the map, in [0, 1].

    Returns:
        np.ndarray: Shape (H, W, 3), uint8.

    Raises:
        ValueError: If the map is not (h, w) or not finite.
    """
    heat = color_map(localization_map, image.shape[:2])
    return cv2.addWeighted(heat, alpha, image, 1 - alpha, 0)


def draw_boxes(
    image: np.ndarray,
    boxes: ArrayLike,
    color: Sequence[int],
    scale: int = 1,
) -> np.ndarray:
    """Draw boxes, two pixels wide inwards from their borders, with a thin dark rim.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8; not changed.
        boxes (ArrayLike): Shape (n, 4), corners inside, before the enlargement.
        color (Sequence[int]): Red, green, blue, 0 to 255.
        scale (int): Factor by which the picture was enlarged.

    Returns:
        np.ndarray: A new picture. What lies outside of it is cut off.
    """
    image = np.ascontiguousarray(image).copy()
    height, width = image.shape[:2]
    for x0, y0, x1, y1 in np.asarray(boxes, dtype=np.int64).reshape(-1, 4) * scale:
        x0, y0 = max(int(x0), 0), max(int(y0), 0)
        x1, y1 = min(int(x1) + scale - 1, width - 1), min(int(y1) + scale - 1, height - 1)
        # One-pixel rectangles from the outside inwards: OpenCV centres a thick line on the
        # border instead, where half of it would be lost at the picture's edge.
        rings = [_RIM_COLOR, *[tuple(int(c) for c in color)] * 2, _RIM_COLOR]
        for inset, ring in enumerate(rings, start=-1):
            if x1 - inset < x0 + inset or y1 - inset < y0 + inset:
                break
            cv2.rectangle(image, (x0 + inset, y0 + inset), (x1 - inset, y1 - inset), ring, 1)
    return image


def add_caption(
    image: np.ndarray, lines: Sequence[str | tuple[str, Sequence[int]]], line_count: int = 0
) -> np.ndarray:
    """Add a white strip with text below a picture.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8.
        lines (Sequence[str | tuple[str, Sequence[int]]]): Lines of text; with a colour, a filled
            square of it stands before the text. Text that is too wide is shrunk, then cut.
            Characters beyond ASCII, which OpenCV's font lacks, become '?'.
        line_count (int): Make room for so many lines, where there are fewer.

    Returns:
        np.ndarray: Shape (H + strip, W, 3), uint8.
    """
    rows = max(len(lines), line_count)
    width = image.shape[1]
    strip = np.full((rows * _LINE_HEIGHT + 2 * _MARGIN, width, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        text, color = (line, None) if isinstance(line, str) else line
        text = text.encode('ascii', 'replace').decode()
        baseline = _MARGIN + (i + 1) * _LINE_HEIGHT - 5
        x = _MARGIN
        if color is not None:
            corner = (x, baseline - 9)
            cv2.rectangle(strip, corner, (x + 9, baseline), tuple(int(c) for c in color), -1)
            cv2.rectangle(strip, corner, (x + 9, baseline), _RIM_COLOR, 1)
            x += 14
        text, font_scale = _fit(text, width - x - _MARGIN)
        cv2.putText(strip, text, (x, baseline), _FONT, font_scale, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([np.ascontiguousarray(image), strip])


def _fit(text: str, room: int) -> tuple[str, float]:
    """Shrink text by a quarter at most, then cut it, until it is no wider than the room."""

    def text_width(candidate: str, font_scale: float) -> int:
        return cv2.getTextSize(candidate, _FONT, font_scale, 1)[0][0]

    for font_scale in (_FONT_SCALE, _FONT_SCALE * 0.85, _FONT_SCALE * 0.75):
        if text_width(text, font_scale) <= room:
            return text, font_scale
    kept = len(text)
    while kept and text_width(text[:kept] + '..', font_scale) > room:
        kept -= 1
    return text[:kept] + '..', font_scale


def side_by_side(panels: Sequence[np.ndarray], gap: int = 6) -> np.ndarray:
    """Put panels in a row, their tops aligned, with white between and below them.

    Args:
        panels (Sequence[np.ndarray]): Pictures, at least one, of any sizes.
        gap (int): White columns between two of them.

    Returns:
        np.ndarray: One picture.

    Raises:
        ValueError: If there is no panel.
    """
    if not panels:
        raise ValueError('there is no panel to draw')
    height = max(panel.shape[0] for panel in panels)
    width = sum(panel.shape[1] for panel in panels) + gap * (len(panels) - 1)
    row = np.full((height, width, 3), 255, np.uint8)
    x = 0
    for panel in panels:
        row[: panel.shape[0], x : x + panel.shape[1]] = panel
        x += panel.shape[1] + gap
    return row


def draw_comparison(
    image: np.ndarray,
    gt_boxes: ArrayLike,
    methods: Mapping[str, Mapping[str, Any]],
    title: str = '',
) -> np.ndarray:
    """One picture with its true boxes, then each method's map and box, side by side.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8, RGB: the view.
        gt_boxes (ArrayLike): Shape (n, 4), corners inside; n may be 0.
        methods (Mapping[str, Mapping[str, Any]]): For each method's name a mapping with ``map``,
            shape (h, w), and optionally ``boxes``, shape (n, 4), predicted ones as
            :func:`~bas_mm.evaluation.functional.largest_component_box` gives them (x1, y1 one
            past the last), and ``caption``, a text.
        title (str): Caption of the first panel.

    Returns:
        np.ndarray: Shape (H', W', 3), uint8, RGB.

    Examples:
        >>> import numpy as np
        >>> picture = np.zeros((96, 96, 3), np.uint8)
        >>> row = draw_comparison(picture, [[10, 10, 40, 40]], {
        ...     'CAM': {'map': np.eye(14), 'boxes': [[0, 0, 20, 20]], 'caption': 'IoU 0.08'},
        ...     'BAS': {'map': np.eye(28)}})
        >>> row.shape[0] > 224 and row.shape[1] >= 3 * 288
        True
    """
    large, scale = enlarge(image)
    gt_boxes = np.asarray(gt_boxes).reshape(-1, 4)
    first = draw_boxes(large, gt_boxes, TRUE_COLOR, scale=scale)
    legend = [('true box', TRUE_COLOR)] if len(gt_boxes) else []
    panels = [add_caption(first, [title or 'picture', *legend], 2)]
    for name, result in methods.items():
        panel = overlay_map(large, result['map'])
        panel = draw_boxes(panel, gt_boxes, TRUE_COLOR, scale=scale)
        boxes = np.asarray(result.get('boxes', ())).reshape(-1, 4)
        panel = draw_boxes(panel, last_inside(boxes), PREDICTED_COLOR, scale=scale)
        caption = [(name, PREDICTED_COLOR) if len(boxes) else name]
        if result.get('caption'):
            caption.append(str(result['caption']))
        panels.append(add_caption(panel, caption, 2))
    return side_by_side(panels)


def last_inside(boxes: ArrayLike) -> np.ndarray:
    """Predicted boxes, whose x1, y1 are one past the last, with both corners inside."""
    boxes = np.asarray(boxes, dtype=np.int64).reshape(-1, 4).copy()
    boxes[:, 2:] -= 1
    return boxes
