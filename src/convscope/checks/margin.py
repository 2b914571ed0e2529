"""How far a net is from a limit, and the finding where it is beyond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.checks.finding import ERROR, Facts, Finding
from convscope.view.numbers import bytes_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.analyze.cost import Total
    from convscope.analyze.table import Row

LARGEST = 3
"""Layers that are named as the largest."""


@dataclass(frozen=True)
class Margin:
    """One limit and what the net needs of it.

    Attributes:
        code: of the limit.
        name: of the limit.
        value: what the net has.
        limit: what it may have, or must have.
        kept: whether the limit is kept; an unknown part is not enough to say so.
        text: both numbers, in words.
        what: the fact, for a finding.
        do: what to do where the limit is broken.
        change: by how much it is broken.
    """

    code: str
    name: str
    value: int
    limit: int
    kept: bool
    text: str
    what: str
    do: str
    change: str

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {key: getattr(self, key) for key in ("code", "name", "value", "limit", "kept")}

    def finding(self) -> Finding:
        """The finding, for a limit that is broken."""
        return Finding(self.code, "", self.what, "a limit was set for this design", self.do, self.change, ERROR)


def of_count(code: str, name: str, total: Total, limit: int, do: str) -> Margin:
    """The margin of a total of params or MACs; a lower bound cannot keep a limit."""
    over = total.value - limit
    return Margin(
        code=code,
        name=name.lower(),
        value=total.value,
        limit=limit,
        kept=over <= 0 and total.exact,
        text=f"{name} {total.value:,} of {limit:,}",
        what=f"{_unknown(total.missing)}{total.value:,} {name}, the limit is {limit:,}",
        do=do if over > 0 else _replace(total.missing),
        change=f"{over:,} too many" if over > 0 else UNDECIDED,
    )


def of_bytes(
    code: str, name: str, need: tuple[int, tuple[str, ...]], limit: int, texts: tuple[str, str, str]
) -> Margin:
    """The margin of a number of bytes.

    Args:
        code: of the limit.
        name: of the limit.
        need: bytes, and the layers whose part is unknown.
        limit: bytes.
        texts: what the bytes are, what to do, and what they consist of.
    """
    value, missing = need
    what, do, parts = texts
    over, (have, most) = value - limit, _both(value, limit)
    return Margin(
        code=code,
        name=name,
        value=value,
        limit=limit,
        kept=over <= 0 and not missing,
        text=f"{name} {bytes_of(value, limit)}",
        what=f"{_unknown(missing)}{have} {what}, the limit is {most}",
        do=do if over > 0 else _replace(missing),
        change=f"{bytes_text(over)} too many{parts}" if over > 0 else UNDECIDED,
    )


UNDECIDED = "the unknown part decides"


def _unknown(missing: tuple[str, ...]) -> str:
    return f"at least (unknown: {', '.join(missing)}) " if missing else ""


def _replace(missing: tuple[str, ...]) -> str:
    """What to do where only an unknown part keeps a net from passing."""
    return f"replace the layers that cannot be inspected: {', '.join(missing)}"


def _both(value: int, limit: int) -> tuple[str, str]:
    """Two numbers of bytes; in full where they would look the same."""
    texts = bytes_text(value), bytes_text(limit)
    return (f"{value:,} B", f"{limit:,} B") if value != limit and texts[0] == texts[1] else texts


def bytes_of(value: int, limit: int) -> str:
    """Two numbers of bytes, the unit once where it is the same.

    >>> bytes_of(58_266, 64_000), bytes_of(900, 64_000), bytes_of(64_001, 64_000)
    ('56.9 of 62.5 KiB', '900 B of 62.5 KiB', '64,001 of 64,000 B')
    """
    first, second = _both(value, limit)
    same = first.split()[1:] == second.split()[1:]
    return f"{first.split()[0] if same else first} of {second}"


def largest(facts: Facts, number: Callable[[Row], int | None], unit: str) -> str:
    """The layers with the most of something, with their shares."""
    known = sorted(((number(row) or 0, row.name) for row in facts.table.rows), key=lambda pair: -pair[0])
    total = sum(value for value, _ in known)
    named = [
        f"{name} {value:,} {unit} ({100 * value / total:.0f} %)"
        for value, name in known[:LARGEST]
        if 100 * value >= total > 0
    ]
    return ", ".join(named)
