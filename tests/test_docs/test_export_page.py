"""The box of docs/export.md is that of Protocol A, on every kind of map."""

import re
from pathlib import Path

import cv2
import numpy as np

from bas_mm.evaluation.functional import protocol_a_boxes


def test_box_in_view(repo_dir: Path):
    page = (repo_dir / 'docs/export.md').read_text()
    (code,) = re.findall(r'^def box_in_view.*?(?=\n\n\n)', page, re.DOTALL | re.MULTILINE)
    names = dict(cv2=cv2, np=np)
    exec(code, names)
    generator = np.random.default_rng(0)
    maps = [generator.random((6, 7), dtype=np.float32) for _ in range(20)]
    # A constant map has nothing above any θ: its box is the whole view.
    maps += [np.zeros((6, 7), np.float32), np.full((6, 7), 3, np.float32)]
    for threshold in (0.0, 0.3, 0.9999999):
        for loc_map in maps:
            box = names['box_in_view'](loc_map, dict(view_size=[40, 56], threshold=threshold))
            assert list(box) == protocol_a_boxes(loc_map, [threshold], (40, 56))[0].tolist()
    assert box == (0, 0, 56, 40)
