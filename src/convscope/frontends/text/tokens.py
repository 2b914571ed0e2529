"""The words of the notation, each with its place."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.core.graph import Origin
from convscope.errors import NotationError
from convscope.inert import inert, is_inert

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 2**20
MAX_WORD = 200

_TIMES = re.compile("(?<=[0-9)])\N{MULTIPLICATION SIGN}(?=[0-9])")
"""The sign for which papers have a place and keyboards have not: read as the letter x."""

_PLAIN = re.compile(r"[A-Za-z0-9_][\w.\-]*", re.ASCII)
"""A name that needs no quotes."""

_TOKEN = re.compile(
    r"""
      (?P<skip>    [ \t\r]+ | \#[^\n]* )
    | (?P<quoted>  " (?: [^"\\\n] | \\. )* " (?: [ \t]* : (?= \s | \( | $ ) )? )
    | (?P<note>    \( [ \t]* [0-9]+ (?: x[0-9]+ )* [ \t]* \) [ \t]* x [ \t]* [0-9]+ )
    | (?P<newline> \n )
    | (?P<label>   [A-Za-z0-9_][\w.\-]* [ \t]* : (?= \s | \( | $ ) )
    | (?P<word>    -?[A-Za-z0-9_.][\w.\-:=]* )
    | (?P<mark>    [(),|*] )
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True)
class Token:
    """One word, mark or label.

    Attributes:
        kind: ``word``, ``label``, ``note``, ``end``, or the mark itself; a line break is a comma.
        text: what stands there; of a label, its name; of a word in quotes, what they hold.
        origin: where.
    """

    kind: str
    text: str
    origin: Origin


def tokens(text: str, source: str) -> list[Token]:
    """Cut a text into tokens, an ``end`` last.

    Raises:
        NotationError: too long, or a character that has no place in the notation.

    >>> [t.text for t in tokens("stem: conv 16 3x3, relu # ok", "<text>")]
    ['stem', 'conv', '16', '3x3', ',', 'relu', '']
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise NotationError(f"the text has {len(text)} characters", expected="at most 1 MiB")
    return list(_cut(_TIMES.sub("x", text), source))


def _cut(text: str, source: str) -> Iterator[Token]:
    lines = text.split("\n")
    line, start, at = 1, 0, 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        words = found.group() if found else text[at]
        origin = Origin(source, line, at - start + 1, words.strip(), lines[line - 1])
        if not found or _hidden(words):
            raise _stray(origin, next(filter(_hidden, words), words[0]))
        kind = str(found.lastgroup)
        if kind not in {"skip", "quoted"} and len(words) > MAX_WORD:
            raise NotationError(
                f"a word of {len(words)} characters",
                written=str(origin),
                expected=f"at most {MAX_WORD} characters, or quotes around a name",
            )
        at = found.end()
        if kind == "newline":
            line, start = line + 1, at
            yield Token(",", "\n", origin)
        elif kind == "label":
            yield Token(kind, words.rstrip(": \t"), origin)
        elif kind == "quoted":
            yield Token("word" if words.endswith('"') else "label", _unquoted(words.rstrip(": \t"), origin), origin)
        elif kind != "skip":
            yield Token(words if kind == "mark" else kind, words, origin)
    yield Token("end", "", Origin(source, line, at - start + 1, "", lines[-1]))


def quoted(name: str) -> str:
    r"""A name as the notation has it: in quotes, with the escapes of JSON, where it is more than one short plain word.

    >>> quoted("layer1.0"), quoted("../a b"), quoted('a"')
    ('layer1.0', '"../a b"', '"a\\""')
    """
    if _PLAIN.fullmatch(name) and len(name) < MAX_WORD:
        return name
    plain = (c if is_inert(c) and c not in '"\\' else json.dumps(c)[1:-1] for c in name)
    return f'"{"".join(plain)}"'


def _unquoted(words: str, origin: Origin) -> str:
    try:
        found = json.loads(words)
    except ValueError:
        raise NotationError(
            "a name in quotes that cannot be read",
            written=str(origin),
            excerpt=origin.excerpt(),
            expected='escapes as in JSON: \\", \\\\, \\u00e9',
        ) from None
    if not found:
        raise NotationError("a name without letters", written=str(origin), excerpt=origin.excerpt())
    if inert(str(found)) != found:
        what = f"a name with a character that is not seen: {inert(str(found))}"
        raise NotationError(
            what, written=str(origin), excerpt=origin.excerpt(), expected="names that read as they look"
        )
    return str(found)


def _hidden(text: str) -> bool:
    """Holds a control or formatting character: such text does not read as it looks."""
    return any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c not in "\t\r\n" for c in text)


def _stray(origin: Origin, char: str) -> NotationError:
    shown = f'"{char}"' if char.isprintable() else f"U+{ord(char):04X}"
    context = "".join(c if c.isprintable() else "?" for c in origin.context)
    hint = 'settings without "=": conv 16 3x3 s2 p1 nobias' if char == "=" else ""
    where = Origin(origin.source, origin.line, origin.column, "?", context)
    return NotationError(
        f"the character {shown} has no place in the notation",
        written=f"{where.source}:{where.line}:{where.column}",
        excerpt=where.excerpt(),
        expected=hint or "ops and settings in letters and digits, with a comma or a line break between statements",
    )
