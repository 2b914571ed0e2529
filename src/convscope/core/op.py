"""What an op is: a frozen dataclass that states four facts, and the registry of all of them.

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
"""For each input, for each of its axes, one read."""


FLOAT32 = "float32"
"""The dtype of weights where nothing else is said."""


def bits(dtype: str) -> int:
    """Bits of one number of a dtype, which its name ends or begins with.

    >>> bits("float32"), bits("uint4"), bits("float8e4m3fn"), bits("bool")
    (32, 4, 8, 8)
    """
    found = re.search(r"\d+", dtype)
    return int(found[0]) if found else 8


@dataclass(frozen=True)
class Weight:
    """A tensor that an op owns.

    Attributes:
        name: as in the lowered module, ``weight``.
        shape: output channels first.
        trained: learned by gradient; False for running statistics, which are not counted as parameters.
        frozen: a parameter that training leaves as it is (``requires_grad=False``, ``trainable=False``).
        dtype: in which the source stores it.
    """

    name: str
    shape: tuple[int, ...]
    trained: bool = True
    frozen: bool = False
    dtype: str = FLOAT32

    @property
    def count(self) -> int:
        """Numbers in the tensor.

        >>> Weight("weight", (64, 32, 3, 3)).count
        18432
        """
        return math.prod(self.shape)

    @property
    def stored_bytes(self) -> int:
        """Size as the source stores it [byte].

        >>> Weight("weight", (64, 32, 3, 3)).stored_bytes, Weight("weight", (5, 3), dtype="int4").stored_bytes
        (73728, 8)
        """
        return -(-self.count * bits(self.dtype) // 8)

    @property
    def fan_in(self) -> int:
        """Inputs that one output sums over.

        >>> Weight("weight", (64, 32, 3, 3)).fan_in
        288
        """
        return math.prod(self.shape[1:])


@dataclass(frozen=True)
class Example:
    """A case the contract suite runs: the op in the notation, and the shapes ``c h w`` of its inputs."""

    text: str
    inputs: tuple[Shape, ...]


def setting(kind: Kind, *, default: Any = MISSING) -> Any:
    """Declare a field of an op: its kind says how it is written, checked and spread over the axes."""
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True)
class Setting:
    """One declared field: what the notation and the checks need to know of it."""

    name: str
    kind: Kind
    default: Any

    @property
    def required(self) -> bool:
        """Has no default."""
        return self.default is MISSING

    @property
    def positional(self) -> bool:
        """Written as a bare number, told from others by its place."""
        return not self.kind.marked


class Op(ABC):
    """One kind of layer. Concrete ops are registered with :func:`op` and state the four facts."""

    keyword: ClassVar[str]
    declared: ClassVar[tuple[Setting, ...]] = ()
    """The fields, in order; filled in by :func:`op`."""

    examples: ClassVar[tuple[Example, ...]]
    memory: ClassVar[str] = "new"
    """Where the output goes: ``new`` memory, the input's (``in place``, where nobody else reads it), or a ``view``."""

    saves: ClassVar[tuple[str, ...]] = ("inputs",)
    """What the gradient needs: ``inputs``, ``output``, ``indices`` (8 bytes an output), ``mask`` (an output's size).

    ``factors`` are inputs of a product: each is needed only where another factor, an input or the first weight, takes a
    gradient. A convolution and a norm keep their inputs for either gradient, as torch's do.
    """

    passes: ClassVar[bool] = False
    """The gradient of the output, or a part of it, is that of the inputs: no new tensor in the backward pass."""

    source: ClassVar[bool] = False
    """The output does not depend on the numbers of the input, which tells only how many samples there are."""

    merges: ClassVar[bool] = False
    """Takes two or more inputs, written as paths in parentheses."""

    @abstractmethod
    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Raise ShapeError or FieldError unless the fitted op can be applied to ``inputs``."""

    @abstractmethod
    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """What is read, for each axis of each input."""

    def statistics(self, inputs: tuple[Shape, ...]) -> tuple[Read, ...]:  # noqa: ARG002 -- most have none
        """Further reads of the first input, for numbers that scale all units alike; empty for most ops.

        A norm over a whole map, or a softmax over it, passes each unit on (its ``axes``) and divides by what all units
        together give. A question about reach names whether it follows these reads.
        """
        return ()

    def output(self) -> Shape | None:
        """The shape of the output, where the reads do not tell it: an axis may be there that no input axis goes to."""
        return None

    def hull(self) -> str:
        """How far the reads are more than what is read, because axes depend on each other.

        Empty: not at all. ``channels``: for a single unit, but all channels of a position together read just that.
        ``positions``: what is read cannot be told along the map. ``unknown``: nor which paths keep their place.
        """
        return ""

    @abstractmethod
    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...] | None:
        """The tensors the op owns; None where that is unknown."""

    @abstractmethod
    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int | None:
        """Multiply-adds for one sample [MAC]; None where that is unknown."""

    @final
    def __post_init__(self) -> None:
        for entry in self.declared:
            entry.kind.validate(entry.name, getattr(self, entry.name))

    @final
    def fit(self, rank: int) -> Self:
        """The same op with one entry for each of ``rank`` spatial axes.

        Raises:
            ShapeError: a field has another number of axes.
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
"""Every op, by the keyword that writes it."""


_Op = TypeVar("_Op", bound=Op)


@dataclass_transform(frozen_default=True, field_specifiers=(setting,))
def op(keyword: str) -> Callable[[type[_Op]], type[_Op]]:
    """Register a class as the op that ``keyword`` writes, and make it a frozen dataclass."""

    def register(cls: type[_Op]) -> type[_Op]:
        cls.keyword = keyword
        made = dataclass(frozen=True)(cls)
        declared = fields(made)  # type: ignore[arg-type] # a dataclass since the line before
        made.declared = tuple(Setting(entry.name, entry.metadata["kind"], entry.default) for entry in declared)
        if sum(isinstance(entry.kind, Real) for entry in made.declared) > 1:
            setattr(made, "__hash__", _hash_of_text)  # noqa: B010 -- no assignment, for the type checker
        REGISTRY[keyword] = made
        return made

    return register


def _hash_of_text(self: Op) -> int:
    """The hash of an op of several floats: thousands of such groups can be chosen that have one hash, texts cannot."""
    values = (getattr(self, entry.name) for entry in self.declared)
    return hash(
        (type(self), *(repr(float(one) + 0.0) if isinstance(one, int | float) else repr(one) for one in values))
    )


def spelled(op: Op) -> str:
    """The op in the notation, settings at their default left out.

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
    """How an op is written, as documentation shows it.

    >>> from convscope.ops.pool import MaxPool
    >>> usage(MaxPool)
    'maxpool KERNEL [sN] [pN|same] [dN] [ceil]'
    """
    words = [made.keyword]
    for entry in made.declared:
        word = entry.kind.usage(entry.name)
        words.append(word if entry.required else f"[{word}]")
    return " ".join(words)


@lru_cache(maxsize=1024)  # a join of thousands reads each of them alike
def along(shape: Shape) -> tuple[Read, ...]:
    """Every axis read index by index: what a pointwise op does."""
    return tuple(Read(axis, Window(size)) for axis, size in enumerate(shape))


def output_shape(op: Op, reads: Reads) -> Shape:
    """The shape that the reads imply, if the op does not state it.

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
    """The error for a window larger than its padded input, with the numbers along that axis."""
    window = read.relation
    assert isinstance(window, Window), "only a window can fail to fit"
    padded = (window.size - 1) * window.up + 1 + window.lo + window.hi
    spread = f" ({window.kernel} taps, dilation {window.dilation})" if window.dilation > 1 else ""
    return ShapeError(
        f"a window of {window.span}{spread} does not fit into {padded}",
        expected=f"an input of at least {window.span - window.lo - window.hi} along that axis",
    )
