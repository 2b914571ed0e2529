"""``sklearn:NAME``: images that come with scikit-learn, such as ``sklearn:digits``, and its bunches in Python."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import to_text
from convscope.data.home import printable
from convscope.data.pixeltable import Pixels
from convscope.data.taken import Item, Taken
from convscope.errors import DataError, unknown
from convscope.extras import missing_module

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.data.spelled import Spelled

TOPS = (1.0, 16.0, 255.0)
"""Values that white may have; the least that no value of the set exceeds counts."""


def stamp(wanted: Spelled) -> str:  # noqa: ARG001 -- as every kind has it
    """Return the version of scikit-learn."""
    return str(_library().__version__)


def take(wanted: Spelled) -> Taken:
    """Return the images of a set of scikit-learn, by the name of its function without ``load_`` or ``fetch_``.

    Raises:
        UnknownNameError: there is no such function.
        DataError: it cannot be opened, or holds no images.
        MissingExtraError: scikit-learn is not installed.
    """
    datasets = _library().datasets
    known = {
        name.partition("_")[2]: getattr(datasets, name)
        for name in datasets.__all__
        if name.startswith(("load_", "fetch_"))
    }
    if wanted.path not in known:
        raise unknown("data set of scikit-learn", wanted.path, known)
    try:
        bunch = known[wanted.path]()
    except Exception as error:  # noqa: BLE001 -- another library may raise anything
        raise DataError(f"scikit-learn cannot open {wanted.path}: {str(error)[:200]}") from None
    return taken_of(bunch, wanted.path)


def _library() -> Any:
    try:
        import sklearn.datasets
    except ImportError:
        raise missing_module("sklearn") from None
    return sklearn


def is_bunch(given: object) -> bool:
    """Return whether an object has images and their labels under the names of scikit-learn.

    >>> is_bunch({"data": [], "target": []}), is_bunch({"train": []}), is_bunch(5)
    (True, False, False)
    """
    if isinstance(given, Mapping):
        return "target" in given and ("images" in given or "data" in given)
    return hasattr(given, "target") and hasattr(given, "images")


def _has(bunch: Any, name: str, other: Any = ()) -> Any:
    """Return what a bunch has under a name: a dictionary, or an object with attributes."""
    return bunch.get(name, other) if isinstance(bunch, Mapping) else getattr(bunch, name, other)


def taken_of(bunch: Any, name: str) -> Taken:
    """Return the images of a bunch: ``images`` or square rows of ``data``, ``target`` and, if stated, ``target_names``.

    Values of at most 1, 16 or 255 become 0 to 255.

    Args:
        bunch: of ``sklearn.datasets``, or anything with these attributes or keys.
        name: for errors.

    Raises:
        DataError: it holds no images, or no label for each.
    """
    values = _images(np.asarray(_has(bunch, "images", _has(bunch, "data"))), name)
    target = np.asarray(_has(bunch, "target"))
    if target.shape != (len(values),):
        raise DataError(f"{printable(name)} has {len(values):,} images, but labels of the shape {target.shape}")
    stated = _has(bunch, "target_names")
    names = [] if stated is None else [str(one) for one in stated]
    if not names or target.dtype.kind not in "iu" or not 0 <= target.min() <= target.max() < len(names):
        names, labels = [], [str(one) for one in target.tolist()]
    else:
        labels = [names[at] for at in target.tolist()]
    items = [Item(str(at), "", label, Pixels(values, at)) for at, label in enumerate(labels)]
    return Taken(items, classes=names, expected="images and a label for each")


def _images(found: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return images ``n c h w`` of 0 to 255."""
    if found.dtype.kind not in "biuf" or not found.size:
        raise DataError(f"{printable(name)} holds no images, but {found.dtype} {found.shape}")
    if found.ndim == 2:
        side = math.isqrt(found.shape[1])
        if side < 4 or side * side != found.shape[1]:
            raise DataError(f"{printable(name)} holds no images, but rows of {found.shape[1]:,} values")
        found = found.reshape(-1, side, side)
    if found.ndim == 3:
        found = found[..., None]
    if found.ndim != 4 or found.shape[3] not in {1, 3}:
        shape = to_text(found.shape[1:]) if found.ndim == 4 else str(found.shape)
        raise DataError(f"{printable(name)} holds no images, but arrays of {shape}")
    top = next((one for one in TOPS if found.max() <= one), 0.0)
    if not top or found.min() < 0 or not np.isfinite(found).all():
        raise DataError(
            f"{printable(name)} has values of {found.min():g} to {found.max():g}", expected="0 to 255, 16 or 1"
        )
    if found.dtype == np.uint8:
        top = 255.0
    scaled = np.rint(found.astype(np.float64) * (255 / top)).astype(np.uint8)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
