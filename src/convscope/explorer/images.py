"""The images of the document, as many as there is room for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import to_text
from convscope.data.image import decoded, fitted, plain
from convscope.errors import ImageError
from convscope.explorer.blobs import in_base64
from convscope.explorer.document_run import Image
from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.core.net import Net
    from convscope.explorer.blobs import Blobs

ENTRY = 320
"""Room for what is said of an image beside its pixels [byte]."""


@dataclass(frozen=True, eq=False)
class Shown:
    """An image with the facts about it, as in :class:`Image`.

    Attributes:
        pixels: uint8 ``c h w``.
        name: its file, or its split and index.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    name: str
    split: str = ""
    number: int | None = None
    truth: int | None = None
    predicted: int | None = None
    probability: float | None = None
    loss: float | None = None
    scores: tuple[float, ...] | None = None
    near: tuple[tuple[int, float], ...] = ()

    @property
    def size(self) -> int:
        """Room that it takes in the document [byte]."""
        return in_base64(self.pixels.size) + ENTRY + 10 * len(self.scores or ())

    def held(self, blobs: Blobs) -> Image:
        """Return its entry in the document."""
        rows = np.ascontiguousarray(self.pixels.transpose(1, 2, 0))
        high, wide, channels = rows.shape
        return Image(
            name=inert(self.name),
            split=self.split,
            number=self.number,
            truth=self.truth,
            predicted=self.predicted,
            probability=self.probability,
            loss=self.loss,
            scores=self.scores,
            near=self.near,
            shape=(high, wide, channels),
            blob=blobs.add(rows.tobytes()),
        )


def given(image: str | Path | NDArray[Any], net: Net) -> Shown:
    """Return an image that the user gave, at the size that the net takes.

    Raises:
        ImageError: the file is not an image, or the array has another shape or is not uint8.
    """
    shape = net.input
    if isinstance(image, str | Path):
        if len(shape) != 3 or shape[0] not in {1, 3}:
            raise ImageError(f"the net takes {to_text(shape)}, which is not an image of 1 or 3 channels")
        pixels = decoded(Path(image), lambda one: fitted(plain(one), shape), least=shape[1:])
        return Shown(pixels, Path(image).name)
    found = np.asarray(image)
    if found.shape != shape or found.dtype != np.uint8 or len(shape) != 3:
        raise ImageError(f"the image is {found.dtype} of shape {found.shape}", expected=f"uint8 c h w of shape {shape}")
    return Shown(found, "an image")


def within(images: Sequence[Shown], blobs: Blobs, room: int) -> tuple[tuple[Image, ...], str]:
    """Return the first images that fit into the room [byte], and a sentence about the rest."""
    found: list[Image] = []
    for one in images:
        room -= one.size
        if room < 0:
            what = f"{len(images) - len(found):,} of {len(images):,} chosen images"
            return tuple(found), f"{what} are left out, so that the page stays small."
        found.append(one.held(blobs))
    return tuple(found), ""
