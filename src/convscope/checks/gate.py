"""All checks on a net, and limits that a design must keep: a gate for continuous integration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from convscope.analyze.lines import image_of
from convscope.analyze.memory import memory
from convscope.budget import question
from convscope.checks.finding import ERROR, LEVELS, NOTE, Facts, Finding
from convscope.checks.registry import CHECKS, title
from convscope.core.shape import joined
from convscope.core.source import net_of
from convscope.errors import FieldError, unknown
from convscope.inert import inert
from convscope.version import __version__
from convscope.view.numbers import bytes_text
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convscope.core.net import Net

LIMITS = {
    "params": "CS101",
    "macs": "CS102",
    "memory": "CS103",
    "rf": "CS104",
}
"""What a limit is about, and the code of its finding."""


@dataclass(frozen=True)
class Report:
    """What :func:`check` returns; prints itself.

    Attributes:
        findings: errors first, then warnings, then notes; each in the order of the codes.
        ran: codes of the checks that ran.
    """

    findings: tuple[Finding, ...]
    ran: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Nothing but notes was found."""
        return all(finding.level == NOTE for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/check/1``."""
        return {
            "schema": "convscope/check/1",
            "passed": self.passed,
            "ran": list(self.ran),
            "findings": [finding.to_json() for finding in self.findings],
        }

    def to_sarif(self) -> dict[str, Any]:
        """The format in which code hosts take findings (SARIF 2.1.0, OASIS)."""
        rules = [{"id": code, "shortDescription": {"text": title(code)}} for code in self.ran]
        rules += [{"id": code, "shortDescription": {"text": f"limit on {name}"}} for name, code in LIMITS.items()]
        return {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": {"name": "convscope", "version": __version__, "rules": rules}},
                    "results": [_sarif(finding) for finding in self.findings],
                }
            ],
        }

    def __str__(self) -> str:
        levels = [finding.level for finding in self.findings]
        counts = {level: levels.count(level) for level in LEVELS}
        told = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count)
        return "\n\n".join([*map(str, self.findings), f"{told or 'nothing found'} ({len(self.ran)} checks)"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return text_html(str(self))


def _sarif(finding: Finding) -> dict[str, Any]:
    text = f"{finding.node + ': ' if finding.node else ''}{finding.what}. {finding.why}. {finding.do}. {finding.change}"
    origin = finding.origin
    file = origin.source if origin and not origin.source.startswith("<") else "net.cnn"
    region = {"startLine": origin.line, "startColumn": origin.column} if origin else {"startLine": 1}
    return {
        "ruleId": finding.code,
        "level": finding.level,
        "message": {"text": inert(text.strip()).replace("](", "]\\(")},  # no link
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": quote(os.fsencode(file))}, "region": region}}],
    }


def check(  # noqa: PLR0913 -- one argument for each limit
    net: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    object_size: int | tuple[int, ...] | None = None,
    max_params: int | None = None,
    max_macs: int | None = None,
    max_memory: int | None = None,
    min_rf: int | None = None,
    ignore: Sequence[str] = (),
) -> Report:
    """Run all checks on a net.

    Args:
        net: a net, or what :func:`convscope.read` takes.
        input: size of the input, where ``net`` does not state it.
        object_size: height and width of the objects that must be seen whole [pixel].
        max_params: the most parameters.
        max_macs: the most multiply-adds for one sample [MAC].
        max_memory: the most bytes of weights and activations in inference, float32, one sample [byte].
        min_rf: the least field of the last layer that keeps its place [pixel].
        ignore: codes to leave out.

    Raises:
        UnknownNameError: a code to ignore is none.
        FieldError: the object has another number of axes than the image.

    >>> [f.code for f in check("input 9x9x1, conv 4 3x3 bn relu, gap, linear 3, relu").findings]
    ['CS005', 'CS007']
    """
    for code in ignore:
        if code not in CHECKS:
            raise unknown("check", code, CHECKS)
    known = net_of(net, input)
    wanted = _object(known, object_size)
    with question(layers=len(known)):
        facts = Facts.of(known, wanted)
        ran = tuple(code for code in CHECKS if code not in ignore)
        found = [*_limits(facts, max_params, max_macs, max_memory, min_rf)]
        found += [finding for code in ran for finding in CHECKS[code].check(facts)]
    return Report(tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level))), ran)


def _object(net: Net, size: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The size of the objects, one number for each axis of the image.

    Raises:
        FieldError: it has another number of axes than the image, or one of length 0.
    """
    if size is None:
        return None
    rank = len(image_of(net).shape) - 1
    wanted = (size,) if isinstance(size, int) else tuple(size)
    if min(wanted, default=0) < 1:
        raise FieldError(f"an object of {joined(wanted)}", expected="at least 1 along every axis")
    if len(wanted) not in {1, rank}:
        raise FieldError(f"an object of {joined(wanted)} in an image with {rank} axes")
    return wanted * rank if len(wanted) == 1 else wanted


def _limits(
    facts: Facts, params: int | None, macs: int | None, max_memory: int | None, min_rf: int | None
) -> Iterator[Finding]:
    """Findings for limits that are broken. A lower bound beyond a limit breaks it; one below it cannot tell."""
    table = facts.table
    for name, limit, total in (("params", params, table.params), ("macs", macs, table.macs)):
        if limit is not None and (total.value > limit or not total.exact):
            bound = "" if total.exact else f"at least (unknown: {', '.join(total.missing)}) "
            over = f"{total.value - limit:,} too many" if total.value > limit else "the unknown part decides"
            yield _over(name, f"{bound}{total.value:,} {name}", f"{limit:,}", over)
    if max_memory is not None:
        need = memory(facts.net)
        if need.inference > max_memory or need.missing:
            bound = f"at least (unknown: {', '.join(need.missing)}) " if need.missing else ""
            over = f"{bytes_text(max(0, need.inference - max_memory))} too many, the most of it at {need.peak.node}"
            yield _over("memory", f"{bound}{bytes_text(need.inference)} in inference", bytes_text(max_memory), over)
    if min_rf is not None:
        sizes = [axis.size for axis in facts.placed.field] if facts.placed else []
        sure = facts.placed is not None and all(axis.exact or axis.seams for axis in facts.placed.field)
        if not sure or min(sizes) < min_rf:
            bound = "" if sure else "at most "
            seen = f"a field of {bound}{joined(sizes)}" if sizes else "no layer that keeps its place"
            yield _over("rf", seen, f"at least {min_rf}", f"{max(0, min_rf - min(sizes, default=0))} pixels too few")


def _over(name: str, what: str, limit: str, change: str) -> Finding:
    return Finding(LIMITS[name], "", f"{what}, the limit is {limit}", "the limit was set for this design",
                   "see where it goes: convscope table", change, ERROR)  # fmt: skip
