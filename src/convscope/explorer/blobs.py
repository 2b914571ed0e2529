"""Bytes beside the document: weights and pixels, each under the hash of its content."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

HALF = 65504.0
"""The largest value of float16."""


@dataclass
class Blobs:
    """Collects bytes; equal ones are held once.

    >>> blobs = Blobs()
    >>> blobs.add(b"abc") == blobs.add(b"abc"), len(blobs.held), blobs.size
    (True, 1, 4)
    """

    held: dict[str, bytes] = field(default_factory=dict)
    size: int = 0

    def add(self, content: bytes) -> str:
        """Add bytes; return the SHA-256 that is their key."""
        key = hashlib.sha256(content).hexdigest()
        if key not in self.held:
            self.held[key] = content
            self.size += in_base64(len(content))
        return key

    def encoded(self) -> dict[str, str]:
        """Return all of them in base64."""
        return {key: base64.b64encode(content).decode() for key, content in self.held.items()}


def in_base64(size: int) -> int:
    """Return the length of some bytes in base64.

    >>> in_base64(3), in_base64(4)
    (4, 8)
    """
    return -(-size // 3) * 4


@dataclass
class Tensors:
    """The tensors of a net in the document, by ``layer.tensor``; without them, every key is None.

    Attributes:
        blobs: receives their values.
        given: the tensors.
        stored: the dtype of their values, unless that cannot hold them.
    """

    blobs: Blobs
    given: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    stored: str = "float32"

    def __call__(self, name: str) -> tuple[str | None, str]:
        """Return the key of a tensor's blob, and the dtype in it; counters of training are left out."""
        found = self.given.get(name)
        if found is None or not np.ndim(found):
            return None, self.stored
        wide = np.ascontiguousarray(found, dtype="<f4")
        fits = self.stored == "float16" and float(np.abs(wide).max(initial=0)) <= HALF
        content = wide.astype("<f2") if fits else wide
        return self.blobs.add(content.tobytes()), "float16" if fits else "float32"
