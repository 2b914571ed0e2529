"""The intermediate representation of generated code: calls, chains of calls, paths, and blocks of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from convscope.inert import is_inert

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from convscope.core.shape import Shape

Path = tuple[int, ...]
"""The position of an argument: step, item, and so on inwards, then its number; that of a step ends in its number."""


@dataclass(frozen=True)
class Arg:
    """An argument of a call.

    Attributes:
        value: a Python literal.
        kind: its meaning (``channels``, ``stride``); empty for a value that never becomes a parameter of a block.
        name: the keyword; empty for a positional argument.
        default: the value that need not be written.
        code: the expression for the value inside a block.
    """

    value: Any
    kind: str = ""
    name: str = ""
    default: Any = None
    code: str = ""

    @property
    def needed(self) -> bool:
        """Whether it must be written."""
        return bool(self.code) or self.default is None or self.value != self.default

    def __str__(self) -> str:
        text = self.code or literal(self.value)
        return f"{self.name}={text}" if self.name else text


def literal(value: Any) -> str:
    """Return a value as the formatter writes it.

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
    """Escape a character of a quoted text, so that names from a file cannot leave the quotes."""
    if char in '"\\':
        return f"\\{char}"
    return char if is_inert(char) else char.encode("unicode_escape").decode()


@dataclass(frozen=True)
class Call:
    """A call of the library.

    Attributes:
        target: the callee, ``nn.Conv2d``, or an expression with ``{x}`` for its input, ``{0}`` for its arguments, and
            ``{x0}``, ``{x1}`` for several inputs.
        args: arguments in order, keywords last.
        function: the equivalent function, ``F.relu``; empty if there is none.
        layer: the layer of the net to which it belongs.
        word: a short word for names, such as ``Conv``.
        follows: whether it belongs to the item before it, like an activation.
        tensors: names of the layer's tensors, and their attributes in this object.
        helper: the definition that it needs in the code.
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
        """Whether it creates an object that is then called; otherwise it is an expression."""
        return "{" not in self.target

    def expression(self, text: str) -> str:
        """Return a text with the arguments in place of ``{0}`` and so on, and ``{x0}`` for the input.

        >>> Call("{x}.roll({0})", (Arg((1, 2)),)).expression("{x}.roll({0})")
        '{x0}.roll((1, 2))'
        """
        text = text.replace("{x}", "{x0}")
        for at, arg in enumerate(self.args):
            text = text.replace(f"{{{at}}}", str(arg))
        return text

    @cached_property
    def key(self) -> Hashable:
        """A key that is equal for calls that differ in numbers only."""
        return (self.target, tuple((a.name, a.kind or a.value) for a in self.args), len(self.tensors))

    @cached_property
    def fine(self) -> Hashable:
        """A key that is equal for calls with equal kernels that both do, or do not, use groups of channels."""
        kernels = tuple(arg.value for arg in self.args if arg.kind == "kernel")
        return (self.key, kernels, tuple(arg.value > 1 for arg in self.args if arg.kind == "groups"))

    @property
    def size(self) -> int:
        """The number of calls."""
        return 1


@dataclass(frozen=True)
class Step:
    """A chain of items, each applied to the result of the previous one, or a merge of several inputs.

    Attributes:
        items: the items; empty for an identity path.
        inputs: positions of steps, -1 for the input of the body.
        shortcut: whether it is the shortcut of a residual block; without items, it is the identity.
        optional: whether it is a merge that only some uses of a block have; without items, it returns its first input.
        when: the condition for this shortcut or merge in a block.
    """

    items: tuple[Item, ...]
    inputs: tuple[int, ...]
    shortcut: bool = False
    optional: bool = False
    when: str = ""

    @property
    def merges(self) -> bool:
        """Whether it has several inputs."""
        return len(self.inputs) > 1

    @cached_property
    def key(self) -> Hashable:
        """A key that is equal for steps that differ in numbers only; all shortcuts are alike."""
        return (self.inputs, self._free or tuple(item.key for item in self.items))

    @cached_property
    def fine(self) -> Hashable:
        """The key with kernels, as for calls."""
        return (self.inputs, self._free or tuple(item.fine for item in self.items))

    @property
    def _free(self) -> str:
        """Return a word for a step that may be empty."""
        return "shortcut" if self.shortcut else "optional" if self.optional else ""


Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Region:
    """Steps with one input and one output that form more than a chain: paths and their merge.

    Attributes:
        steps: the steps, with the merge last.
        given: shape of the input.
    """

    steps: Steps
    given: Shape

    @cached_property
    def key(self) -> Hashable:
        """A key that is equal for regions that differ in numbers only."""
        return tuple(step.key for step in self.steps)

    @cached_property
    def fine(self) -> Hashable:
        """The key with kernels, as for calls."""
        return tuple(step.fine for step in self.steps)

    @cached_property
    def size(self) -> int:
        """The number of calls."""
        return sum(item.size for step in self.steps for item in step.items)

    @property
    def layer(self) -> str:
        """The merge of the region."""
        return last_layer(self.steps)


@dataclass(eq=False)
class Block:
    """A class or function that is written once and used at several positions.

    Attributes:
        name: name of the class or function.
        uses: its uses, each with its own numbers.
        params: the parameters in which they differ.
        terms: names of repeated terms of the parameters, with their code.
        sample: the steps of one use, with parameters in place of numbers.
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
    """A use of a block.

    Attributes:
        block: the block.
        steps: its steps here.
        given: shape of the input.
        made: shape of the output.
        args: the arguments here, once the block's parameters are known.
    """

    block: Block
    steps: Steps
    given: Shape
    made: Shape
    args: tuple[Arg, ...] = ()

    @property
    def key(self) -> Hashable:
        """A key that is equal for uses of one block."""
        return self.block.number

    @cached_property
    def fine(self) -> Hashable:
        """The key with kernels, as for calls."""
        return (self.block.number, tuple(step.fine for step in self.steps))

    @property
    def size(self) -> int:
        """Return 1: a single line of code."""
        return 1

    @property
    def layer(self) -> str:
        """The last layer of the use."""
        return last_layer(self.steps)


Item = Call | Region | Use

Unit = tuple[Item, ...]
"""An op with the items that follow it."""


@dataclass(frozen=True)
class Param:
    """A parameter of a block in the code.

    Attributes:
        name: its name.
        default: its default; None if it is required.
        type: its type.
    """

    name: str
    default: Any = None
    type: str = "int"


def last_layer(steps: Steps) -> str:
    """Return the layer whose output the steps return."""
    return next(item.layer for step in reversed(steps) for item in reversed(step.items))


def slots(steps: Steps, at: Path = ()) -> Iterator[tuple[Path, Arg]]:
    """Yield every argument of the steps with its position. A use of a block counts by its own arguments."""
    for s, step in enumerate(steps):
        for i, item in enumerate(step.items):
            if isinstance(item, Region):
                yield from slots(item.steps, (*at, s, i))
            else:
                yield from (((*at, s, i, a), arg) for a, arg in enumerate(item.args))


def bound(steps: Steps, code: dict[Path, str], at: Path = ()) -> Steps:
    """Return the steps with expressions in place of numbers."""

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
    """Yield every call, including those of blocks."""
    return (call for step in steps for call in every(step.items))


def every(items: Unit) -> Iterator[Call]:
    """Yield every call of some items."""
    for item in items:
        yield from [item] if isinstance(item, Call) else calls(item.steps)


def units(items: tuple[Item, ...]) -> list[Unit]:
    """Group items into units: an op with the items that follow it, such as ``conv bn relu``. Paths are alone.

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
    """Yield every non-empty step, with its position."""
    for s, step in enumerate(steps):
        if step.items:
            yield (*at, s), step.items
        for i, item in enumerate(step.items):
            if isinstance(item, Region):
                yield from filled(item.steps, (*at, s, i))


def uses(steps: Steps) -> Iterator[Use]:
    """Yield every use of every block, including nested ones."""
    for item in (item for step in steps for item in step.items):
        if isinstance(item, Use):
            yield item
        if isinstance(item, Use | Region):
            yield from uses(item.steps)
