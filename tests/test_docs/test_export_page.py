"""The box of docs/export.md is that of Protocol A on every kind of map, the label map of seeds."""

import re
from pathlib import Path

import cv2
import numpy as np
import torch

from bas_mm.evaluation.functional import protocol_a_boxes
from bas_mm.models.functional import seeds_to_labels
from bas_mm.wsss.functional.seeds import merge_scales, normalise_maps


def _names_of(repo_dir: Path, pattern: str) -> dict:
    page = (repo_dir / 'docs/export.md').read_text()
    (code,) = re.findall(pattern, page, re.DOTALL | re.MULTILINE)
    names = dict(cv2=cv2, np=np)
    exec(code, names)
    return names


def test_label_map(repo_dir: Path):
    names = _names_of(repo_dir, r'^def label_map.*?(?=\n```)')
    maps = torch.rand(5, 8, 7, generator=torch.Generator().manual_seed(0)) ** 3
    maps[2] = 0
    for size in ((64, 48), (61, 50)):
        for classes in ([3], [0, 2, 4]):
            chosen = torch.tensor(classes)
            scores = normalise_maps(merge_scales([maps[chosen]], size)[1])
            expected = seeds_to_labels(scores, chosen, 0.3).numpy()
            assert len(np.unique(expected)) > 1
            found = names['label_map'](maps.numpy(), classes, size)
            assert found.dtype == np.uint8
            # Resizes differ in the last place.
            assert (found != expected).mean() < 1e-3
    assert not names['label_map'](maps.numpy(), [], size).any()


def test_box_in_view(repo_dir: Path):
    names = _names_of(repo_dir, r'^def box_in_view.*?(?=\n\n\n)')
    generator = np.random.default_rng(0)
    maps = [generator.random((6, 7), dtype=np.float32) for _ in range(20)]
    # A constant map has nothing above any θ: its box is the whole view.
    maps += [np.zeros((6, 7), np.float32), np.full((6, 7), 3, np.float32)]
    for threshold in (0.0, 0.3, 0.9999999):
        for loc_map in maps:
            box = names['box_in_view'](loc_map, dict(view_size=[40, 56], threshold=threshold))
            assert list(box) == protocol_a_boxes(loc_map, [threshold], (40, 56))[0].tolist()
    assert box == (0, 0, 56, 40)
