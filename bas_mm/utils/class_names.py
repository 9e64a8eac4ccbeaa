"""How files and people call classes: names as they are, as one word, or indices.

One rule holds for all of them: names go before indices. A label is a place in a list of names, so
two lists that meet must have a name in the same place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

__all__ = ['class_indices', 'require_same_order', 'word_of']


def word_of(name: str) -> str:
    """A class name as one word of a list: 'traffic light' is written 'traffic_light'."""
    return '_'.join(name.split())


def class_indices(classes: Sequence[str]) -> dict[str, int]:
    """Name of a class, as it is and as one word -> its index."""
    return {
        **{word_of(name): index for index, name in enumerate(classes)},
        **{name: index for index, name in enumerate(classes)},
    }


def require_same_order(
    classes: Sequence[str],
    what: str,
    others: Sequence[str],
    other_what: str,
    advice: str = '',
) -> None:
    """Refuse two lists of classes in which one name stands in different places.

    Lists without a common name are let pass: one may be in another language or of other ids. So are
    lists of different lengths, which are told of where they matter, and the numbers from 0 on that
    stand for names where a data set knows only how many classes it has.

    Args:
        classes (Sequence[str]): Names of the classes in the order of their labels.
        what (str): Whose these are, for the message, which begins with it.
        others (Sequence[str]): Those that they meet.
        other_what (str): Whose the others are.
        advice (str): What to do about it, where the caller knows, for the end of the message.
            Defaults to ''.

    Raises:
        ValueError: A name that each list has once stands in different places; the message names
            the first such class.
    """
    own, other = ([word_of(str(name)) for name in names] for names in (classes, others))
    numbers = [str(index) for index in range(len(own))]
    if own == other or len(own) != len(other) or numbers in (own, other):
        return
    # What stands there twice is no name of one class.
    places, other_places = (
        {name: index for index, name in enumerate(names) if counts[name] == 1}
        for names, counts in ((own, Counter(own)), (other, Counter(other)))
    )
    for name, place in places.items():
        if other_places.get(name, place) != place:
            raise ValueError(
                f'{what} has the classes in another order than {other_what}: class {place}, '
                f'counted from 0, is {classes[place]!r} in the first and {others[place]!r} in the '
                'second. Labels are places in these lists: both must be the same'
                + (advice and f'; {advice}')
            )
