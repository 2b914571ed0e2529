"""What a training takes from its data where the user states nothing: the recipe, the net, and the schedule."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convscope.core.shape import from_text
from convscope.data import registry
from convscope.data.classes import listed
from convscope.data.doubts import absent, known_images, warnings_of
from convscope.errors import FieldError
from convscope.training import recipe as recipes
from convscope.training.duration import duration
from convscope.training.ladder import notation
from convscope.training.start import start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convscope.data.dataset import Dataset, Split
    from convscope.training.recipe import Recipe
    from convscope.training.run import Job
    from convscope.training.start import Asked, Start

OWN = "own"
"""Name of the recipe whose net and schedule follow from the data."""

FINETUNE = "finetune"
"""Name of the recipe for weights that are brought, whose schedule follows from the data as well."""

DEFAULT = "fast"
"""Name of the recipe for a data set with recipes of its own."""

UNEVEN = 10
"""How many times as many images the largest class has as the smallest if a warning mentions it."""


def is_own(recipe: str | Recipe | None, data: str | None) -> bool:
    """Return whether the schedule follows from the data: it is asked for, or the data are the user's own.

    >>> is_own(None, "mnist"), is_own(None, "folder:photos"), is_own("fast", "folder:photos"), is_own("own", "mnist")
    (False, True, False, True)
    """
    if recipe is None:
        return data is not None and data.partition(":")[0] not in registry.DATASETS
    return recipe in {OWN, FINETUNE}


def settings(recipe: str | Recipe | None, data: str | None) -> Recipe:
    """Return the settings to begin with; those of ``own`` and ``finetune`` get a schedule by :func:`paced`.

    Raises:
        UnknownNameError: there is no recipe of that name.
        FieldError: the file is not a recipe.

    >>> settings(None, "folder:photos").name, settings(None, None).name
    ('own', 'fast')
    """
    if recipe is None:
        return recipes.find(OWN if is_own(recipe, data) else DEFAULT)
    return recipes.find(recipe) if isinstance(recipe, str) else recipe


def begin(asked: Asked, recipe: str | Recipe | None, stated: Mapping[str, Any]) -> Start:
    """Find the net, its weights, the data and the settings of a run; what the user leaves open follows from the data.

    Args:
        asked: what the user asks of the start.
        recipe: name, file or settings; None for the usual one of the data set.
        stated: settings that the user states, by name; None for those that are left open.

    Raises:
        FieldError: the recipe is ``finetune``, and there are no weights to start from.
        ConvscopeError: as for :func:`convscope.training.start.start`.
    """
    given = {key: value for key, value in stated.items() if value is not None}
    data = given.get("data")
    own = is_own(recipe, data)
    begun = settings(recipe, data).changed(**given)
    if recipe == FINETUNE and asked.net is None:
        raise FieldError(f"the recipe {FINETUNE} starts from weights, and no model is named", attempt="a run, as NET")
    if own and asked.net is None:
        size = None if asked.input is None else str(asked.input)
        made = net_for(begun.data, size, skip_bad=asked.skip_bad, report=asked.prepared)
        asked = replace(asked, net=made, input=None)
    found = start(asked, begun)
    if recipe == FINETUNE and found.tensors is None:
        raise FieldError(f"the recipe {FINETUNE} starts from weights, and there are none", attempt=f"recipe {OWN}")
    return replace(found, recipe=paced(found.recipe, found.dataset, given)) if own else found


def net_for(
    data: str,
    size: str | None = None,
    *,
    skip_bad: bool = False,
    report: Callable[[int, int], None] | None = None,
) -> str:
    """Return a net for a data set, in the notation (:mod:`convscope.training.ladder`).

    Args:
        data: name of the data set.
        size: size of the images, ``HxWxC``; by default that of the set (:func:`convscope.data.imagefolder.find`).
        skip_bad: leave out files that cannot be used.
        report: called with images prepared and all images.

    Raises:
        DataError: the images cannot be used.
        ShapeError: it is not a size.

    >>> net_for("mnist")[:29]
    'input 28x28x1, conv 48 5x5 s2'
    """
    found = registry.find(data, from_text(size) if size else None, skip_bad=skip_bad, report=report)
    return notation(found.shape, len(found.classes), found.count("train"))


def paced(own: Recipe, dataset: Dataset, stated: Mapping[str, Any]) -> Recipe:
    """Return the recipe with a schedule for a data set (:mod:`convscope.training.duration`).

    Args:
        own: the recipe.
        dataset: for the number of training images, and their size.
        stated: settings that the user states; they stay as they are.

    >>> from convscope.data import find
    >>> paced(recipes.find("own"), find("mnist"), {"batch": 100}).batch
    100
    """
    found = duration(dataset.count("train"), epochs=stated.get("epochs"), batch=stated.get("batch"))
    side = min(dataset.shape[1:])
    chosen = {
        "epochs": float(found.epochs),
        "batch": found.batch,
        "learning_rate": found.learning_rate,
        "shift": min(8, own.shift * (side // 16)),
    }
    return own.changed(**chosen | {key: value for key, value in stated.items() if key in chosen})


def uneven(split: Split, classes: tuple[str, ...], *, balance: bool) -> list[str]:
    """Return a line if the classes have very different numbers of training images.

    >>> import numpy as np
    >>> from convscope.data import Split
    >>> few = Split(np.zeros((12, 1, 2, 2), np.uint8), np.array([0] * 11 + [1]))
    >>> uneven(few, ("cat", "dog"), balance=False)
    ['the classes are uneven: 11 training images of cat, 1 of dog; --balance draws them evenly']
    """
    counts = Counter(split.labels.tolist())
    (most, many), (least, few) = counts.most_common(1)[0], counts.most_common()[-1]
    if many < UNEVEN * few or balance:
        return []
    first, last = (listed([classes[label]]) for label in (most, least))
    return [
        f"the classes are uneven: {many:,} training images of {first}, {few:,} of {last}; --balance draws them evenly"
    ]


def doubts(job: Job, learn: Split, test: Split) -> list[str]:
    """Return what a user should know of their own images before they believe a result, a sentence each."""
    if job.dataset.name.partition(":")[0] in registry.DATASETS:
        return []
    classes = uneven(learn, job.dataset.classes, balance=job.recipe.balance)
    return [*warnings_of(job.dataset), *absent(job.dataset, learn), *known_images(learn, test), *classes]
