"""Ops: frozen dataclasses that state four facts, and the registry of all ops.

The facts are ``check`` (do the fields and the inputs fit), ``axes`` (the reads), ``weights`` and ``macs``. Output
shape, parameters, bytes, fan-in and all geometry are derived from them by generic functions.

Conventions. Shapes are ``c h w``: channels first, no batch axis. A MAC is one multiply-add of a convolution, a
linear layer or a matrix product; taps that fall on padding are counted; bias, norm and activation are not. This is
the convention of the table torchvision publishes.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform, final

from convscope.core.axis import Read, Window
from convscope.core.spell import Real, Sizes
from convscope.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.shape import Shape
    from convscope.core.spell import Kind

Reads = tuple[tuple[Read, ...], ...]
"""One read for each axis of each input."""


FLOAT32 = "float32"
"""The default dtype of weights."""


def bits(dtype: str) -> int:
    """Bits of a value of a dtype, by the number in its name.

    >>> bits("float32"), bits("uint4"), bits("float8e4m3fn"), bits("bool")
    (32, 4, 8, 8)
    """
    found = re.search(r"\d+", dtype)
    return int(found[0]) if found else 8


@dataclass(frozen=True)
class Weight:
    """A tensor that an op owns.

    Attributes:
        name: as in the lowered module, such as ``weight``.
        shape: output channels first.
        trained: whether it is learned by gradient; False for running statistics, which do not count as parameters.
        frozen: whether the parameter is not trained (``requires_grad=False``, ``trainable=False``).
        dtype: dtype in which the source stores it.
    """

    name: str
    shape: tuple[int, ...]
    trained: bool = True
    frozen: bool = False
    dtype: str = FLOAT32

    @property
    def count(self) -> int:
        """The number of values.

        >>> Weight("weight", (64, 32, 3, 3)).count
        18432
        """
        return math.prod(self.shape)

    @property
    def stored_bytes(self) -> int:
        """The size as stored in the source [byte].

        >>> Weight("weight", (64, 32, 3, 3)).stored_bytes, Weight("weight", (5, 3), dtype="int4").stored_bytes
        (73728, 8)
        """
        return -(-self.count * bits(self.dtype) // 8)

    @property
    def fan_in(self) -> int:
        """The number of inputs that one output sums over.

        >>> Weight("weight", (64, 32, 3, 3)).fan_in
        288
        """
        return math.prod(self.shape[1:])


@dataclass(frozen=True)
class Example:
    """A case of the contract suite: the op in the notation, and the shapes ``c h w`` of its inputs."""

    text: str
    inputs: tuple[Shape, ...]


def setting(kind: Kind, *, default: Any = MISSING) -> Any:
    """Declare a field of an op; its kind determines how it is written, checked and spread over the axes."""
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True)
class Setting:
    """A declared field, as the notation and the checks need it."""

    name: str
    kind: Kind
    default: Any

    @property
    def required(self) -> bool:
        """Whether the field has no default."""
        return self.default is MISSING

    @property
    def positional(self) -> bool:
        """Whether the field is written as a bare number, identified by its position."""
        return not self.kind.marked


class Op(ABC):
    """A kind of layer. Concrete ops are registered with :func:`op` and state the four facts."""

    keyword: ClassVar[str]
    declared: ClassVar[tuple[Setting, ...]] = ()
    """The fields in order, set by :func:`op`."""

    examples: ClassVar[tuple[Example, ...]]
    memory: ClassVar[str] = "new"
    """Where the output is stored: ``new`` memory, the input's (``in place``, if unread elsewhere), or a ``view``."""

    saves: ClassVar[tuple[str, ...]] = ("inputs",)
    """What the gradient needs: ``inputs``, ``output``, ``indices`` (8 bytes per output), ``mask`` (the output's size).

    ``factors`` are inputs of a product: each is needed only if another factor, an input or the first weight, gets a
    gradient. A convolution and a norm keep their inputs for either gradient, as torch's do.
    """

    passes: ClassVar[bool] = False
    """Whether the gradient of the inputs is that of the output or a part of it, without a new tensor."""

    source: ClassVar[bool] = False
    """Whether the output does not depend on the values of the input, but only on the number of samples."""

    merges: ClassVar[bool] = False
    """Whether the op takes two or more inputs, written as paths in parentheses."""

    @abstractmethod
    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Raise ShapeError or FieldError unless the fitted op can be applied to ``inputs``."""

    @abstractmethod
    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Return the reads for each axis of each input."""

    def statistics(self, inputs: tuple[Shape, ...]) -> tuple[Read, ...]:  # noqa: ARG002 -- most have none
        """Return further reads of the first input, for statistics that scale all units alike; empty for most ops.

        A norm or a softmax over an entire map passes each unit on (its ``axes``) and divides by a statistic of all
        units. A question about the receptive field states whether it follows these reads.
        """
        return ()

    def output(self) -> Shape | None:
        """Return the output's shape if the reads do not determine it, since an axis may come from no input axis."""
        return None

    def hull(self) -> str:
        """Return how far the reads exceed what is read, because axes depend on each other.

        Empty: the reads are exact. ``channels``: they are exact for all channels of a position together, but not for a
            single unit. ``positions``: they are not exact along the map. ``unknown``: it is also unknown which paths
            keep their position.
        """
        return ""

    @abstractmethod
    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...] | None:
        """Return the tensors that the op owns; None if unknown."""

    @abstractmethod
    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int | None:
        """Return the multiply-adds for one sample [MAC]; None if unknown."""

    @final
    def __post_init__(self) -> None:
        for entry in self.declared:
            entry.kind.validate(entry.name, getattr(self, entry.name))

    @final
    def fit(self, rank: int) -> Self:
        """Return the op with one entry for each of ``rank`` spatial axes.

        Raises:
            ShapeError: a field has a different number of axes.
        """
        changes = {}
        for entry in self.declared:
            value = getattr(self, entry.name)
            if isinstance(entry.kind, Sizes) and entry.kind.like and not value:
                value = getattr(self, entry.kind.like)
            spread = entry.kind.spread(entry.name, value, rank)
            if spread != getattr(self, entry.name):
                changes[entry.name] = spread
        return replace(self, **changes) if changes else self  # type: ignore[type-var] # every op is a dataclass


class Free(Op):
    """An op without weights and without multiply-adds."""

    @final
    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:  # noqa: ARG002 -- none, whatever the input
        """None."""
        return ()

    @final
    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- none, whatever the input
        """None."""
        return 0


REGISTRY: dict[str, type[Op]] = {}
"""Every op, by its keyword."""


_Op = TypeVar("_Op", bound=Op)


@dataclass_transform(frozen_default=True, field_specifiers=(setting,))
def op(keyword: str) -> Callable[[type[_Op]], type[_Op]]:
    """Register a class as the op of a ``keyword``, and make it a frozen dataclass."""

    def register(cls: type[_Op]) -> type[_Op]:
        cls.keyword = keyword
        made = dataclass(frozen=True)(cls)
        declared = fields(made)  # type: ignore[arg-type] # a dataclass since the line before
        made.declared = tuple(Setting(entry.name, entry.metadata["kind"], entry.default) for entry in declared)
        if sum(isinstance(entry.kind, Real) for entry in made.declared) > 1:
            setattr(made, "__hash__", _hash_of_text)  # noqa: B010 -- not an assignment, for the type checker
        REGISTRY[keyword] = made
        return made

    return register


def _hash_of_text(self: Op) -> int:
    """Return the hash of an op with floats as text, since thousands of float tuples with one hash can be crafted."""
    values = (getattr(self, entry.name) for entry in self.declared)
    return hash(
        (type(self), *(repr(float(one) + 0.0) if isinstance(one, int | float) else repr(one) for one in values))
    )


def spelled(op: Op) -> str:
    """Return the op in the notation, without settings at their defaults.

    >>> from convscope.ops.conv import Conv
    >>> spelled(Conv(16, (3, 3), stride=(2, 2), bias=False))
    'conv 16 3x3 s2 nobias'
    """
    words = [op.keyword]
    for entry in op.declared:
        word = entry.kind.word(getattr(op, entry.name))
        implied = getattr(op, entry.kind.like) if isinstance(entry.kind, Sizes) and entry.kind.like else entry.default
        if implied is MISSING or word != entry.kind.word(implied):
            words.append(word)
    return " ".join(filter(None, words))


def usage(made: type[Op]) -> str:
    """Return the syntax of an op for documentation.

    >>> from convscope.ops.pool import MaxPool
    >>> usage(MaxPool)
    'maxpool KERNEL [sN] [pN|same] [dN] [ceil]'
    """
    words = [made.keyword]
    for entry in made.declared:
        word = entry.kind.usage(entry.name)
        words.append(word if entry.required else f"[{word}]")
    return " ".join(words)


@lru_cache(maxsize=1024)  # a concatenation of thousands reads each of them alike
def along(shape: Shape) -> tuple[Read, ...]:
    """Return the reads of a pointwise op: every axis index by index."""
    return tuple(Read(axis, Window(size)) for axis, size in enumerate(shape))


def output_shape(op: Op, reads: Reads) -> Shape:
    """Return the shape that the reads imply, unless the op states it.

    Raises:
        ShapeError: the window does not fit, or two inputs disagree.
    """
    stated = op.output()
    if stated is not None:
        return stated
    extents: dict[int, int] = {}
    for read in (read for one in reads for read in one):
        extent = read.relation.extent
        if extent < 1:
            raise _too_small(read)
        if extents.setdefault(read.follows, extent) != extent:
            raise ShapeError(f"the sizes of the inputs differ: {extents[read.follows]} and {extent} along one axis")
    return tuple(extents[axis] for axis in range(len(extents)))


def _too_small(read: Read) -> ShapeError:
    """Return the error for a window larger than its padded input, with the sizes along that axis."""
    window = read.relation
    assert isinstance(window, Window), "only a window can fail to fit"
    padded = (window.size - 1) * window.up + 1 + window.lo + window.hi
    spread = f" ({window.kernel} taps, dilation {window.dilation})" if window.dilation > 1 else ""
    return ShapeError(
        f"a window of {window.span}{spread} does not fit into {padded}",
        expected=f"an input of at least {window.span - window.lo - window.hi} along that axis",
    )
