"""What a page shows, for all hosts: documents by name, their bytes, and the questions that may be asked about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from convscope.explorer.calls import answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST = 64
"""Letters of the name of a document."""


@dataclass(frozen=True)
class Host:
    """What is shown.

    Attributes:
        contents: the documents as JSON, by name, in order; at least one.
        titles: their titles.
        blobs: bytes beside them, by SHA-256.
    """

    contents: Mapping[str, bytes]
    titles: Mapping[str, str]
    blobs: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The name of the first document."""
        return next(iter(self.contents))

    @property
    def title(self) -> str:
        """The title of the page."""
        return self.titles[self.first]

    def document(self, name: str) -> bytes:
        """Return a document as JSON."""
        return self.contents[name]

    def asked(self, method: str, arguments: Mapping[str, Any]) -> bytes:
        """Answer a question with plain arguments; see :func:`convscope.explorer.calls.answered`."""
        return answered(method, arguments)

    def given(self, method: str, file: IO[bytes], arguments: Mapping[str, str]) -> bytes:
        """Answer a question about bytes, with the other arguments as text; see :func:`answered`."""
        return answered(method, {**arguments, "content": file.read()})


def names(given: Iterable[str]) -> list[str]:
    """Return a name for each of some texts, by which an address may call it.

    >>> names(["runs/MNIST fast", "input 8x8x1, relu", "runs/mnist-fast", ""])
    ['runs-mnist-fast', 'input-8x8x1-relu', 'runs-mnist-fast-2', 'net']
    """
    found: list[str] = []
    for text in given:
        plain = re.sub(r"[^a-z0-9]+", "-", text.lower()[: 4 * LONGEST]).strip("-")[: LONGEST - 8].strip("-") or "net"
        number = 1
        while (name := plain if number == 1 else f"{plain}-{number}") in found:
            number += 1
        found.append(name)
    return found
