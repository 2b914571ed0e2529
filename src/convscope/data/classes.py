"""Classes by their names: in which order they are counted, which names are meant to be one, and who is who elsewhere.

A class is its name. Two data sets that have a class "7" mean the same by it, wherever it stands in their lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convscope.data.home import printable
from convscope.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

SHOWN = 12
"""Names that a message lists."""

_NUMBER = re.compile(r"[0-9]+", re.ASCII)


def ordered(names: Collection[str]) -> list[str]:
    """Names in the order of their labels: by value where all of them are whole numbers, else by their characters.

    >>> ordered({"10", "9", "0"}), ordered({"b10", "b9"})
    (['0', '9', '10'], ['b10', 'b9'])
    """
    if all(_NUMBER.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def alike(name: str) -> str:
    """What is left of a name without capitals, separators and leading zeros.

    >>> alike("Great_White shark") == alike("great-white-shark"), alike("007") == alike("7")
    (True, True)
    """
    return re.sub(r"[\s_\-.]+", "", name).casefold().lstrip("0") or "0"


def near(name: str, known: Iterable[str]) -> str:
    """The one known name that differs from a name by capitals, separators or zeros only; empty if there is none.

    >>> near("cat", ["Cat", "Dog"]), near("cat", ["Dog"])
    ('Cat', '')
    """
    found = [one for one in known if alike(one) == alike(name) and one != name]
    return found[0] if len(found) == 1 else ""


def numbers_of(classes: Sequence[str], known: Sequence[str], data: str) -> list[int]:
    """For each class of a data set, the number of the class of the same name among those that a net knows.

    Args:
        classes: of the data set.
        known: of the net.
        data: name of the data set, for the error.

    Raises:
        DataError: the net does not know a class.

    >>> numbers_of(["10", "2"], ["0", "2", "10"], "mine")
    [2, 1]
    """
    places = {name: at for at, name in enumerate(known)}
    strange = [name for name in classes if name not in places]
    if strange:
        twin = near(strange[0], known)
        raise DataError(
            f'{data} has a class "{strange[0]}", which the net was not trained on',
            given=f"classes {listed(classes)}",
            expected=f"some of {listed(known)}",
            attempt=f'call it "{twin}", as in training' if twin else "",
        )
    return [places[name] for name in classes]


def listed(names: Sequence[str], between: str = ", ", most: int = SHOWN) -> str:
    """The first names, by default a dozen, and how many there are.

    >>> listed(["cat", "dog"]), listed(["cat", "dog", "owl"], most=2)
    ('cat, dog', 'cat, dog, … (3 in all)')
    """
    more = f"{between}… ({len(names):,} in all)" if len(names) > most else ""
    return between.join(map(printable, names[:most])) + more
