"""The document of the explorer, ``convscope/explorer/1``: everything that the page knows about a net or a run.

The JSON Schema and the TypeScript types of the page are generated from these structs
(:mod:`convscope.explorer.schema`). Shapes are ``c h w`` unless stated otherwise, sizes of tensors are in bytes,
positions in input pixels. What is unknown is null, never 0. Each number is that of the table, the memory or the checks.
"""

from __future__ import annotations

from typing import Final, Literal

from convscope.explorer.document_lesson import Lesson  # noqa: TC001 -- msgspec needs it at run time
from convscope.explorer.document_net import Net  # noqa: TC001 -- as above
from convscope.explorer.document_run import Against, Image, Run  # noqa: TC001 -- as above
from convscope.explorer.struct import Struct

SCHEMA: Final = "convscope/explorer/1"


class Origin(Struct, frozen=True):
    """Where a net comes from.

    Attributes:
        kind: kind of the source; ``net`` if that is no longer known.
        words: the source in words, for a reader; never a path of this machine.
    """

    kind: Literal["notation", "net", "module", "onnx", "keras", "run"]
    words: str


class Finding(Struct, frozen=True):
    """A finding of a design check.

    Attributes:
        code: code of the check.
        layer: the layer; null if it is about the entire net.
        level: ``error`` and ``warning`` fail a gate, ``note`` does not.
        what: the fact, with numbers.
        why: why it matters.
        do: what to do.
        change: the effect of doing so, in numbers; may be empty.
    """

    code: str
    layer: str | None
    level: Literal["error", "warning", "note"]
    what: str
    why: str
    do: str
    change: str


class Preparation(Struct, frozen=True):
    """How pixels of 0 to 255 become what the net is given: ``(pixel / 255 - mean) / std``.

    Attributes:
        mean: a number for each channel.
        std: a number for each channel.
        ink: whether an image shows bright strokes on a dark, empty background with its mass in the middle.
        ground: ``dark`` or ``light``, the plain background of the images; empty if they have none or are not examined.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    ink: bool
    ground: Literal["", "dark", "light"]


class Document(Struct, frozen=True):
    """The document.

    Attributes:
        schema: the version of this format.
        convscope: the version that wrote it.
        title: for the top of the page.
        origin: where the net comes from.
        notation: the net in the notation, which reads back as this net; null where the notation cannot say it.
        net: the net.
        checks: findings of the design checks.
        classes: names of the classes; empty if unknown.
        preparation: how pixels become the input of the net; null if unknown.
        images: images for the views: a sample, and of a run the misclassified ones.
        neighbours: training images that are nearest to misclassified ones.
        run: the run; null for a net.
        against: the run that it is compared with; null for most documents.
        left_out: what is not in the document, and why: one sentence each.
        blobs: base64 by the SHA-256 of the bytes, in hexadecimal; empty where the host serves them.
        lesson: the lesson that the page plays; null for most documents.
    """

    schema: Literal["convscope/explorer/1"]
    convscope: str
    title: str
    origin: Origin
    notation: str | None
    net: Net
    checks: tuple[Finding, ...]
    classes: tuple[str, ...]
    preparation: Preparation | None
    images: tuple[Image, ...]
    neighbours: tuple[Image, ...]
    run: Run | None
    against: Against | None
    left_out: tuple[str, ...]
    blobs: dict[str, str]
    lesson: Lesson | None = None
