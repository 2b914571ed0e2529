"""From tokens to a syntax tree.

::

    net       = { [label ":"] "input" size [kind] ["as" order] "," } series [ "output" result ]
    series    = statement { ("," | newline) statement }
    statement = [label ":"] element { element }
    element   = op { setting }                        conv 16 3x3 s2 p1
              | "(" KxKxIN ")" "x" OUT { setting }    the course notes' spelling of a convolution
              | merge "(" series { "|" series } ")"   add( conv 64 3x3 same | id )
              | count "*" "(" series ")"              3*( conv 64 3x3 same relu )
              | "from" label
    result    = [series] ["named" word] ["as" order]  from head as a8xb7:nxbxa
              | ("tuple" | "list") "(" result { "|" result } ")"
              | "dict" "(" key ":" result { "|" key ":" result } ")"
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeVar

from convscope.budget import spend
from convscope.core.graph import Origin
from convscope.core.op import REGISTRY, Op, usage
from convscope.core.shape import MAX_INT, parse_numbers
from convscope.errors import ConvscopeError, FieldError, NotationError
from convscope.frontends.text.hints import for_op, for_setting, for_value
from convscope.view.numbers import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Setting
    from convscope.frontends.text.hints import Hint
    from convscope.frontends.text.tokens import Token

_T = TypeVar("_T")

MAX_DEPTH = 64

STEPS = 8
"""Cost of an element, before it is built."""

MOST_WORDS = 32
"""Number of words after an op that a hint considers."""

CLOSING = ("output", "named", "as")
"""Words that end a series."""

NEEDS = {
    "out": "an output size",
    "kernel": "a kernel size",
    "size": "a size",
    "shape": "a shape",
    "sides": "its sides",
    "factor": "a factor",
    "groups": "the number of groups",
    "heads": "the number of heads",
    "hidden": "a hidden size",
    "count": "a count",
    "indices": "its indices",
    "range": "a range",
    "spec": "a pattern",
}
"""Names of missing settings in errors."""


@dataclass(frozen=True)
class Call:
    """One op; ``channels`` is the number of input channels if the text states it."""

    op: Op
    origin: Origin
    channels: int | None = None


@dataclass(frozen=True)
class Join:
    """A merge of paths."""

    op: Op
    paths: tuple[Series, ...]
    origin: Origin


@dataclass(frozen=True)
class Repeat:
    """A repetition of a series."""

    times: int
    body: Series
    origin: Origin


@dataclass(frozen=True)
class Jump:
    """A jump to a labelled node."""

    label: str
    origin: Origin


Element = Call | Join | Repeat | Jump


@dataclass(frozen=True)
class Statement:
    """A sequence of elements; the label names the last."""

    elements: tuple[Element, ...]
    label: str = ""
    origin: Origin | None = None


Series = tuple[Statement, ...]


def fail(what: str, origin: Origin, *, expected: str = "", attempt: str = "") -> NotationError:
    """An error at a position."""
    return NotationError(what, written=str(origin), excerpt=origin.excerpt(), expected=expected, attempt=attempt)


class Reader:
    """A cursor over the tokens, with a method for each rule of the grammar."""

    def __init__(self, stream: list[Token]) -> None:
        self.stream: list[Token] = stream
        self.at: int = 0
        self.made: dict[tuple[str, ...], Op] = {}  # ops by their words
        self.hint: tuple[int, Hint] | None = None  # a suggestion, given the input shape at a token

    @property
    def now(self) -> Token:
        """The current token."""
        return self.stream[self.at]

    def take(self) -> Token:
        """Return the current token and advance."""
        token = self.now
        self.at += 1
        return token

    def expect(self, kind: str, after: str) -> None:
        """Skip a required mark."""
        if self.now.kind != kind:
            raise fail(f"unexpected {shown(self.now)} after {after}", self.now.origin, expected=f'"{kind}"')
        self.take()

    def skip_breaks(self) -> None:
        """Skip line breaks."""
        while self.now.kind == "," and self.now.text == "\n":
            self.take()

    def after(self, word: str) -> Token:
        """Return the word after a keyword, if the keyword is here."""
        if self.now.kind != "word" or self.now.text != word:
            return self.now._replace(text="")
        self.take()
        if self.now.kind != "word":
            raise fail(f'unexpected {shown(self.now)} after "{word}"', self.now.origin, expected="a word")
        return self.take()

    def series(self, depth: int, until: tuple[str, ...]) -> Series:
        """Parse statements up to a closing token, which is not consumed."""
        if depth > MAX_DEPTH:
            raise fail("the parentheses are nested too deeply", self.now.origin, expected=f"at most {MAX_DEPTH} levels")
        statements: list[Statement] = []
        while True:
            self.skip_breaks()
            if self.ends(until):
                return tuple(statements)
            statements.append(self.statement(depth))
            self.separator(until)

    def ends(self, until: tuple[str, ...]) -> bool:
        """Return whether the current token closes: a mark, or one of :data:`CLOSING`."""
        return self.now.kind in until or (
            self.now.kind == "word" and self.now.text in CLOSING and self.now.text in until
        )

    def separator(self, until: tuple[str, ...]) -> None:
        """Skip line breaks, a comma, or both, unless the series ends here."""
        broken = self.now.text == "\n"
        self.skip_breaks()
        if self.ends(until) or (broken and self.now.kind != ","):
            return
        if self.now.kind != ",":
            closing = " or ".join(f'"{mark}"' for mark in (",", *until) if mark not in {"end", *CLOSING})
            raise fail(f"unexpected {shown(self.now)}", self.now.origin, expected=closing)
        self.take()

    def statement(self, depth: int) -> Statement:
        """``[label:] element {element}``."""
        start = self.now
        label = self.take().text if start.kind == "label" else ""
        elements = [self.element(depth)]
        while self.now.kind in {"word", "note"} and self.now.text not in CLOSING:
            elements.append(self.element(depth))
        return Statement(tuple(elements), label, start.origin if label else None)

    def element(self, depth: int) -> Element:
        """Parse one op, merge, repetition or jump."""
        spend(STEPS)
        token = self.take()
        if token.kind == "note":
            return self.note(token)
        if token.kind != "word":
            raise fail(
                f"unexpected {shown(token)}",
                token.origin,
                expected="an op, such as conv 16 3x3",
            )
        if token.text == "from":
            return self.jump(token)
        if self.now.kind == "*":
            return self.repeat(token, depth)
        if token.text not in REGISTRY:
            raise self.unknown_op(token)
        made = REGISTRY[token.text]
        return self.join(made, token, depth) if made.merges else self.call(made, token)

    def jump(self, token: Token) -> Jump:
        """``from label``."""
        if self.now.kind != "word":
            raise fail("from needs a label", token.origin, expected="the label of an earlier statement")
        label = self.take()
        return Jump(label.text, label.origin)

    def repeat(self, token: Token, depth: int) -> Repeat:
        """``n*( series )``."""
        if not token.text.isdecimal() or not 1 <= int(token.text[:12]) <= MAX_INT:
            raise fail(f'"{token.text}" is not a count', token.origin, expected="an integer from 1")
        self.take()
        self.expect("(", f"{token.text}*")
        body = self.series(depth + 1, until=(")", "end"))
        self.expect(")", "the repeated series")
        if not body:
            raise fail("the repetition is empty", token.origin, expected="at least one op in the parentheses")
        return Repeat(int(token.text), body, token.origin)

    def join(self, made: type[Op], token: Token, depth: int) -> Join:
        """``merge( series | series )``, settings before the parentheses."""
        merge = self.call(made, token)
        self.expect("(", token.text)
        paths = [self.series(depth + 1, until=("|", ")", "end"))]
        while self.now.kind == "|":
            self.take()
            paths.append(self.series(depth + 1, until=("|", ")", "end")))
        self.expect(")", f"the paths of {token.text}")
        if len(paths) < 2 or not all(paths):
            raise fail(
                f"{token.text} has {'an empty path' if len(paths) > 1 else 'one path'}",
                token.origin,
                expected=f"paths separated by |, where id is the identity: {token.text}( relu | id )",
            )
        return Join(merge.op, tuple(paths), token.origin)

    def note(self, token: Token) -> Call:
        """``(3x3x32)x64``: a kernel over 32 channels, 64 times."""
        spend(3 * STEPS)  # two numbers to parse, and a dict to fill
        inside, out = token.text.replace(" ", "").replace("\t", "").lstrip("(").split(")x")
        numbers = at(token, lambda: parse_numbers(inside))
        if len(numbers) < 2:
            raise fail(
                f"{token.text} does not state a kernel",
                token.origin,
                expected="(3x3x32)x64: kernel, channels in, channels out",
            )
        conv = REGISTRY["conv"]
        given = {"out": at(token, lambda: parse_numbers(out))[0], "kernel": numbers[:-1]}
        return replace(self.call(conv, token, given), channels=numbers[-1])

    def is_setting(self) -> bool:
        """Return whether the current word continues the op before it."""
        token = self.now
        return (
            token.kind == "word"
            and token.text not in REGISTRY
            and token.text != "from"
            and token.text not in CLOSING
            and self.stream[self.at + 1].kind != "*"
        )

    def call(self, made: type[Op], token: Token, given: dict[str, object] | None = None) -> Call:
        """Parse an op and its settings; equal words give the same op, since nets repeat them."""
        start = self.at
        while self.is_setting():
            self.at += 1
        words = tuple([one.text for one in self.stream[start - 1 : self.at]])
        if words not in self.made or given:
            self.at = start
            return self.new_call(made, token, given, words)
        self.check_times()
        return Call(self.made[words], token.upto(self.stream[self.at - 1]))

    def new_call(self, made: type[Op], token: Token, given: dict[str, object] | None, words: tuple[str, ...]) -> Call:
        """Parse an op and its settings one by one."""
        values = dict(given or {})
        last, start_at = token, self.at - 1
        while self.is_setting():
            last = self.take()
            found = at(last, partial(_setting, made, last, values, self.rest))
            if found is None:
                raise self.unknown_word(made, last, values, start_at)
            values[found[0].name] = found[1]
        self.check_times()
        origin = token.upto(last)
        missing = [entry.name for entry in made.declared if entry.required and entry.name not in values]
        if missing:
            plain = ", without parentheses" if self.now.kind == "(" else ""
            such = f"{usage(made)}{plain}, such as {made.examples[0].text}"
            raise fail(f"{made.keyword} needs {NEEDS.get(missing[0], f'a {missing[0]}')}", origin, expected=such)
        op = at(origin, lambda: made(**values))
        if not given:
            self.made[words] = op
        return Call(op, origin)

    def check_times(self) -> None:
        """Raise NotationError for ``3*3``, which is neither a size nor a repetition."""
        if self.now.kind != "word" or not self.now.text.isdecimal():
            return
        first, times, second = (*self.stream[self.at : self.at + 3], self.now, self.now, self.now)[:3]
        if times.kind == "*" and second.kind == "word" and first.text.isdecimal() and second.text.isdecimal():
            what = f'"{first.text}*{second.text}" is neither a size nor a repetition'
            raise fail(what, first.origin, expected="a size, 3x3, or 3*( … )", attempt=f"{first.text}x{second.text}")

    def rest(self) -> list[str]:
        """Return the words that follow in the statement."""
        following = (self.stream[at] for at in range(self.at, len(self.stream)))
        words = takewhile(lambda token: token.kind == "word" and token.text not in REGISTRY, following)
        return [token.text for token in islice(words, MOST_WORDS)]

    def unknown_word(self, made: type[Op], token: Token, values: dict[str, object], position: int) -> NotationError:
        """Return the error for a word after an op that is not one of its settings."""
        hint = for_setting(made, token.text, values, self.rest())
        self.hint = position, hint
        what = f"{shown(token)} is neither a setting of {made.keyword} nor an op"
        return fail(what, token.origin, expected=usage(made), attempt=hint(None))

    def unknown_op(self, token: Token) -> NotationError:
        """Return the error for a word in place of an op."""
        if token.text.lower() == "input":
            expected = "input 28x28x1, then ops; several have names: rgb: input 64x64x3, depth: input 64x64x1"
            return fail("inputs come first, in lower case", token.origin, expected=expected)
        if token.text[:1].isdecimal() and self.now.kind != "(":
            expected = "an op; a size is written with x, as 28x28x1"
            return fail(f"{shown(token)} is not an op", token.origin, expected=expected)
        hint = for_op(token.text, self.rest())
        self.hint = self.at - 1, hint
        attempt = hint(None)
        listed = "" if attempt else f"one of {', '.join(sorted(REGISTRY))}"
        return fail(f"there is no op {shown(token)}", token.origin, expected=listed, attempt=attempt)


def _setting(
    made: type[Op], token: Token, values: dict[str, object], rest: Callable[[], list[str]]
) -> tuple[Setting, object] | None:
    """Return the field that a word sets, and its value; None if it sets none."""
    settings = list(made.declared)
    position = next((entry for entry in settings if entry.positional and entry.name not in values), None)
    for entry in [*([position] if position else []), *(entry for entry in settings if not entry.positional)]:
        value = _matched(made, entry, token.text, rest)
        if value is None:
            continue
        if entry.name in values:
            raise FieldError(f"{made.keyword} has two values for {entry.name}", expected=usage(made))
        return entry, value
    return None


def _matched(made: type[Op], entry: Setting, word: str, rest: Callable[[], list[str]]) -> object:
    try:
        return entry.kind.match(word)
    except FieldError as error:
        expected, attempt = f"{usage(made)}: {error.expected}", for_value(made, word, rest())
        raise FieldError(f"{made.keyword}: {error.what}", expected=expected, attempt=attempt) from None


def shown(token: Token) -> str:
    """Return a token for an error."""
    if token.kind == "end":
        return "end of the text"
    return "line break" if token.text == "\n" else f'"{shortened(token.text)}"'


def at(where: Token | Origin, make: Callable[[], _T]) -> _T:
    """Call ``make``, and add the position of the text to an error."""
    try:
        return make()
    except ConvscopeError as error:
        origin = where if isinstance(where, Origin) else where.origin
        raise error.add(written=str(origin), excerpt=origin.excerpt()) from None
