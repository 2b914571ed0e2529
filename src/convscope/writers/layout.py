"""Layout of code within a width, with the line breaks of the formatter."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 120

INDENT = 4


@dataclass(frozen=True)
class Group:
    """A bracket with its content: ``head item, item tail``.

    Attributes:
        head: text up to the opening bracket, ``nn.Sequential(``.
        items: items separated by commas.
        tail: text from the closing bracket.
        open: whether each item is on its own line, even if all fit on one.
    """

    head: str
    items: tuple[Doc, ...]
    tail: str = ")"
    open: bool = False

    def __str__(self) -> str:
        return f"{self.head}{', '.join(map(str, self.items))}{self.tail}"


Doc = str | Group


def opened(doc: Doc) -> bool:
    """Return whether it contains a group that is always open."""
    return isinstance(doc, Group) and (doc.open or any(map(opened, doc.items)))


def lines(doc: Doc, *, depth: int = 0, before: str = "", after: str = "") -> list[str]:
    r"""Return the lines of a statement, such as ``before=`` ``x = ``.

    >>> print(*lines(Group("f(", ("a", Group("[", ("b", "c"), "]", open=True)))), sep="\n")
    f(
        a,
        [
            b,
            c,
        ],
    )
    >>> lines(Group("f(", ("a", "b")), depth=1, before="x = ")
    ['    x = f(a, b)']
    """
    pad = " " * INDENT * depth
    whole = f"{pad}{before}{doc}{after}"
    if isinstance(doc, str) or (len(whole) <= WIDTH and not opened(doc)):
        return [whole]
    inner = f"{pad}{' ' * INDENT}{', '.join(map(str, doc.items))}"
    first, last = f"{pad}{before}{doc.head}", f"{pad}{doc.tail}{after}"
    if len(inner) <= WIDTH and not opened(doc):
        return [first, inner, last]
    comma = "," if len(doc.items) > 1 else ""
    body = [line for item in doc.items for line in lines(item, depth=depth + 1, after=comma)]
    return [first, *body, last]


PAIRS = {")": "(", "]": "[", "}": "{"}


def parse(text: str) -> Doc:
    """Return an expression with its last bracket as a group, if it ends in a non-empty one.

    >>> found = parse("torch.cat([a, b], dim=1)")
    >>> found.head, found.items[0].items, found.items[1]
    ('torch.cat(', ('a', 'b'), 'dim=1')
    >>> parse("a + b")
    'a + b'
    """
    end = len(text) - 1
    start = _opening(text, end)
    if start > 1 and text[start - 1] == ")" and text[start - 2] != "(":  # layers.Conv2D(...)(x)
        end, start = start - 1, _opening(text, start - 1)
    if start < 0 or text[end - 1] in {text[start], ","} or " " in _outside(text[:start]):
        return text
    return Group(text[: start + 1], tuple(map(parse, _split(text[start + 1 : end]))), text[end:])


def _opening(text: str, end: int) -> int:
    """Return the position of the bracket that closes at a position; -1 if there is none."""
    if text[end : end + 1] not in PAIRS:
        return -1
    depth = 0
    for at in range(end, -1, -1):
        depth += (text[at] in PAIRS) - (text[at] in PAIRS.values())
        if not depth:
            return at
    return -1


def _outside(text: str) -> str:
    """Return the text without the content of brackets."""
    depth, kept = 0, ""
    for letter in text:
        depth += (letter in PAIRS.values()) - (letter in PAIRS)
        kept += letter if not depth else ""
    return kept


def _split(text: str) -> list[str]:
    """Return the parts between commas outside brackets and quotes."""
    depth, quoted, parts = 0, False, [""]
    for letter in text:
        quoted ^= letter == '"'
        depth += (letter in PAIRS.values()) - (letter in PAIRS)
        if letter == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
