"""What an exported file states of the images that it takes, so that other commands prepare images as for its run."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from convscope.core.shape import to_text
from convscope.data.dataset import Dataset, Split
from convscope.errors import ConvscopeError, DataError
from convscope.frontends.onnx.properties import properties

if TYPE_CHECKING:
    from convscope.core.net import Net

PREPARATION = "preparation"
"""Name of the entry of the metadata."""


class Stated(msgspec.Struct, frozen=True):
    """The entry ``preparation`` of the metadata of an export.

    Attributes:
        size: height, width and channels, as text.
        strokes: whether images show strokes on an empty background.
        background: of the training images; None if it is not plain.
    """

    size: str
    strokes: bool
    background: Literal["dark", "light"] | None = None


Names = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=1000)], ...], msgspec.Meta(max_length=100_000)]


class Elsewhere:
    """The source of the images of an exported file: it has none."""

    def load(self, dataset: Dataset, split: str) -> Split:
        """Refuse.

        Raises:
            DataError: always.
        """
        raise DataError(f"an exported file has no {split} images of {dataset.name}", attempt="--image FILE, or the run")


def stated(path: str | Path, net: Net) -> Dataset | None:
    """Return what an ONNX file that :func:`convscope.training.export.export` wrote says about its images.

    The file scales pixels of 0 to 255 itself, so mean and deviation leave them as they are. None for other files, and
    for metadata that contradict the net.
    """
    if Path(path).suffix.lower() != ".onnx":
        return None
    try:
        told = properties(Path(path))
        found = msgspec.json.decode(told[PREPARATION], type=Stated)
        classes = msgspec.json.decode(told["classes"], type=Names)
        if found.size != to_text(net.input) or len(classes) != prod(net.output):
            return None
        return Dataset(
            name=told.get("data", "its data")[:200],
            shape=net.input,
            classes=classes,
            counts={},
            mean=0.0,
            std=1 / 255,
            ink=found.strokes,
            ground=found.background or "",
            licence="",
            source=Elsewhere(),
            folder=Path(),
        )
    except (KeyError, ValueError, RecursionError, ConvscopeError):
        return None
