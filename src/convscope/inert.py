r"""Making text from files harmless for a terminal, a page, or a table for other programs.

A name in a model, a class in a run folder or the path of a file may contain anything: colours, a window title, a bell,
marks that reverse the direction of writing, or a line break followed by a fake error of ours. Such a character is shown
as Python's escape, ``\x1b``; nothing else is changed.

Code that builds a line calls :func:`inert` on each name, which leaves no line break. Code that emits text (the command
line, a writer of a format) calls the function of that format again on the entire text.
"""

from __future__ import annotations

import html
import re

_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Printable characters that are invisible: fillers and variation selectors, which make two names look alike."""

_JOINER = re.compile("(?<=[\u0600-\u1aff])[\u200c\u200d](?=[\u0600-\u1aff])")
"""Characters that belong to the spelling between letters of Arabic and Indic scripts."""

_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|inf|nan)|-", re.ASCII)

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""Characters that begin a formula in a spreadsheet; the last four are the wide forms of the first four."""

_MARKDOWN = re.compile(r"[\\`*\[\]<>&|]|(?<!\w)_|_(?!\w)")


def is_inert(char: str) -> bool:
    r"""Return whether a character is visible and has no other effect.

    >>> [is_inert(char) for char in ("a", " ", "é", "\x1b", "\u202e", "\ufe0f")]
    [True, True, True, False, False, False]
    """
    return char.isprintable() and not _UNSEEN.match(char)


def inert(text: str) -> str:
    r"""Return one line of text in which nothing acts, hides or breaks the line; inert text is unchanged.

    >>> inert("conv\x1b[31m\nModelError: forged"), inert("a\u202eb"), inert("Größe \udcff.png")
    ('conv\\x1b[31m\\x0aModelError: forged', 'a\\u202eb', 'Größe \\xff.png')
    """
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    kept = {found.start() for found in _JOINER.finditer(text)}
    return "".join(char if at in kept or is_inert(char) else _escape(char) for at, char in enumerate(text))


def inert_lines(text: str) -> str:
    r"""Return several lines of text, each of them inert.

    >>> inert_lines("one\ntwo\rthree\u2028")
    'one\ntwo\\x0dthree\\u2028'
    """
    return "\n".join(map(inert, text.split("\n")))


def _escape(char: str) -> str:
    """Return the escape of a character, or of the byte if a name is not UTF-8."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def in_html(text: str) -> str:
    r"""Escape text for HTML or SVG, between tags or in an attribute with double quotes.

    >>> in_html('<b title="\x1b')
    '&lt;b title=&quot;\\x1b'
    """
    return html.escape(inert_lines(text))


def in_markdown(text: str) -> str:
    r"""Escape text for one line of Markdown: no tags, links, emphasis or end of a cell.

    >>> print(in_markdown("layer1_0 <img src=x> a|b [c](d)"))
    layer1_0 \<img src=x\> a\|b \[c\](d)
    """
    return _MARKDOWN.sub(r"\\\g<0>", inert(text))


def in_csv(text: str) -> str:
    """Escape a cell of comma-separated values, so that spreadsheets see no formula; numbers stay numbers.

    >>> [in_csv(cell) for cell in ("=cmd|'/C calc'!A0", "-3", "-1 -1", "-a", "a, b")]
    ["'=cmd|'/C calc'!A0", '-3', '-1 -1', "'-a", '"a, b"']
    """
    text = inert(text)
    if text.lstrip().startswith(_FORMULA) and not all(map(_NUMBER.fullmatch, text.split(" "))):
        text = f"'{text}"
    return '"{}"'.format(text.replace('"', '""')) if set(text) & set(',;"') else text


def in_json(text: str) -> str:
    r"""Return a JSON document in which characters that would act are written as JSON escapes.

    >>> in_json('["a\x7f\u202e"]')
    '["a\\u007f\\u202e"]'
    """
    if text.isascii() and "\x7f" not in text:  # JSON itself escapes the characters below the blank
        return text
    return "".join(char if char == "\n" or is_inert(char) else _json_escape(char) for char in text)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
