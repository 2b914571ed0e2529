"""The tokens of the notation, with their positions."""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from convscope.budget import spend
from convscope.core.graph import Origin
from convscope.errors import NotationError
from convscope.inert import is_inert

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 2**20
MAX_WORD = 200

_TIMES = re.compile("(?<=[0-9)])\N{MULTIPLICATION SIGN}(?=[0-9])")
"""The multiplication sign of papers, which is read as the letter x."""

_PLAIN = re.compile(r"[A-Za-z0-9_][\w.\-]*", re.ASCII)
"""A name that needs no quotes."""

_TOKEN = re.compile(
    r"""
      (?P<skip>    [ \t\r]+ | \#[^\n]* )
    | (?P<quoted>  " (?: [^"\\\n]++ | \\. )*+ " (?: [ \t]* : (?= \s | \( | $ ) )? )
    | (?P<note>    \( [ \t]* [0-9]+ (?: x[0-9]+ )* [ \t]* \) [ \t]* x [ \t]* [0-9]+ )
    | (?P<newline> \n (?: [ \t\r]*+ (?: \#[^\n]*+ )?+ \n )*+ )
    | (?P<label>   [A-Za-z0-9_][\w.\-]* [ \t]* : (?= \s | \( | $ ) )
    | (?P<word>    -?[A-Za-z0-9_.][\w.\-:=]* )
    | (?P<mark>    [(),|*] )
    """,
    re.VERBOSE | re.ASCII,
)

STEPS = 7
"""Cost of a token."""


class Text:
    """A text, with the beginnings of its lines."""

    def __init__(self, text: str, source: str) -> None:
        self.text: str = text
        self.source: str = source

    @cached_property
    def lines(self) -> list[str]:
        """The lines, shared by the positions of all their words."""
        return self.text.split("\n")

    @cached_property
    def starts(self) -> list[int]:
        """The beginning of each line."""
        return list(accumulate((len(line) + 1 for line in self.lines), initial=0))

    def origin(self, start: int, words: str) -> Origin:
        """Return the position of some words, for errors and nodes."""
        line = bisect_right(self.starts, start, hi=len(self.lines))
        return Origin(self.source, line, start - self.starts[line - 1] + 1, words.strip(), self.lines[line - 1])


class Token(NamedTuple):
    """A word, mark or label.

    Attributes:
        kind: ``word``, ``label``, ``note``, ``end``, or the mark itself; line breaks are one comma.
        text: the text; for a label, its name; for a quoted word, its content; for line breaks, one of them.
        start: start in the text.
        end: end in the text.
        whole: the entire text.
    """

    kind: str
    text: str
    start: int
    end: int
    whole: Text

    @property
    def origin(self) -> Origin:
        """The position, computed on demand, since few tokens need it."""
        return self.whole.origin(self.start, self.whole.text[self.start : self.end])

    def upto(self, last: Token) -> Origin:
        """Return the position of the words from this one to another one."""
        return self.whole.origin(self.start, self.whole.text[self.start : last.end])


def tokens(text: str, source: str) -> list[Token]:
    """Split a text into tokens, with an ``end`` as the last one.

    Raises:
        NotationError: the text is too long, or has a character that the notation does not use.
        LimitError: there are more tokens than a net needs.

    >>> [t.text for t in tokens("stem: conv 16 3x3, relu # ok", "<text>")]
    ['stem', 'conv', '16', '3x3', ',', 'relu', '']
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise NotationError(f"the text has {len(text)} characters", expected="at most 1 MiB")
    return list(_cut(Text(_TIMES.sub("x", text), source)))


def _cut(whole: Text) -> Iterator[Token]:
    text, at = whole.text, 0
    hidden = {char for char in set(text) if _hidden(char)}
    while at < len(text):
        found = _TOKEN.match(text, at)
        words = found.group() if found else text[at]
        if not found or (hidden and not hidden.isdisjoint(words)):
            raise _stray(whole.origin(at, words), next((char for char in words if char in hidden), words[0]))
        kind, start, at = str(found.lastgroup), at, found.end()
        if kind == "skip":
            continue
        spend(STEPS)
        if kind == "newline":
            yield Token(",", "\n", start, at, whole)
        elif kind == "mark":
            yield Token(words, words, start, at, whole)
        elif kind == "quoted":
            name = _unquoted(words.rstrip(": \t"), whole, start)
            yield Token("word" if words.endswith('"') else "label", name, start, at, whole)
        elif len(words) > MAX_WORD:
            raise NotationError(
                f"a word has {len(words)} characters",
                written=str(whole.origin(start, words)),
                expected=f"at most {MAX_WORD} characters, or quotes around a name",
            )
        else:
            yield Token(kind, words.rstrip(": \t") if kind == "label" else words, start, at, whole)
    yield Token("end", "", at, at, whole)


def quoted(name: str) -> str:
    r"""Return a name for the notation, in quotes with JSON escapes if it is not a short plain word.

    >>> quoted("layer1.0"), quoted("../a b"), quoted('a"')
    ('layer1.0', '"../a b"', '"a\\""')
    """
    if _PLAIN.fullmatch(name) and len(name) < MAX_WORD:
        return name
    plain = (c if is_inert(c) and c not in '"\\' else json.dumps(c)[1:-1] for c in name)
    return f'"{"".join(plain)}"'


def _unquoted(words: str, whole: Text, start: int) -> str:
    try:
        found = str(json.loads(words))
    except ValueError:
        what, expected = "the name in quotes cannot be read", 'escapes as in JSON: \\", \\\\, \\n, \\u00e9'
    else:
        if found:
            return found
        what, expected = "the name in quotes is empty", ""
    origin = whole.origin(start, words)
    raise NotationError(what, written=str(origin), excerpt=origin.excerpt(), expected=expected)


def _hidden(char: str) -> bool:
    """Return whether it is a control or formatting character, with which a text is not what it seems."""
    return char not in "\t\r\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs"}


def _stray(origin: Origin, char: str) -> NotationError:
    shown = f'"{char}"' if char.isprintable() else f"U+{ord(char):04X}"
    context = "".join(c if c.isprintable() else "?" for c in origin.context)
    hint = 'settings without "=": conv 16 3x3 s2 p1 nobias' if char == "=" else ""
    where = Origin(origin.source, origin.line, origin.column, "?", context)
    return NotationError(
        f"the character {shown} is not part of the notation",
        written=f"{where.source}:{where.line}:{where.column}",
        excerpt=where.excerpt(),
        expected=hint or "ops and settings of letters and digits, with a comma or line break between statements",
    )
