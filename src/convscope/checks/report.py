"""What a check has found, as text, plain data and SARIF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.checks.finding import LEVELS, NOTE, Finding
from convscope.checks.registry import LIMITS
from convscope.checks.sarif import sarif
from convscope.inert import inert
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convscope.checks.margin import Margin

SCHEMA = "convscope/check/2"


@dataclass(frozen=True)
class Report:
    """What :func:`convscope.check` returns; prints itself.

    Attributes:
        findings: errors first, then warnings, then notes; each in the order of the codes.
        ran: codes of the checks that ran.
        margins: the limits that were asked for, and how far the net is from each.
        name: of the net, as it was given; empty for a net without a name.
    """

    findings: tuple[Finding, ...]
    ran: tuple[str, ...]
    margins: tuple[Margin, ...] = ()
    name: str = ""

    @property
    def passed(self) -> bool:
        """Nothing but notes was found."""
        return all(finding.level == NOTE for finding in self.findings)

    @property
    def rules(self) -> tuple[str, ...]:
        """Codes that a finding may have."""
        return (*self.ran, *LIMITS)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/check/2``."""
        return {
            "schema": SCHEMA,
            "net": self.name,
            "passed": self.passed,
            "ran": list(self.ran),
            "limits": [margin.to_json() for margin in self.margins],
            "findings": [finding.to_json() for finding in self.findings],
        }

    def to_sarif(self) -> dict[str, Any]:
        """The format in which code hosts take findings (SARIF 2.1.0, OASIS)."""
        return sarif([self])

    def __str__(self) -> str:
        kept = "; ".join(margin.text for margin in self.margins if margin.kept)
        last = [f"within the limits: {inert(kept)}"] if kept else []
        return "\n\n".join([*map(_text, _alike(self.findings)), "\n".join([*last, self.verdict])])

    @property
    def verdict(self) -> str:
        """One line: whether it passed, and how many findings of each level there are."""
        levels = [finding.level for finding in self.findings]
        counts = {level: levels.count(level) for level in LEVELS}
        found = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count)
        verdict = "passed" if self.passed else "failed"
        return f"{verdict}: {found or 'nothing found'} ({len(self.ran)} checks)"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return text_html(str(self))


def _alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings of one kind together, in the order of the first of each."""
    found: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        found.setdefault((finding.code, finding.level, finding.why), []).append(finding)
    return list(found.values())


def _text(findings: list[Finding]) -> str:
    """The first of some findings of one kind, and the layers of the others."""
    first, *others = str(findings[0]).split("\n")
    node = findings[0].node
    also = ", ".join(dict.fromkeys(one.node if one.node != node else one.what for one in findings[1:]))
    return "\n".join([first, *([inert(f"  also     {also}")] if also else []), *others])
