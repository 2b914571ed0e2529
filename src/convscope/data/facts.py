"""What is known of a data set as plain data: enough to predict where its pictures are not at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from convscope.data.dataset import Dataset
from convscope.errors import DataError

if TYPE_CHECKING:
    from convscope.data.dataset import Split

SCHEMA = "convscope/data/1"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A data set without its pictures; the fields are those of :class:`Dataset`."""

    schema: str = SCHEMA
    name: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    counts: dict[str, int]
    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]
    ink: bool
    licence: str


@dataclass(frozen=True)
class Absent:
    """The source of a data set whose pictures are not at hand."""

    def load(self, dataset: Dataset, split: str) -> Split:
        """There is nothing to load.

        Raises:
            DataError: always.
        """
        raise DataError(f"the pictures of {dataset.name} are not here, so there is no {split} set")


def facts(dataset: Dataset) -> dict[str, Any]:
    """Plain data of schema ``convscope/data/1``.

    >>> from convscope.data import find
    >>> facts(find("mnist"))["counts"]
    {'train': 60000, 'test': 10000}
    """
    fields = {name: getattr(dataset, name) for name in Facts.__struct_fields__ if name != "schema"}
    plain: dict[str, Any] = msgspec.to_builtins(Facts(**fields | {"counts": dict(dataset.counts)}))
    return plain


def from_facts(content: object) -> Dataset:
    """The data set that :func:`facts` describes, without its pictures.

    Raises:
        DataError: the data are not of that schema.

    >>> from convscope.data import find
    >>> from_facts(facts(find("mnist"))).mean
    0.1307
    """
    try:
        found = msgspec.convert(content, Facts)
    except msgspec.ValidationError as error:
        raise DataError(f"the facts of a data set are damaged: {error}") from None
    if found.schema != SCHEMA:
        raise DataError(f"the facts of a data set are of the schema {found.schema}", expected=SCHEMA)
    fields = {name: getattr(found, name) for name in Facts.__struct_fields__ if name != "schema"}
    return Dataset(**fields, source=Absent(), folder=Path())
