"""What a page shows, for all hosts: documents by name, their bytes, and the questions that may be asked about them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.errors import unknown
from convscope.explorer import trainer
from convscope.explorer.build import to_json
from convscope.explorer.calls import answered, capabilities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convscope.explorer.document import Document
    from convscope.training.run import Run

LONGEST = 64
"""Letters of the name of a document."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A document with what is needed to answer questions about it.

    Attributes:
        title: its title.
        content: the document as JSON.
        blobs: bytes beside it in base64, by SHA-256.
        run: the run, if it is about one.
    """

    title: str
    content: bytes
    blobs: Mapping[str, str] = field(default_factory=dict)
    run: Run | None = None


@dataclass(eq=False)
class Host:
    """What is shown.

    Attributes:
        entries: the documents by name, in order; at least one.
        trainer: trains for the pages; None if they cannot train.
    """

    entries: Mapping[str, Entry]
    trainer: trainer.Trainer | None = None

    @property
    def first(self) -> str:
        """The name of the first document."""
        return next(iter(self.entries))

    @property
    def title(self) -> str:
        """The title of the page."""
        return self.entries[self.first].title

    @property
    def capabilities(self) -> list[str]:
        """What the page can do with Python at hand."""
        own = {one for entry in self.entries.values() for one in capabilities(entry.run)}
        return sorted(own | {"train"} if self.trainer else own)

    def show(self, name: str, document: Document, run: Run | None) -> None:
        """Add a document, or replace the one of that name; from any thread, while others read."""
        made = Entry(document.title, to_json(document), document.blobs, run)
        self.entries = {**self.entries, name: made}  # a new one: what others go through does not change below them

    def blob(self, key: str) -> bytes | None:
        """Return bytes of any document; None if there are none with that SHA-256."""
        found = next((one.blobs[key] for one in self.entries.values() if key in one.blobs), None)
        return None if found is None else base64.b64decode(found)

    def answered(self, method: str, arguments: Mapping[str, Any]) -> bytes:
        """Answer a question; its argument ``document`` names the document that it is about, by default the first.

        Raises:
            UnknownNameError: there is no such document.
            ConvscopeError: as for :func:`convscope.explorer.calls.answered`.
        """
        if self.trainer and method in trainer.QUESTIONS:
            own = {key: value for key, value in arguments.items() if key != "document"}
            return trainer.answer(self.trainer, method, own)
        name = arguments.get("document", self.first)
        if not isinstance(name, str) or name not in self.entries:
            raise unknown("document", str(name)[:LONGEST], self.entries)
        others = {key: value for key, value in arguments.items() if key != "document"}
        return answered(method, others, self.entries[name].run)


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
