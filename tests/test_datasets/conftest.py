"""Small picture sets in the layouts that users have, written for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from mmengine.logging import MMLogger
from releases import write_picture


class SplitWriter:
    """A data set of split folders: ``root/images`` and ``root/metadata/<split>``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, split: str, **lists: Sequence[str] | str | None) -> Path:
        """Write one file per list; a list is lines, or the text of the file."""
        folder = self.root / 'metadata' / split
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in lists.items():
            text = lines if isinstance(lines, str) else ''.join(f'{line}\n' for line in lines)
            (folder / f'{name}.txt').write_text(text, encoding='utf-8')
        return folder

    def write_good(self, split: str = 'train') -> Path:
        """Write three pictures in two directories, with one, two and one boxes."""
        ids = [f'{split}/cat/1.jpg', f'{split}/cat/2.jpg', f'{split}/dog/1.jpg']
        for seed, (image_id, size) in enumerate(zip(ids, [(60, 40), (50, 50), (32, 64)])):
            write_picture(self.root / 'images' / image_id, *size, seed=seed)
        return self.write(
            split,
            image_ids=ids,
            class_labels=[f'{ids[0]},0', f'{ids[1]},0', f'{ids[2]},1'],
            image_sizes=[f'{ids[0]},60,40', f'{ids[1]},50,50', f'{ids[2]},32,64'],
            localization=[
                f'{ids[0]},5,6,30,39',
                f'{ids[1]},0,0,50,50',
                f'{ids[1]},10.5,11.25,20,30',
                f'{ids[2]},1,2,31,63',
            ],
        )


@pytest.fixture
def split_writer(tmp_path: Path) -> SplitWriter:
    """Writer of split folders below a temporary folder."""
    return SplitWriter(tmp_path)


@pytest.fixture
def make_picture() -> Callable[..., np.ndarray]:
    """:func:`write_picture`."""
    return write_picture


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """File of a logger that is mmengine's current one, as a runner's is."""
    file = tmp_path / 'run.log'
    logger = MMLogger.get_instance(f'test-{tmp_path.name}', log_file=str(file))
    yield file
    for handler in list(logger.handlers):
        handler.close()
    MMLogger._instance_dict.pop(logger.instance_name)
