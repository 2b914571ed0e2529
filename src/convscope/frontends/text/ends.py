"""The ends of a text: the inputs at its beginning and the outputs at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.budget import spend
from convscope.core.graph import INPUT, KINDS, Input, is_position
from convscope.core.order import check_order, pattern_of
from convscope.core.shape import from_text
from convscope.errors import ConvscopeError, NotationError
from convscope.frontends.text.hints import before
from convscope.frontends.text.parse import MAX_DEPTH, Reader, Series, at, fail, shown
from convscope.frontends.text.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convscope.core.graph import Path
    from convscope.core.shape import Shape
    from convscope.frontends.text.tokens import Token

STEPS = 30
"""Cost of an input or an output."""

SEVERAL = ("tuple", "list", "dict")
"""The containers of several outputs."""


@dataclass(frozen=True)
class Result:
    """An output tensor: its series, path, order and title."""

    series: Series
    path: Path
    order: str
    title: str


@dataclass(frozen=True)
class Text:
    """A parsed text.

    Attributes:
        inputs: inputs by name, in order; empty if the text states none.
        series: the statements.
        results: the outputs; empty if that is the last statement.
    """

    inputs: dict[str, Input]
    series: Series
    results: tuple[Result, ...] = ()


def parse(text: str, source: str, measure: Callable[[Text], Shape] | None = None) -> Text:
    """Parse a text.

    Args:
        text: the net.
        source: the name of the text in errors.
        measure: returns the output shape of a text, for hints that need it.

    Raises:
        NotationError: the text is not in the notation.
        FieldError: a setting has an invalid value.
    """
    reader = Reader(tokens(text, source))
    try:
        return _tree(reader)
    except NotationError as error:
        if reader.hint and measure:
            position, hint = reader.hint
            error.attempt = hint(_shape_at(reader.stream, position, measure))
        raise


def _shape_at(stream: list[Token], position: int, measure: Callable[[Text], Shape]) -> Shape | None:
    """Return the input shape at a token; None if it is unknown."""
    kept = before([token.kind for token in stream], [token.text for token in stream], position)
    try:
        return measure(_tree(Reader([*(stream[at] for at in kept), stream[-1]]), empty=True))
    except ConvscopeError:
        return None


def _tree(reader: Reader, *, empty: bool = False) -> Text:
    given = inputs(reader)
    series = reader.series(0, until=("end", "output"))
    results = output(reader) if reader.now.kind != "end" else ()
    if not series and not results and not empty:
        raise fail("the net has no layers", reader.now.origin, expected="an op, such as conv 16 3x3")
    return Text(given, series, results)


def inputs(reader: Reader) -> dict[str, Input]:
    """Parse the leading statements ``input 28x28x1``, by name."""
    found: dict[str, Input] = {}
    reader.skip_breaks()
    while (
        reader.now.kind in {"word", "label"} and reader.stream[reader.at + (reader.now.kind == "label")].text == INPUT
    ):
        name = reader.take() if reader.now.kind == "label" else reader.now
        if name.text in found:
            raise fail(f'two inputs are called "{name.text}"', name.origin, expected="rgb: input 64x64x3, depth: …")
        found[name.text] = _input(reader, name.text, reader.take())
        reader.skip_breaks()
    return found


def _input(reader: Reader, name: str, start: Token) -> Input:
    """Parse the size after ``input``, and the layout of the tensor."""
    spend(STEPS)
    if reader.now.kind != "word":
        raise fail("input has no size", start.origin, expected="a size, such as input 28x28x1")
    size = reader.take()
    shape = at(size, lambda: from_text(size.text))
    kind = reader.take().text if reader.now.kind == "word" and reader.now.text in KINDS else KINDS[0]
    word = reader.after("as")
    if word.text:
        at(word, lambda: check_order(word.text, shape))
    if reader.now.kind not in {",", "end"}:
        raise fail(f"unexpected {shown(reader.now)} after the size of the input", reader.now.origin, expected='","')
    if reader.now.kind == ",":
        reader.take()
    return Input(name, shape, word.text, kind)


def output(reader: Reader) -> tuple[Result, ...]:
    """Parse the final statement ``output …``."""
    reader.take()
    found = tuple(_result(reader, ()))
    reader.skip_breaks()
    if reader.now.kind != "end":
        raise fail(
            f"unexpected {shown(reader.now)} after the output", reader.now.origin, expected="the end of the text"
        )
    return found


def _result(reader: Reader, path: Path) -> Iterator[Result]:
    """Parse one tensor, or a container of several."""
    spend(STEPS)
    start = reader.now
    if start.text in SEVERAL and reader.stream[reader.at + 1].kind == "(":
        yield from _together(reader, reader.take(), path)
        return
    series = reader.series(1, until=("|", ")", "end", "named", "as"))
    title = reader.after("named").text
    word = reader.after("as")
    if word.text:
        at(word, lambda: pattern_of(word.text))
    if reader.now is start:
        raise fail("output names no tensor", start.origin, expected="output from head")
    yield Result(series, path, word.text, title)


def _together(reader: Reader, kind: Token, path: Path) -> Iterator[Result]:
    """Parse ``tuple( result | result )`` and so on."""
    if len(path) > MAX_DEPTH:
        raise fail("the parentheses are nested too deeply", kind.origin, expected=f"at most {MAX_DEPTH} levels")
    reader.take()
    position = 0
    while True:
        reader.skip_breaks()
        step: str | int = position if kind.text == "tuple" else f"[{position}]"
        if kind.text == "dict":
            if reader.now.kind != "label":
                raise fail(
                    f"unexpected {shown(reader.now)}", reader.now.origin, expected="a key, such as boxes: from a"
                )
            step = reader.take().text
            if is_position(step):
                raise fail(
                    f'the key "{step}" looks like a position in a list', reader.now.origin, expected="another key"
                )
        yield from _result(reader, (*path, step))
        if reader.now.kind != "|":
            break
        reader.take()
        position += 1
    reader.expect(")", f"the entries of {kind.text}")
