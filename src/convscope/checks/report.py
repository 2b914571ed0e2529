"""The report of a check, as text, plain data and SARIF."""

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
    """The result of :func:`convscope.check`; prints itself.

    Attributes:
        findings: errors, then warnings, then notes, each in the order of their codes.
        ran: codes of the checks that ran.
        margins: the requested limits, with the margin to each.
        name: name of the net as it was given; empty for a net without a name.
    """

    findings: tuple[Finding, ...]
    ran: tuple[str, ...]
    margins: tuple[Margin, ...] = ()
    name: str = ""

    @property
    def passed(self) -> bool:
        """Whether there is no finding but notes."""
        return all(finding.level == NOTE for finding in self.findings)

    @property
    def rules(self) -> tuple[str, ...]:
        """The codes of findings."""
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
        """Return findings in the format of code hosts (SARIF 2.1.0, OASIS)."""
        return sarif([self])

    def __str__(self) -> str:
        kept = "; ".join(margin.text for margin in self.margins if margin.kept)
        last = [f"within the limits: {inert(kept)}"] if kept else []
        return "\n\n".join([*map(_text, _alike(self.findings)), "\n".join([*last, self.verdict])])

    @property
    def verdict(self) -> str:
        """Summarise in one line whether it passed, and the number of findings of each level."""
        levels = [finding.level for finding in self.findings]
        counts = {level: levels.count(level) for level in LEVELS}
        found = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count)
        verdict = "passed" if self.passed else "failed"
        return f"{verdict}: {found or 'nothing found'} ({len(self.ran)} checks)"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return text_html(str(self))


def _alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Group findings of one kind, in the order of the first of each."""
    found: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        found.setdefault((finding.code, finding.level, finding.why), []).append(finding)
    return list(found.values())


def _text(findings: list[Finding]) -> str:
    """Describe the first of several findings of one kind, and name the layers of the others."""
    first, *others = str(findings[0]).split("\n")
    node = findings[0].node
    also = ", ".join(dict.fromkeys(one.node if one.node != node else one.what for one in findings[1:]))
    return "\n".join([first, *([inert(f"  also     {also}")] if also else []), *others])
