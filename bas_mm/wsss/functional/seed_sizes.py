"""The sizes of seed maps. Apart, so that readers of seed files need no torch."""

__all__ = ['HIGH_RES_STEP', 'STRIDE', 'strided_size']

#: Pixels of the picture per cell of the strided maps, along each side.
STRIDE = 4

#: High-resolution maps are made at the next multiples of this size, then cut.
HIGH_RES_STEP = 16


def strided_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the strided maps: ceil(h / 4), ceil(w / 4).

    Examples:
        >>> strided_size(375, 500)
        (94, 125)
    """
    return -(-height // STRIDE), -(-width // STRIDE)
