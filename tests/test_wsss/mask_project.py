"""Seven scenes with seeds, and a small IRNet, for the tests of the mask steps."""

from pathlib import Path

import numpy as np
import torch
from tiny_irn import tiny_irn_cfg

from bas_mm.datasets import SyntheticScenes
from bas_mm.registry import MODELS
from bas_mm.utils.result_files import write_json
from bas_mm.wsss.functional.seed_sizes import strided_size
from bas_mm.wsss.seed_file import SeedFile

SEED_SETTINGS = dict(form=1, weights='abc', scales=[1.0])


def scene_seeds(info: dict, number: int, size: tuple[int, int]) -> SeedFile:
    """Seeds of a picture: one blob per class that stands out of noise."""
    rng = np.random.default_rng(number)
    classes = sorted(info['gt_label'])

    def maps(height: int, width: int) -> np.ndarray:
        y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
        found = []
        for k in classes:
            blob = np.exp(-((y - 0.3 - 0.1 * k) ** 2 + (x - 0.25 - 0.15 * k) ** 2) / 0.02)
            found.append((blob + 0.1 * rng.random((height, width))) / 1.2)
        return np.array(found, dtype=np.float32)

    return SeedFile(np.array(classes, np.int64), maps(*strided_size(*size)), maps(*size))


def write_seeds(dataset: SyntheticScenes, folder: Path) -> list[str]:
    """Seeds of all pictures, and their settings; returns the ids."""
    ids = []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        size = tuple(dataset[index]['inputs'].shape[1:])
        scene_seeds(info, index, size).save(SeedFile.path(folder, info['image_id']))
        ids.append(info['image_id'])
    write_json(folder / 'seeds.json', SEED_SETTINGS)
    return ids


def irnet(seed: int = 0) -> torch.nn.Module:
    """A network whose boundaries have some contrast."""
    torch.manual_seed(seed)
    model = MODELS.build(tiny_irn_cfg()).eval()
    model.boundary_branch.joint.weight.data.mul_(6)
    model.boundary_branch.joint.bias.data.fill_(-2)
    return model
