"""Wrapping of prose: lines are broken between words and continue with a hanging indent."""

from __future__ import annotations

import re
import textwrap

NARROWEST = 20
"""Least width of the layout, also in a narrower terminal [character]."""

HANG = 2
"""Indent of the continuation of a line without a label."""

_LABEL = re.compile(r" *(?:\S+(?: \S+){0,3} {2,})?(?=\S)")
"""A label: up to four words followed by two blanks or more; the text after it belongs to it."""

_CARETS = re.compile(r" *\^+ *")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|[kMGTP]|B|[KMGT]iB|s|min|pixels?)(?![\w]))|(?<=[≥≤]) (?=\d)| (?=·)")
"""Blanks that are not broken: between a number and its unit, after a bound, before a separating dot."""

_COMMAND = re.compile(r" *try {2,}(?:convscope |\S*pip |\S* -m pip )| {4,}(?:echo .+)?convscope ")
"""A line to be copied into a terminal, which wraps it without a line break; a break of ours would end the command."""

_KEPT = "\u00a0"


def wrapped(text: str, width: int | None) -> str:
    r"""Wrap text to lines no longer than ``width`` if words allow it; without a width, keep the lines.

    >>> print(wrapped("  why      no unit sees the object whole", 28))
      why      no unit sees the
               object whole
    >>> print(wrapped("input 28x28x1 · 9 layers · MACs 2,797,632 (2.80 M)", 32))
    input 28x28x1 · 9 layers ·
      MACs 2,797,632 (2.80 M)
    """
    if width is None:
        return text
    width = max(width, NARROWEST)
    lines = text.split("\n")
    out: list[str] = []
    for at, line in enumerate(lines):
        below = lines[at + 1] if at + 1 < len(lines) else ""
        if _CARETS.fullmatch(line) and at:
            continue  # drawn with the line above
        if _CARETS.fullmatch(below) and len(line) > width:
            out += _pointed(line, below, width)
        else:
            out += _broken(line, width)
            out += [below] if _CARETS.fullmatch(below) else []
    return "\n".join(out)


def unbroken(text: str) -> str:
    r"""Text in which what belongs to a label is one line: lines that begin below the first word after it.

    >>> print(unbroken("  flat  where the derivative\n        is 0\n  rest  else"))
      flat  where the derivative is 0
      rest  else
    """
    out: list[str] = []
    column = 0
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if column and line.strip() and indent == column:
            out[-1] += f" {line.strip()}"
            continue
        label = _LABEL.match(line)
        first = label.group() if label else ""
        column = len(first) if first.strip() else 0
        out.append(line)
    return "\n".join(out)


def _broken(line: str, width: int) -> list[str]:
    if len(line) <= width or _COMMAND.match(line):
        return [line]
    label = _LABEL.match(line)
    first = label.group() if label else ""
    bare = not first.strip()
    hang = len(first) + (HANG if bare else 0)
    if hang > width // 2:
        first, hang = "", HANG
    words = _UNIT.sub(_KEPT, line[len(first) :])
    items = words.split(f"{_KEPT}· ")
    if len(items) > 1 and max(map(len, items)) < width - hang - 2:  # a list continues with a complete item
        words = f"{_KEPT}· ".join(item.replace(" ", _KEPT) for item in items)
    body = textwrap.wrap(
        words,
        width,
        initial_indent=" " * len(first),
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    body[0] = first + body[0][len(first) :]
    return [one.replace(_KEPT, " ") for one in body]


def _pointed(line: str, carets: str, width: int) -> list[str]:
    """Return the part of a line to which carets point, and the carets; a break would put them below another word."""
    at, length = carets.index("^"), carets.count("^")
    indent = len(line) - len(line.lstrip())
    room = width - indent - 2
    first = max(indent, min(at - (room - min(length, room)) // 2, len(line) - room))
    before, after = "…" if first > indent else " ", "…" if first + room < len(line) else ""
    first = indent if before == " " else first
    shown = line[first : first + room]
    count = min(length, first + room - at)
    pad = " " * indent + (before if before == "…" else "")
    return [f"{pad}{shown}{after}", " " * (len(pad) + at - first) + "^" * count]
