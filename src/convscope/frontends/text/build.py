"""From the syntax tree to a net."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from convscope import ops  # noqa: F401 -- fills the registry
from convscope.budget import question, spend
from convscope.core.axis import Window
from convscope.core.graph import INPUT, KINDS, Graph, Input, Node, Output
from convscope.core.net import Net
from convscope.core.op import REGISTRY, Op
from convscope.core.order import check_order
from convscope.core.shape import to_text, turned
from convscope.errors import LimitError, NotationError, ShapeError, UnknownNameError, nearest
from convscope.frontends.given import Asked, Given, hinted
from convscope.frontends.text.ends import Result, parse
from convscope.frontends.text.parse import Call, Element, Join, Jump, Repeat, Series, Statement, fail
from convscope.frontends.text.tokens import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convscope.core.graph import Origin
    from convscope.core.shape import Shape
    from convscope.frontends.text.ends import Text

STEPS = 24
"""Cost of a layer or a path of a merge."""

JUMP = 2
"""Cost of a jump."""

IDENTITY = REGISTRY["id"]()


def read(text: str, *, source: str = "<text>", shape: Shape | Mapping[str, Shape] | None = None) -> Net:
    """Read a net in the notation.

    Args:
        text: the net.
        source: the name of the text in errors.
        shape: shape of the input, ``c h w``, or of some inputs by name; overrides the text.

    Raises:
        NotationError: the text is not in the notation, with line, column and what was expected.
        ShapeError: a layer does not fit its input.
        FieldError: a setting has an invalid value.
        LimitError: the net has too many layers, paths and jumps for the length of the text.

    >>> read("input 8x8x1, conv 4 3x3 relu, maxpool 2").output
    (4, 3, 3)
    """
    with question(size=min(len(text), MAX_BYTES) // 2):
        try:
            return _read(text, source, shape)
        except LimitError as error:
            raise error.add(subject="the net", written=source) from None


def _read(text: str, source: str, shape: Shape | Mapping[str, Shape] | None) -> Net:
    found = parse(text, source, lambda part: _measured(part, shape))
    given = _given(found.inputs, shape)
    builder = _Builder(tuple(one.name for one in given))
    value = builder.series(found.series, -1)
    outputs = tuple(builder.output(result, value) for result in found.results)
    if not outputs and value != len(builder.drafts) - 1:
        raise NotationError(
            "the text ends in a jump", expected="a layer at the end, since the last layer is the output"
        )
    try:
        net = Net.at(builder.graph(outputs), given)
    except ShapeError as error:
        raise hinted(error, Asked(None, {one.name: Given(one.shape) for one in given})) from None
    for output in net.outputs:
        check_order(output.order, net.shape(output.node))
    builder.check_claims(net)
    return replace(net, notes=tuple(filter(None, (_mixed_up(net, one) for one in net.inputs))))


def _mixed_up(net: Net, given: Input) -> str:
    """A word on an input of few rows, as many columns as channels, that is most likely an image with channels first.

    Where a layer that reads it has one kernel for the rows and another for the columns, the few rows are meant.
    """
    channels, *sizes = given.shape
    meant = turned(given.shape)
    if given.order or not meant or len(sizes) != 2 or sizes[0] not in {1, 3} or channels != sizes[1]:
        return ""
    for layer in net:
        for name, reads in zip(layer.node.inputs, layer.reads, strict=True):
            kernels = {one.relation.kernel for one in reads[1:] if isinstance(one.relation, Window)}
            if name == given.name and len(kernels) > 1:
                return ""
    return (
        f"{given.name} {to_text(given.shape)} has {sizes[0]} row{'' if sizes[0] == 1 else 's'}: "
        f"if its channels come first there, write {meant}, height x width x channels"
    )


def _measured(part: Text, shape: Shape | Mapping[str, Shape] | None) -> Shape:
    """Return the output shape of a part of a text."""
    given = _given(part.inputs, shape)
    if not part.series:
        return given[0].shape
    builder = _Builder(tuple(one.name for one in given))
    value = builder.series(part.series, -1)
    return given[-value - 1].shape if value < 0 else Net.at(builder.graph(()), given).layers[value].output


def _given(stated: dict[str, Input], shape: Shape | Mapping[str, Shape] | None) -> tuple[Input, ...]:
    """Return the inputs, with the sizes given by the caller, which imply the natural layout.

    Raises:
        NotationError: there is no size.
        UnknownNameError: there is no input of a given name.
    """
    if shape is None and not stated:
        raise NotationError("the net has no input size", expected="input 28x28x1 as the first statement")
    if shape is None:
        return tuple(stated.values())
    changed = {next(iter(stated), INPUT): shape} if isinstance(shape, tuple) else shape
    for name in changed:
        if stated and name not in stated:
            raise UnknownNameError(f'no input is called "{name}"', attempt=nearest(name, stated))
    given = {
        name: Input(name, one, kind=stated[name].kind if name in stated else KINDS[0]) for name, one in changed.items()
    }
    return tuple({**stated, **given}.values())


@dataclass
class _Draft:
    """An unnamed node; inputs are positions, and -1 is the input of the net."""

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
    """Emits drafts in the order of the text; each method returns the position of its value.

    Inputs have the positions -1, -2, ….
    """

    inputs: tuple[str, ...]
    drafts: list[_Draft] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    labels: dict[str, int] = field(init=False)
    autos: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.labels = {name: -at for at, name in enumerate(self.inputs, 1)}

    def output(self, result: Result, value: int) -> tuple[int, Result]:
        """Return the position of a result, whose path begins at the end of the previous statements."""
        return value if _passes(result.series) else self.series(result.series, value), result

    def emit(self, op: Op, inputs: tuple[int, ...], origin: Origin, channels: int | None = None) -> int:
        spent(STEPS, origin)
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
                f'the label "{label}" is used twice',
                statement.origin,
                expected="unique labels, none of them inside a repetition",
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
            spent(STEPS * len(element.paths), element.origin)
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
                raise fail("the repetition contains no layer", repeat.origin, expected="an op in the parentheses")
        return value

    def jump(self, jump: Jump) -> int:
        spent(JUMP, jump.origin)
        if jump.label in self.labels:
            return self.labels[jump.label]
        if jump.label not in self.autos:
            raise fail(
                f'there is no earlier statement labelled "{jump.label}"',
                jump.origin,
                expected="a label defined before this point",
                attempt=nearest(jump.label, [*self.labels, *self.autos]),
            )
        return self.autos[jump.label]

    def graph(self, outputs: tuple[tuple[int, Result], ...]) -> Graph:
        if not self.drafts:
            raise NotationError("the net has no layers", expected="an op, such as conv 16 3x3")
        names: list[str] = []
        for at, draft in enumerate(self.drafts):
            if not draft.label and draft.auto in self.labels and self.labels[draft.auto] != at:
                taken = self.drafts[self.labels[draft.auto]]
                raise fail(
                    f'the label "{draft.auto}" is already the name of another layer',
                    taken.origin,
                    expected="another label",
                )
            names.append(draft.name)
        names += reversed(self.inputs)  # so that -1 is the first input
        nodes = (
            Node(draft.name, draft.op, tuple(names[p] for p in draft.inputs), draft.origin) for draft in self.drafts
        )
        returned = (Output(names[at], result.path, result.order, result.title) for at, result in outputs)
        return Graph(tuple(nodes), self.inputs, tuple(returned))

    def check_claims(self, net: Net) -> None:
        """Check the input channels of a layer that is written as ``(3x3x32)x64``."""
        for draft, layer in zip(self.drafts, net, strict=True):
            if draft.channels is not None and draft.channels != layer.inputs[0][0]:
                came = layer.inputs[0][0]
                raise ShapeError(
                    f"{draft.name}: written for {draft.channels} input channels, but the input has {came}",
                    given=f"{to_text(layer.inputs[0])} from {layer.node.inputs[0]}",
                    attempt=draft.origin.words.replace(f"x{draft.channels})", f"x{came})", 1),
                    written=str(draft.origin),
                    excerpt=draft.origin.excerpt(),
                )


def spent(steps: int, origin: Origin) -> None:
    """Count work; an error names the position in the text."""
    try:
        spend(steps)
    except LimitError as error:
        raise error.add(written=str(origin), excerpt=origin.excerpt()) from None


def _passes(path: Series) -> bool:
    """Return whether a path is just ``id``, which adds no layer."""
    if len(path) != 1 or path[0].label or len(path[0].elements) != 1:
        return False
    element = path[0].elements[0]
    return isinstance(element, Call) and element.op == IDENTITY
