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
from convscope.data.image import decoded, fitted, plain, upright
from convscope.errors import ConvscopeError, FieldError, machine, unknown
from convscope.explorer.build import document_of
from convscope.frontends import text
from convscope.inert import inert, inert_lines
from convscope.writers import write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from convscope.core.net import Net
    from convscope.explorer.document import Document
    from convscope.training.run import Run

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


class File(msgspec.Struct, forbid_unknown_fields=True):
    """The arguments of a question about an image.

    Attributes:
        content: the image file.
        name: what it is called, for messages.
    """

    content: bytes
    name: str = ""

    @property
    def path(self) -> Path:
        """Its name without folders."""
        return Path(PurePath(self.name[:LONGEST]).name or "the image")


class Sized(File):
    """The arguments of :func:`image`.

    Attributes:
        size: the size that the net takes, ``HxWxC``.
    """

    size: str = ""


def image(asked: Sized) -> dict[str, Any]:
    """Return the pixels of an image file, scaled to a size: ``shape`` is ``h w c``, ``pixels`` are uint8 in base64.

    Raises:
        ImageError: it is not an image, is damaged, or is too large, by its header.
        FieldError: the size is not that of an image.
    """
    shape = from_text(asked.size[:LONGEST])
    if len(shape) != 3 or shape[0] not in {1, 3} or shape[1] * shape[2] > MOST:
        raise FieldError(f"{asked.size[:LONGEST]} is not the size of an image", expected="HxWx1 or HxWx3")
    made = decoded(asked.path, lambda one: fitted(plain(one), shape), least=shape[1:], given=lambda: asked.content)
    return {"name": inert(str(asked.path)), **_pixels(made)}


def _pixels(found: NDArray[np.uint8]) -> dict[str, Any]:
    rows = found.transpose(1, 2, 0)
    return {"shape": rows.shape, "pixels": rows.tobytes()}


def predicted(asked: File, run: Run) -> dict[str, Any]:
    """Return the predictions of a run for an image file: one for each digit in it, with what the net was given.

    Raises:
        ImageError: it is not an image, is damaged, or is too large, by its header.
    """
    from convscope.training.predict import predict  # loads torch

    given = decoded(asked.path, upright, given=lambda: asked.content)
    name = inert(str(asked.path))
    found = [
        {**one.to_json(), "image": name, **({} if one.pixels is None else _pixels(one.pixels))}
        for one in predict(run, given)
    ]
    return {"images": found}


@dataclass(frozen=True)
class Method:
    """A question that may be asked.

    Attributes:
        arguments: the type of its arguments.
        answer: returns the answer, as plain data or structs; takes the arguments, and the run if it is about one.
        capability: the capability of the page that needs it.
        of_run: whether it is about a run.
    """

    arguments: type[Any]
    answer: Callable[..., Any]
    capability: str
    of_run: bool = False


METHODS = {
    "image": Method(Sized, image, "upload"),
    "predict": Method(File, predicted, "predict", of_run=True),
    "read": Method(Question, read, "confirm"),
    "write": Method(Written, written, "confirm"),
}
"""The questions by name."""


def known(run: Run | None) -> dict[str, Method]:
    """Return the questions that can be asked about a net, or about a run."""
    return {name: method for name, method in METHODS.items() if run is not None or not method.of_run}


def capabilities(run: Run | None) -> list[str]:
    """Return what a page about a net, or about a run, can do with Python at hand.

    >>> capabilities(None)
    ['confirm', 'upload']
    """
    return sorted({method.capability for method in known(run).values()})


def answered(method: str, arguments: Mapping[str, Any], run: Run | None = None) -> bytes:
    """Answer a question.

    Args:
        method: its name.
        arguments: as plain data.
        run: the run that the page is about, if it is about one.

    Returns:
        The answer as JSON.

    Raises:
        UnknownNameError: there is no such question.
        FieldError: the arguments are not those of the question.
        ConvscopeError: what is wrong with them.

    >>> answered("write", {"notation": "input 8x8x1,relu"})
    b'{"text":"input 8x8x1, relu"}'
    """
    methods = known(run)
    if method not in methods:
        raise unknown("question", method[:64], methods)
    asked = methods[method]
    try:
        given = msgspec.convert(arguments, asked.arguments)
        return msgspec.json.encode(asked.answer(given, run) if asked.of_run else asked.answer(given))
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
