"""From the tree to a net."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope import ops  # noqa: F401 -- fills the registry
from convscope.core.graph import INPUT, Graph, Node
from convscope.core.net import Net
from convscope.core.op import REGISTRY, Op
from convscope.core.shape import to_text
from convscope.errors import NotationError, ShapeError, nearest
from convscope.frontends.text.parse import Call, Element, Join, Jump, Repeat, Series, Statement, fail, parse

if TYPE_CHECKING:
    from convscope.core.graph import Origin
    from convscope.core.shape import Shape

MAX_LAYERS = 20_000

IDENTITY = REGISTRY["id"]()


def read(text: str, *, source: str = "<text>", shape: Shape | None = None) -> Net:
    """Read a net in the notation.

    Args:
        text: the net.
        source: named in errors.
        shape: of the input, ``c h w``; overrides what the text says.

    Raises:
        NotationError: the text is not in the notation, with line, column and what was expected.
        ShapeError: a layer does not fit its input.
        FieldError: a setting has a value it cannot have.

    >>> read("input 8x8x1, conv 4 3x3 relu, maxpool 2").output
    (4, 3, 3)
    """
    stated, series = parse(text, source)
    at = shape or stated
    if at is None:
        raise NotationError("the net has no input size", expected="input 28x28x1 as the first statement")
    builder = _Builder()
    if builder.series(series, -1) != len(builder.drafts) - 1:
        raise NotationError("the text ends in a jump", expected="a layer at the end: the last one is the output")
    net = Net.at(builder.graph(), at)
    builder.check_claims(net)
    return net


@dataclass
class _Draft:
    """A node before it has a name; inputs are positions, -1 is the input of the net."""

    op: Op
    inputs: tuple[int, ...]
    origin: Origin
    auto: str
    label: str = ""
    channels: int | None = None

    @property
    def name(self) -> str:
        return self.label or self.auto


@dataclass
class _Builder:
    """Emits drafts in the order of the text; each method returns the position of its value."""

    drafts: list[_Draft] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    labels: dict[str, int] = field(default_factory=lambda: {INPUT: -1})
    autos: dict[str, int] = field(default_factory=dict)

    def emit(self, op: Op, inputs: tuple[int, ...], origin: Origin, channels: int | None = None) -> int:
        if len(self.drafts) >= MAX_LAYERS:
            raise fail(f"the net has more than {MAX_LAYERS} layers", origin)
        self.counts[op.keyword] += 1
        auto = f"{op.keyword}{self.counts[op.keyword]}"
        self.autos[auto] = len(self.drafts)
        self.drafts.append(_Draft(op, inputs, origin, auto, channels=channels))
        return len(self.drafts) - 1

    def series(self, series: Series, value: int) -> int:
        for statement in series:
            value = self.statement(statement, value)
        return value

    def statement(self, statement: Statement, value: int) -> int:
        before = len(self.drafts)
        for element in statement.elements:
            value = self.element(element, value)
        if statement.label:
            self.name(statement, value, before)
        return value

    def name(self, statement: Statement, value: int, before: int) -> None:
        assert statement.origin is not None
        label = statement.label
        if label in self.labels:
            raise fail(
                f'the label "{label}" is taken',
                statement.origin,
                expected="each label once, none in a repetition",
            )
        if value < before:
            raise fail(f'the label "{label}" names no layer', statement.origin, expected="an op in the statement")
        self.labels[label] = value
        self.autos.pop(self.drafts[value].auto, None)
        self.drafts[value].label = label

    def element(self, element: Element, value: int) -> int:
        if isinstance(element, Call):
            return self.emit(element.op, (value,), element.origin, element.channels)
        if isinstance(element, Join):
            ends = tuple(value if _passes(path) else self.series(path, value) for path in element.paths)
            return self.emit(element.op, ends, element.origin)
        if isinstance(element, Repeat):
            return self.repeat(element, value)
        return self.jump(element)

    def repeat(self, repeat: Repeat, value: int) -> int:
        for _ in range(repeat.times):
            before = len(self.drafts)
            value = self.series(repeat.body, value)
            if len(self.drafts) == before:
                raise fail("what is repeated has no layer", repeat.origin, expected="an op in the parentheses")
        return value

    def jump(self, jump: Jump) -> int:
        if jump.label in self.labels:
            return self.labels[jump.label]
        if jump.label not in self.autos:
            raise fail(
                f'no earlier statement is labelled "{jump.label}"',
                jump.origin,
                expected="a label that stands before this point",
                attempt=nearest(jump.label, [*self.labels, *self.autos]),
            )
        return self.autos[jump.label]

    def graph(self) -> Graph:
        if not self.drafts:
            raise NotationError("the net has no layer", expected="an op, such as conv 16 3x3")
        names = [INPUT]
        for at, draft in enumerate(self.drafts):
            if not draft.label and draft.auto in self.labels and self.labels[draft.auto] != at:
                taken = self.drafts[self.labels[draft.auto]]
                raise fail(
                    f'the label "{draft.auto}" is the name of another layer',
                    taken.origin,
                    expected="another label",
                )
            names.append(draft.name)
        # names[0] is the input, so position p of a draft is p + 1
        return Graph(
            tuple(
                Node(draft.name, draft.op, tuple(names[p + 1] for p in draft.inputs), draft.origin)
                for draft in self.drafts
            )
        )

    def check_claims(self, net: Net) -> None:
        """A layer written ``(3x3x32)x64`` says how many channels come in."""
        for draft, layer in zip(self.drafts, net, strict=True):
            if draft.channels is not None and draft.channels != layer.inputs[0][0]:
                came = layer.inputs[0][0]
                raise ShapeError(
                    f"{draft.name}: written for {draft.channels} channels, but {came} come in",
                    given=f"{to_text(layer.inputs[0])} from {layer.node.inputs[0]}",
                    attempt=draft.origin.words.replace(f"x{draft.channels})", f"x{came})", 1),
                    written=str(draft.origin),
                    excerpt=draft.origin.excerpt(),
                )


def _passes(path: Series) -> bool:
    """A path that is just ``id`` adds no layer."""
    if len(path) != 1 or path[0].label or len(path[0].elements) != 1:
        return False
    element = path[0].elements[0]
    return isinstance(element, Call) and element.op == IDENTITY
