"""Class scores of pictures in a text file: lines of ``id,score0,score1,…``."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bas_mm.utils.result_files import whole_text

__all__ = ['read_scores', 'write_scores']


def write_scores(path: str | Path, scores: Iterable[tuple[str, np.ndarray]]) -> None:
    """Write class scores, atomically, with all their digits, and no more than a line in memory.

    Args:
        path (str | Path): The file.
        scores (Iterable[tuple[str, np.ndarray]]): Id and scores (C,) of each picture.
    """
    with whole_text(path) as text:
        writer = csv.writer(text, lineterminator='\n')
        # The digits of each type that give the same number back, float32's being fewer.
        writer.writerows([image_id, *map(str, values)] for image_id, values in scores)


def read_scores(path: str | Path) -> dict[str, np.ndarray]:
    """Read class scores.

    Args:
        path (str | Path): The file; a byte order mark and blank lines are passed over.

    Returns:
        dict[str, np.ndarray]: Scores (C,), float64, by the picture's id.

    Raises:
        ValueError: The file cannot be read or is empty, or a line is no id with numbers, as many
            as on the first line, has NaN or +infinity among them, or repeats an id; the message
            names file and line.
    """
    try:
        # Ids come back as write_scores got them.
        text = Path(path).read_text(encoding='utf-8-sig', errors='surrogateescape')
    except OSError as error:
        raise ValueError(f'class scores: {path} cannot be read: {error}') from None
    scores: dict[str, np.ndarray] = {}
    count = 0
    reader = csv.reader(io.StringIO(text.replace('\0', '?')))  # csv of Python 3.10 refuses NUL
    for row in reader:
        if not ''.join(row).strip():
            continue
        place = f'{path}, line {reader.line_num}'
        try:
            image_id, values = row[0], np.array(row[1:], dtype=np.float64)
        except ValueError:
            raise ValueError(f'{place}: {",".join(row)!r} is not id,score0,score1,…') from None
        count = count or len(values)
        if not count or len(values) != count:
            raise ValueError(f'{place}: {len(values)} scores, where the first line has {count}')
        if not (values < np.inf).all():  # NaN fails here too
            raise ValueError(f'{place}: a score of {image_id} is NaN or infinite')
        if image_id in scores:
            raise ValueError(f'{place}: {image_id} stood there before')
        scores[image_id] = values
    if not scores:
        raise ValueError(f'{path} is empty: lines of id,score0,score1,… are needed')
    return scores
