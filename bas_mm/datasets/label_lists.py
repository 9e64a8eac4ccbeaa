"""Lists of pictures with several labels each: ``name class class ...``."""

from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bas_mm.utils.class_names import class_indices

from .errors import AnnotationError
from .picture_names import PICTURE_SUFFIXES, is_picture, picture_stem
from .text_lists import read_lines, require_unique

__all__ = ['LabelList', 'read_ids', 'read_label_list', 'unknown_class']


@dataclass
class LabelList:
    """What a label list says.

    Attributes:
        file: The list.
        names: The pictures as they stand there.
        labels: The classes of each, ascending, each once, counted from 0.
        lines: The line of each, counted from 1.
        positions: Stem of a picture's name -> its position in the list.
    """

    file: str
    names: list[str]
    labels: list[list[int]]
    lines: Sequence[int]
    positions: dict[str, int]

    def labels_of(
        self, ids: Sequence[str], id_lines: Sequence[int], ids_file: str
    ) -> list[list[int]]:
        """The labels of some pictures.

        Args:
            ids: Stems of their names.
            id_lines: The line of each in ``ids_file``.
            ids_file: Where the ids come from, for messages.

        Raises:
            AnnotationError: The list misses one of them.
        """
        missing = [position for position, name in enumerate(ids) if name not in self.positions]
        if missing:
            raise AnnotationError.at_first(
                ids_file,
                [id_lines[position] for position in missing],
                f'{ids[missing[0]]} has no line in {self.file}',
                'Add it there with its classes, or take the picture from the split',
            )
        return [self.labels[self.positions[name]] for name in ids]


def unknown_class(
    file: str, line: int | None, name: str, classes: Sequence[str]
) -> AnnotationError:
    """Make the error for a class that is none of a set's."""
    shown = ', '.join(classes[:3]) + (' ...' if len(classes) > 3 else '')
    what = 'only class is' if len(classes) == 1 else f'{len(classes)} classes are'
    advice = f'The {what} {shown}: correct the name, or set `classes`'
    if _is_whole(name):
        called = [own for index, own in enumerate(classes) if _is_whole(own) and own != str(index)]
        if called:
            advice += f'. Names go before indices, and {called[0]} is a name: write names alone'
        else:
            advice += f'. Indices are counted from 0, to {len(classes) - 1}'
    return AnnotationError.at(file, line, f'unknown class {name!r}', advice)


def read_label_list(file: str, classes: Sequence[str], allow_unlabelled: bool = False) -> LabelList:
    """Read a list of pictures and classes.

    A line is the picture's name, with or without folder and ending, and its classes, divided by
    white space: names, with ``_`` for a space inside one; or, where all of the file are whole
    numbers and none is a name, indices counted from 0.

    Args:
        file: The list.
        classes: Names of the classes.
        allow_unlabelled: Whether a picture may be without classes. Defaults to False.

    Raises:
        AnnotationError: The file is missing or empty, or a line has no class, an unknown class,
            a name with a space, or a picture that stood there before.
    """
    texts, lines = _texts(file)
    rows = [text.split() for text in texts]
    indices: Mapping[str, int] = class_indices(classes)
    found = {word for _, *words in rows for word in words}
    # Of the name 'a .jpg' the ending is a word by itself.
    ends = {word for word in found.difference(indices) if word.lower().endswith(PICTURE_SUFFIXES)}
    if ends:
        _refuse_spaces(rows, lines, file, ends)
    if all(map(_is_whole, found)) and found.isdisjoint(indices):
        indices = {str(index): index for index in range(len(classes))}
    labels = []
    for (name, *words), line in zip(rows, lines):
        if not words and not allow_unlabelled:
            raise AnnotationError.at(
                file,
                line,
                f'{name} has no class',
                'Write its classes behind it, take the line out, or set allow_unlabelled=True',
            )
        try:
            labels.append(sorted({indices[word] for word in words}))
        except KeyError as error:
            raise unknown_class(file, line, error.args[0], classes) from None
    names = [name for name, *_ in rows]
    stems = list(map(picture_stem, names))
    _require_unique_stems(stems, lines, file)
    positions = {stem: position for position, stem in enumerate(stems)}
    return LabelList(file, names, labels, lines, positions)


def read_ids(
    file: str, *, picture_of: Callable[[str], str] | None = None, ignore_rest: bool = False
) -> tuple[list[str], Sequence[int]]:
    """Read the ids of a split.

    A line is an id, the path of a picture, or the paths of a picture and of its mask.

    Args:
        file: The list.
        picture_of: Gives the file of an id's picture, for lists as mmsegmentation reads them: an id
            alone in its line keeps the folders before it, one whose picture is there may have
            blanks, and a line may stand there several times. What ends like a picture is a path.
            Defaults to None.
        ignore_rest: Whether anything may follow the first word, such as 1 or -1, or classes.
            Defaults to False.

    Returns:
        Stems of the names in their order, and their line numbers counted from 1.

    Raises:
        AnnotationError: The file is missing or empty, or a line holds something else or an id
            that stood there before; with ``picture_of``, in a line that was written otherwise,
            which may be meant for a picture of the same name in another folder.
    """
    texts, lines = _texts(file)
    ids = []
    for text, line in zip(texts, lines):
        row = text.split()
        name, *others = map(picture_stem, row)
        # Lists of one class, with 1 or -1 behind the id, are seldom what is meant.
        is_pair = len(row) == 2 and others[0] == name and _is_path(row[1])
        if others and not is_pair and not ignore_rest:
            advice = 'Write one id per line'
            if picture_of is not None:
                # Only here, as looking for a file takes time.
                if osp.exists(picture_of(text)):
                    ids.append(text)
                    continue
                advice += f'; as an id with blanks it has no picture {picture_of(text)}'
            raise AnnotationError.at(
                file,
                line,
                f'an id, or the paths of a picture and its mask were expected: {" ".join(row)!r}',
                advice,
            )
        if picture_of is not None and not others and not is_picture(text):
            name = text
        ids.append(name)
    if picture_of is None:
        _require_unique_stems(ids, lines, file)
    else:
        # A line that is repeated makes its picture count more.
        firsts: dict[str, tuple[str, int]] = {}
        for text, name, line in zip(texts, ids, lines):
            firsts.setdefault(text, (name, line))
        advice = 'Take one of the two lines out, or write both alike if they mean one picture'
        require_unique(*zip(*firsts.values()), file, advice=advice)
    return ids, lines


def _texts(file: str) -> tuple[list[str], Sequence[int]]:
    texts, lines = read_lines(file)
    if not texts:
        raise AnnotationError.at(
            file, None, 'the list is empty', 'Write one picture per line, or use another list'
        )
    return texts, lines


def _require_unique_stems(stems: Sequence[str], lines: Sequence[int], file: str) -> None:
    advice = (
        'Take one of the two lines out, or rename one: the name without folder and ending stands '
        'for the picture'
    )
    require_unique(stems, lines, file, advice=advice)


def _refuse_spaces(
    rows: Sequence[Sequence[str]], lines: Sequence[int], file: str, ends: Collection[str]
) -> None:
    """Raise where a word that is no class, but ends like a picture, makes a name of several."""
    for row, line in zip(rows, lines):
        last = next((i for i, word in enumerate(row) if i and word in ends), None)
        # A name with an ending of its own has another file behind it, such as a mask.
        if last is not None and not is_picture(row[0]):
            raise AnnotationError.at(
                file,
                line,
                f'the name {" ".join(row[: last + 1])!r} has a space, which names in this list '
                'cannot have, because what follows it are classes',
                'Rename the picture',
            )


def _is_path(word: str) -> bool:
    return '/' in word or '\\' in word


def _is_whole(word: str) -> bool:
    return word.lstrip('-').isdecimal()
