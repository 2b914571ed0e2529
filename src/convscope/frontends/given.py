"""The caller's description of a model's inputs: sizes, layout, constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any

from convscope.core.graph import KINDS
from convscope.core.pattern import LETTERS
from convscope.core.shape import Shape, batch_first, from_text, turned
from convscope.errors import FieldError, ShapeError, UnknownNameError, nearest

EXPECTED = "height x width x channels, such as 28x28x1"

UNBATCHED = "nobatch"
"""The word for an input without a batch axis."""


@dataclass(frozen=True)
class Given:
    """The caller's description of one input.

    Attributes:
        shape: ``c h w``; empty for a constant.
        order: layout of the tensor, see :mod:`convscope.core.order`; empty for the natural layout.
        kind: kind of the values, one of :data:`convscope.core.graph.KINDS`; empty for that of the source.
        constant: a number or a tensor, if the input is not one of the net.
        whole: the shape with its batch axis, if it was given as one.
    """

    shape: Shape
    order: str = ""
    kind: str = ""
    constant: Any = None
    whole: Shape = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Asked:
    """The caller's description of all inputs.

    Attributes:
        first: description of the only or first input, if it has no name.
        named: descriptions of inputs by name.
    """

    first: Given | None = None
    named: dict[str, Given] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.first is not None or bool(self.named)

    def of(self, name: str, at: int = 0) -> Given | None:
        """Return the description of one input."""
        return self.named.get(name, self.first if at == 0 else None)

    def shape(self) -> Shape | None:
        """Return the description for a model with a single unnamed input.

        Raises:
            FieldError: several inputs are given.
        """
        if len(self.named) > 1:
            raise FieldError(
                f"sizes are given for {len(self.named)} inputs: {', '.join(self.named)}",
                expected="the size of one input",
            )
        found = self.first or next(iter(self.named.values()), None)
        return found.shape if found else None

    def check(self, names: list[str]) -> None:
        """Raise UnknownNameError for a name that the model lacks."""
        for name in self.named:
            if name not in names:
                raise UnknownNameError(
                    f'no input is called "{name}"', expected=", ".join(names[:12]), attempt=nearest(name, names)
                )


def asked(said: object) -> Asked:
    """Parse a caller's description.

    Args:
        said: None; a size as text, ``HxWxC``; a shape or a tensor ``n c h w``; or a dict of these by name. In a dict, a
            number or a bool is a constant, and so is a tuple ``("constant", value)``.

    Raises:
        FieldError: the description is not a size.

    >>> asked("28x20x1").first
    Given(shape=(1, 28, 20), order='', kind='', constant=None)
    >>> asked((1, 3, 8, 9)).first.shape, asked({"rgb": "8x9x3"}).named["rgb"].shape
    ((3, 8, 9), (3, 8, 9))
    >>> asked("50xnx40").first
    Given(shape=(40, 50), order='a40xb50:bxnxa', kind='', constant=None)
    """
    if said is None or isinstance(said, Asked):
        return said or Asked()
    if isinstance(said, Mapping):
        return Asked(None, {str(name): _named(str(name), one) for name, one in said.items()})
    return Asked(_one("input", said))


def hinted(error: ShapeError, said: Asked) -> ShapeError:
    """Add a hint to an error that may be caused by sizes with the channels first."""
    meant = next(filter(None, map(_meant, (said.first, *said.named.values()))), "")
    if meant and not error.attempt:
        error.attempt = meant
    return error


def _meant(given: Given | None) -> str:
    """Return the probable size if the axes seem to be in another order; otherwise empty."""
    if given is None or not given.shape:
        return ""
    if given.whole:
        found = batch_first(given.whole)
        return f"input={found}: shapes are n c h w, the batch first" if found else ""
    size = turned(given.shape)
    return f"{size}: sizes are written height x width x channels" if size else ""


def of_shape(shape: Shape | Asked | None) -> Asked:
    """Parse a shape ``c h w``, as our own code uses it."""
    if isinstance(shape, Asked):
        return shape
    return Asked(None if shape is None else Given(shape))


def _named(name: str, said: object) -> Given:
    if isinstance(said, bool | int | float):
        return Given((), constant=said)
    if isinstance(said, tuple) and len(said) == 2 and said[0] == "constant":
        return Given((), constant=said[1])
    return _one(name, said)


def _one(name: str, said: object) -> Given:
    if isinstance(said, str):
        try:
            return _text(said)
        except FieldError as error:
            raise FieldError(f"{name}: {error.what}", expected=EXPECTED) from None
    if isinstance(said, tuple | list) and all(isinstance(one, Integral) for one in said):
        return _torch_style(name, tuple(map(int, said)), tuple(said))
    shape = getattr(said, "shape", None)
    if shape is not None:
        kind = str(getattr(said, "dtype", "")).rpartition(".")[2].rstrip("0123456789")
        return replace(_torch_style(name, tuple(map(int, shape)), tuple(shape)), kind=_KIND.get(kind, ""))
    raise FieldError(f"{name}: {said!r:.60} is not a size", expected=f"{EXPECTED}; or a shape (1, 1, 28, 28)")


_KIND = {"int": "int", "uint": "int", "long": "int", "bool": "bool"}


def _torch_style(name: str, shape: tuple[int, ...], said: object) -> Given:
    """Parse ``(1, 3, 224, 224)``, with the batch first."""
    if not 2 <= len(shape) <= 5 or min(shape) < 1:
        hint = "height x width x channels as text" if len(shape) == 1 else "two to five axes"
        raise FieldError(
            f"{name}: {said!r:.60} is not a shape n c h w", expected=f"the batch first, (1, 3, 224, 224); or {hint}"
        )
    return Given(shape[1:], whole=shape)


def _text(text: str) -> Given:
    """Parse ``224x224x3``, or ``50xnx40`` with the position of the batch, and the words after it."""
    size, *words = text.split() or [""]
    kinds = [word for word in words if word in KINDS]
    unknown = [word for word in words if word not in {*KINDS, UNBATCHED}]
    if unknown or len(kinds) > 1:
        raise FieldError(f'"{text}" is not a size', expected=f"a size, then {UNBATCHED} or one of {', '.join(KINDS)}")
    kind = kinds[0] if kinds else ""
    axes = size.split("x")
    if "n" in axes:
        return Given(*_literal(axes), kind)
    shape = from_text(size)
    if UNBATCHED in words:
        return Given(*_literal(axes), kind)
    return Given(shape, kind=kind)


def _literal(axes: list[str]) -> tuple[Shape, str]:
    """Return shape ``c h w`` and order of a tensor of these axes; channels follow a leading batch or are last."""
    sizes = from_text("x".join(axis for axis in axes if axis != "n"))  # moves the last one to the front
    *positions, last = [axis for axis in axes if axis != "n"]
    first = axes[0] == "n"
    shape = sizes if not first else (int(positions[0]), *map(int, positions[1:]), int(last)) if positions else sizes
    letters = LETTERS[: len(shape)]
    before = "x".join(f"{letter}{size}" for letter, size in zip(letters, shape, strict=True))
    inner = iter(letters if first else (*letters[1:], letters[0]))
    after = "x".join("n" if axis == "n" else next(inner) for axis in axes)
    natural = "x".join(("n", *letters))
    return shape, "" if after == natural else f"{before}:{after}"
