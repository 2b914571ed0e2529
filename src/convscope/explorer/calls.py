"""What the page may ask of Python, by name: the same from a server and from a notebook.

A question names no file and no address: a net is text in the notation, an image is its bytes. Nothing that a page sends
is opened, fetched or run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from convscope.core.shape import from_text
from convscope.data.image import decoded, fitted, plain
from convscope.errors import ConvscopeError, FieldError, machine, unknown
from convscope.explorer.build import document_of
from convscope.frontends import text
from convscope.inert import inert, inert_lines
from convscope.writers import write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convscope.core.net import Net
    from convscope.explorer.document import Document

LONGEST = 255
"""The longest name of a file, in letters."""

MOST = 2**24
"""The most pixels of an answer."""

LANGUAGES = ("notation", "torch", "keras")
"""What a net is written as for a reader to copy."""


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """The arguments of a question about a net.

    Attributes:
        notation: the net.
    """

    notation: str


def _net(asked: Question) -> Net:
    """Return the net of a question, which is text and never the name of a file."""
    return text.read(asked.notation, source="<page>")


class Written(Question):
    """The arguments of :func:`written`.

    Attributes:
        to: the language.
    """

    to: str = "notation"


def read(asked: Question) -> Document:
    """Return the document of a net, without weights."""
    return document_of(_net(asked))


def written(asked: Written) -> dict[str, Any]:
    """Return a net as text in a language."""
    if asked.to not in LANGUAGES:
        raise unknown("language", asked.to, LANGUAGES)
    return {"text": write(_net(asked), to=asked.to)}


class Upload(msgspec.Struct, forbid_unknown_fields=True):
    """The arguments of :func:`image`.

    Attributes:
        content: the image file.
        size: the size that the net takes, ``HxWxC``.
        name: what the file is called, for messages.
    """

    content: bytes
    size: str
    name: str = "the image"


def image(asked: Upload) -> dict[str, Any]:
    """Return the pixels of an image file, scaled to a size: ``shape`` is ``h w c``, ``pixels`` are uint8 in base64.

    Raises:
        ImageError: it is not an image, is damaged, or is too large, by its header.
        FieldError: the size is not that of an image.
    """
    shape = from_text(asked.size[:LONGEST])
    if len(shape) != 3 or shape[0] not in {1, 3} or shape[1] * shape[2] > MOST:
        raise FieldError(f"{asked.size[:LONGEST]} is not the size of an image", expected="HxWx1 or HxWx3")
    name = Path(PurePath(asked.name[:LONGEST]).name or "the image")
    pixels = decoded(name, lambda one: fitted(plain(one), shape), least=shape[1:], given=lambda: asked.content)
    rows = pixels.transpose(1, 2, 0)
    return {"name": inert(str(name)), "shape": rows.shape, "pixels": rows.tobytes()}


@dataclass(frozen=True)
class Method:
    """A question that may be asked.

    Attributes:
        arguments: the type of its arguments.
        answer: returns the answer, as plain data or structs.
        capability: the capability of the page that needs it.
    """

    arguments: type[Any]
    answer: Callable[[Any], Any]
    capability: str


METHODS = {
    "image": Method(Upload, image, "upload"),
    "read": Method(Question, read, "confirm"),
    "write": Method(Written, written, "confirm"),
}
"""The questions by name."""

CAPABILITIES = tuple(sorted({method.capability for method in METHODS.values()}))
"""What a page can do with Python at hand."""


def answered(method: str, arguments: Mapping[str, Any]) -> bytes:
    """Answer a question.

    Args:
        method: its name.
        arguments: as plain data.

    Returns:
        The answer as JSON.

    Raises:
        UnknownNameError: there is no such question.
        FieldError: the arguments are not those of the question.
        ConvscopeError: what is wrong with them.

    >>> answered("write", {"notation": "input 8x8x1,relu"})
    b'{"text":"input 8x8x1, relu"}'
    """
    if method not in METHODS:
        raise unknown("question", method[:64], METHODS)
    known = METHODS[method]
    try:
        return msgspec.json.encode(known.answer(msgspec.convert(arguments, known.arguments)))
    except msgspec.ValidationError as error:
        raise FieldError(f"{method}: {error}") from None
    except (MemoryError, OSError, RuntimeError) as error:
        raise machine(error) or error from None


def reported(error: ConvscopeError) -> dict[str, str]:
    """Return an error as the page renders it: each field that is filled, and the kind.

    >>> reported(FieldError("kernel 0 is too small", attempt="kernel 1"))
    {'kind': 'FieldError', 'what': 'kernel 0 is too small', 'attempt': 'kernel 1'}
    """
    names = ("what", "given", "written", "excerpt", "expected", "attempt")
    filled = {name: getattr(error, name) for name in names}
    return {"kind": type(error).__name__, **{name: inert_lines(words) for name, words in filled.items() if words}}
