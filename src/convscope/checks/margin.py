"""The margin between a net and a limit, and the finding if the limit is exceeded."""

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
"""Number of largest layers that are named."""


@dataclass(frozen=True)
class Margin:
    """A limit, and the net's value.

    Attributes:
        code: code of the limit.
        name: name of the limit.
        value: value of the net.
        limit: the most, or the least, that is allowed.
        kept: whether the limit is satisfied; with an unknown part it is not.
        text: both numbers as text.
        what: the fact, for a finding.
        do: what to do if the limit is exceeded.
        change: by how much it is exceeded.
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
        """Return the finding for a limit that is exceeded."""
        return Finding(self.code, "", self.what, "a limit was set for this design", self.do, self.change, ERROR)


def of_count(code: str, name: str, total: Total, limit: int, do: str) -> Margin:
    """Return the margin of total params or MACs; a lower bound cannot satisfy a limit."""
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
    """Return the margin of a number of bytes.

    Args:
        code: of the limit.
        name: of the limit.
        need: number of bytes, and the layers whose part is unknown.
        limit: the most bytes.
        texts: what the bytes are, what to do, and their parts.
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
    """Suggest what to do if only an unknown part keeps a net from passing."""
    return f"replace the layers that cannot be inspected: {', '.join(missing)}"


def _both(value: int, limit: int) -> tuple[str, str]:
    """Format two numbers of bytes, in full if they would look the same."""
    texts = bytes_text(value), bytes_text(limit)
    return (f"{value:,} B", f"{limit:,} B") if value != limit and texts[0] == texts[1] else texts


def bytes_of(value: int, limit: int) -> str:
    """Format two numbers of bytes, with a common unit only once.

    >>> bytes_of(58_266, 64_000), bytes_of(900, 64_000), bytes_of(64_001, 64_000)
    ('56.9 of 62.5 KiB', '900 B of 62.5 KiB', '64,001 of 64,000 B')
    """
    first, second = _both(value, limit)
    same = first.split()[1:] == second.split()[1:]
    return f"{first.split()[0] if same else first} of {second}"


def largest(facts: Facts, number: Callable[[Row], int | None], unit: str) -> str:
    """Return the layers with the most of a cost, with their percentages."""
    known = sorted(((number(row) or 0, row.name) for row in facts.table.rows), key=lambda pair: -pair[0])
    total = sum(value for value, _ in known)
    named = [
        f"{name} {value:,} {unit} ({100 * value / total:.0f} %)"
        for value, name in known[:LARGEST]
        if 100 * value >= total > 0
    ]
    return ", ".join(named)
