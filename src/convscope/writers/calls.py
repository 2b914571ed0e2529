"""The words of generated code, the same for every library: calls, chains of calls, paths, and blocks of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from convscope.inert import is_inert

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from convscope.core.shape import Shape

Path = tuple[int, ...]
"""Where an argument stands: step, item, and so on inwards, its own number last. That of a step ends in its number."""


@dataclass(frozen=True)
class Arg:
    """One argument of a call.

    Attributes:
        value: a Python literal.
        kind: what it counts (``channels``, ``stride``); empty for a word that never becomes a parameter of a block.
        name: the keyword; empty where it is told by its place.
        default: the value that need not be written.
        code: the expression that stands for the value inside of a block.
    """

    value: Any
    kind: str = ""
    name: str = ""
    default: Any = None
    code: str = ""

    @property
    def needed(self) -> bool:
        """Must be written."""
        return bool(self.code) or self.default is None or self.value != self.default

    def __str__(self) -> str:
        text = self.code or literal(self.value)
        return f"{self.name}={text}" if self.name else text


def literal(value: Any) -> str:
    """A value as the formatter writes it.

    >>> literal("zeros"), literal((2, 3)), literal(1e-5), literal(float("-inf"))
    ('"zeros"', '(2, 3)', '1e-5', 'float("-inf")')
    """
    if isinstance(value, str):
        return f'"{"".join(map(_letter, value))}"'
    if isinstance(value, float) and abs(value) == float("inf"):
        return f'float("{value}")'
    if isinstance(value, float):
        return repr(value).replace("e-0", "e-")
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def _letter(char: str) -> str:
    """A letter of a text between quotes; what a file calls its parts stays between them."""
    if char in '"\\':
        return f"\\{char}"
    return char if is_inert(char) else char.encode("unicode_escape").decode()


@dataclass(frozen=True)
class Call:
    """One call of the library.

    Attributes:
        target: what is called, ``nn.Conv2d``; or an expression with ``{x}`` for what it is given, ``{0}`` for its
            arguments, and ``{x0}``, ``{x1}`` for several inputs.
        args: in order, keywords last.
        function: what computes the same without an object, ``F.relu``; empty where there is nothing such.
        layer: the layer of the net that this belongs to.
        word: a short word for names, ``Conv``.
        follows: belongs to what stands before it, as an activation does.
        tensors: names of the layer's tensors, and where this object has them.
        helper: the definition that the code needs for it.
    """

    target: str
    args: tuple[Arg, ...] = ()
    function: str = ""
    layer: str = ""
    word: str = ""
    follows: bool = False
    tensors: tuple[tuple[str, str], ...] = ()
    helper: str = ""

    @property
    def is_object(self) -> bool:
        """Makes an object that is then called; else it is an expression."""
        return "{" not in self.target

    def expression(self, text: str) -> str:
        """A text with the arguments in place of ``{0}`` and so on, and ``{x0}`` for what it is given.

        >>> Call("{x}.roll({0})", (Arg((1, 2)),)).expression("{x}.roll({0})")
        '{x0}.roll((1, 2))'
        """
        text = text.replace("{x}", "{x0}")
        for at, arg in enumerate(self.args):
            text = text.replace(f"{{{at}}}", str(arg))
        return text

    @cached_property
    def key(self) -> Hashable:
        """Equal for calls that differ in numbers only."""
        return (self.target, tuple((a.name, a.kind or a.value) for a in self.args), len(self.tensors))

    @cached_property
    def fine(self) -> Hashable:
        """Equal for calls that also have the same kernels, and both or neither work on groups of channels."""
        kernels = tuple(arg.value for arg in self.args if arg.kind == "kernel")
        return (self.key, kernels, tuple(arg.value > 1 for arg in self.args if arg.kind == "groups"))

    @property
    def size(self) -> int:
        """Calls in it."""
        return 1


@dataclass(frozen=True)
class Step:
    """A chain of items, each given what the one before it made; or one merge of several inputs.

    Attributes:
        items: none for a path that changes nothing.
        inputs: positions of steps, -1 for what the body is given.
        shortcut: a path around the others of a residual block; one without items changes nothing.
        optional: a merge that some uses of a block have; one without items takes its first input as it is.
        when: the condition on which a block has this shortcut or merge.
    """

    items: tuple[Item, ...]
    inputs: tuple[int, ...]
    shortcut: bool = False
    optional: bool = False
    when: str = ""

    @property
    def merges(self) -> bool:
        """Has more than one input."""
        return len(self.inputs) > 1

    @cached_property
    def key(self) -> Hashable:
        """Equal for steps that differ in numbers only; all shortcuts are alike."""
        return (self.inputs, self._free or tuple(item.key for item in self.items))

    @cached_property
    def fine(self) -> Hashable:
        """As for calls."""
        return (self.inputs, self._free or tuple(item.fine for item in self.items))

    @property
    def _free(self) -> str:
        """A word for a step that may be empty."""
        return "shortcut" if self.shortcut else "optional" if self.optional else ""


Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Region:
    """Steps with one input and one output that are more than a chain: paths and their merge.

    Attributes:
        steps: the merge last.
        given: shape of the input.
    """

    steps: Steps
    given: Shape

    @cached_property
    def key(self) -> Hashable:
        """Equal for regions that differ in numbers only."""
        return tuple(step.key for step in self.steps)

    @cached_property
    def fine(self) -> Hashable:
        """As for calls."""
        return tuple(step.fine for step in self.steps)

    @cached_property
    def size(self) -> int:
        """Calls in it."""
        return sum(item.size for step in self.steps for item in step.items)

    @property
    def layer(self) -> str:
        """The merge."""
        return last_layer(self.steps)


@dataclass(eq=False)
class Block:
    """What is written once and used in several positions.

    Attributes:
        name: of the class or function.
        uses: every position, with its own numbers.
        params: what differs between them.
        terms: names of terms of the parameters that come back, with their code.
        sample: the steps of one of them, with the parameters in place of the numbers.
    """

    number: int
    name: str = ""
    uses: list[Use] = field(default_factory=list)
    params: tuple[Param, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    sample: Steps = ()

    def __hash__(self) -> int:
        return self.number


@dataclass(eq=False)
class Use:
    """A block at one position.

    Attributes:
        block: which one.
        steps: what it does here.
        given: shape of the input.
        made: shape of the output.
        args: the numbers of this position, known once the block's parameters are.
    """

    block: Block
    steps: Steps
    given: Shape
    made: Shape
    args: tuple[Arg, ...] = ()

    @property
    def key(self) -> Hashable:
        """Uses of one block are alike."""
        return self.block.number

    @cached_property
    def fine(self) -> Hashable:
        """As for calls."""
        return (self.block.number, tuple(step.fine for step in self.steps))

    @property
    def size(self) -> int:
        """One line of code."""
        return 1

    @property
    def layer(self) -> str:
        """The last layer in it."""
        return last_layer(self.steps)


Item = Call | Region | Use

Unit = tuple[Item, ...]
"""An op with what follows it."""


@dataclass(frozen=True)
class Param:
    """A parameter of a block.

    Attributes:
        name: as written.
        default: None where it must be given.
        type: as written.
    """

    name: str
    default: Any = None
    type: str = "int"


def last_layer(steps: Steps) -> str:
    """The layer whose output the steps give."""
    return next(item.layer for step in reversed(steps) for item in reversed(step.items))


def slots(steps: Steps, at: Path = ()) -> Iterator[tuple[Path, Arg]]:
    """Every argument of the steps with its place. A block that is used counts by its own arguments."""
    for s, step in enumerate(steps):
        for i, item in enumerate(step.items):
            if isinstance(item, Region):
                yield from slots(item.steps, (*at, s, i))
            else:
                yield from (((*at, s, i, a), arg) for a, arg in enumerate(item.args))


def bound(steps: Steps, code: dict[Path, str], at: Path = ()) -> Steps:
    """The steps with expressions in place of numbers."""

    def changed(item: Item, here: Path) -> Item:
        if isinstance(item, Region):
            return replace(item, steps=bound(item.steps, code, here))
        return replace(item, args=tuple(replace(arg, code=code.get((*here, a), "")) for a, arg in enumerate(item.args)))

    return tuple(
        replace(
            step,
            items=tuple(changed(item, (*at, s, i)) for i, item in enumerate(step.items)),
            when=code.get((*at, s), ""),
        )
        for s, step in enumerate(steps)
    )


def calls(steps: Steps) -> Iterator[Call]:
    """Every call, those of blocks included."""
    return (call for step in steps for call in every(step.items))


def every(items: Unit) -> Iterator[Call]:
    """Every call of some items."""
    for item in items:
        yield from [item] if isinstance(item, Call) else calls(item.steps)


def units(items: tuple[Item, ...]) -> list[Unit]:
    """The items, each op with what follows it: ``conv bn relu`` is one unit. Paths stand alone.

    >>> conv, relu = Call("nn.Conv2d", layer="conv1"), Call("nn.ReLU", layer="relu1", follows=True)
    >>> [len(unit) for unit in units((conv, relu, conv))]
    [2, 1]
    """
    found: list[Unit] = []
    for item in items:
        before = found[-1][-1] if found else None
        if isinstance(item, Call) and isinstance(before, Call) and (item.follows or before.layer == item.layer):
            found[-1] += (item,)
        else:
            found.append((item,))
    return found


def filled(steps: Steps, at: Path = ()) -> Iterator[tuple[Path, Unit]]:
    """Every step that does something, with its place."""
    for s, step in enumerate(steps):
        if step.items:
            yield (*at, s), step.items
        for i, item in enumerate(step.items):
            if isinstance(item, Region):
                yield from filled(item.steps, (*at, s, i))


def uses(steps: Steps) -> Iterator[Use]:
    """Every use of every block, those inside of others too."""
    for item in (item for step in steps for item in step.items):
        if isinstance(item, Use):
            yield item
        if isinstance(item, Use | Region):
            yield from uses(item.steps)
