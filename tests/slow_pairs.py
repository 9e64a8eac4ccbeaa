"""Pairs of grid points one by one, from the words of the definition, for comparison."""

import torch

EPS = 1e-5


def slow_offsets(radius: int) -> list[tuple[int, int]]:
    """First those in the same row, then row by row downwards."""
    offsets = [(0, x) for x in range(1, radius)]
    for y in range(1, radius):
        for x in range(-radius + 1, radius):
            if x**2 + y**2 < radius**2:
                offsets.append((y, x))
    return offsets


def slow_path(i: tuple[int, int], j: tuple[int, int]) -> list[tuple[int, int]]:
    """Grid points of the bounding box of i and j nearer than 1 to the line through both."""
    (yi, xi), (yj, xj) = i, j
    length = ((yj - yi) ** 2 + (xj - xi) ** 2) ** 0.5
    points = []
    for y in range(min(yi, yj), max(yi, yj) + 1):
        for x in range(min(xi, xj), max(xi, xj) + 1):
            # Distance of a point from a line; a hair less than 1 is not 1.
            distance = abs((yj - yi) * (x - xi) - (xj - xi) * (y - yi)) / length
            if distance < 1 - 1e-9:
                points.append((y, x))
    return points


def slow_affinity(boundary: torch.Tensor, i, j) -> torch.Tensor:
    """1 − max of the boundary (H, W) between two points; gradient reaches the boundary."""
    return 1 - torch.stack([boundary[point] for point in slow_path(i, j)]).max()


def slow_pairs(height: int, width: int, radius: int):
    """All (i, j) of training: anchors that have all their partners on the grid."""
    m = radius - 1
    for y in range(height - m):
        for x in range(m, width - m):
            for dy, dx in slow_offsets(radius):
                yield (y, x), (y + dy, x + dx)


def slow_losses(boundary, displacement, labels, radius) -> dict[str, torch.Tensor]:
    """The four losses of fields (N, 1, H, W), (N, 2, H, W) and labels (N, H, W), pair by pair."""
    terms = dict(pos_bg=[], pos_fg=[], neg=[], dp_fg=[], dp_bg=[])
    for e, d, label in zip(boundary[:, 0], displacement, labels):
        for i, j in slow_pairs(*label.shape, radius):
            if 255 in (label[i], label[j]):
                continue
            affinity = slow_affinity(e, i, j)
            field = d[:, i[0], i[1]] - d[:, j[0], j[1]]
            delta = torch.tensor([j[0] - i[0], j[1] - i[1]])
            if label[i] != label[j]:
                terms['neg'].append(-torch.log(1 + EPS - affinity))
            elif label[i] == 0:
                terms['pos_bg'].append(-torch.log(affinity + EPS))
                terms['dp_bg'].append(field.abs().sum())
            else:
                terms['pos_fg'].append(-torch.log(affinity + EPS))
                terms['dp_fg'].append((field - delta).abs().sum())

    def mean(name: str, per_pair: int = 1) -> torch.Tensor:
        total = torch.stack(terms[name]).sum() if terms[name] else torch.zeros(())
        return total / (per_pair * len(terms[name]) + EPS)

    return dict(
        pos=mean('pos_bg') / 2 + mean('pos_fg') / 2,
        neg=mean('neg'),
        dp_fg=mean('dp_fg', 2),
        dp_bg=mean('dp_bg', 2),
    )


def slow_transition(boundary: torch.Tensor, radius: int, beta: float) -> torch.Tensor:
    """T as a dense matrix (H·W, H·W), from a double loop over all points."""
    height, width = boundary.shape
    points = [(y, x) for y in range(height) for x in range(width)]
    values = boundary.tolist()
    a = torch.eye(len(points), dtype=boundary.dtype)
    for n, i in enumerate(points):
        for k, j in enumerate(points[:n]):
            if (i[0] - j[0]) ** 2 + (i[1] - j[1]) ** 2 < radius**2:
                a[n, k] = a[k, n] = 1 - max(values[y][x] for y, x in slow_path(i, j))
    a = a**beta
    return a / a.sum(0)
