"""Findings in the format of code hosts: SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from convscope.checks.registry import page, title
from convscope.inert import inert
from convscope.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convscope.checks.finding import Finding
    from convscope.checks.report import Report

HOME = "https://github.com/convscope/convscope"
PAGES = f"{HOME}/blob/main/docs/reference/checks"


def sarif(reports: Sequence[Report]) -> dict[str, Any]:
    """Return the findings of some reports as one run."""
    codes = dict.fromkeys(code for report in reports for code in report.rules)
    driver = {
        "name": "convscope",
        "version": __version__,
        "informationUri": HOME,
        "rules": [_rule(code) for code in codes],
    }
    results = [_result(one, report.name) for report in reports for one in report.findings]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _rule(code: str) -> dict[str, Any]:
    text = page(code)
    return {
        "id": code,
        "shortDescription": {"text": title(code)},
        "help": {"text": text, "markdown": text},
        "helpUri": f"{PAGES}/{code}.md",
    }


def _result(finding: Finding, name: str) -> dict[str, Any]:
    parts = (f"{finding.node + ': ' if finding.node else ''}{finding.what}", finding.why, finding.do, finding.change)
    origin = finding.origin
    file = origin.source if origin and not origin.source.startswith("<") else _file(name)
    region = {"startLine": origin.line, "startColumn": origin.column} if origin else {"startLine": 1}
    return {
        "ruleId": finding.code,
        "level": finding.level,
        "message": {"text": inert(_sentences(parts)).replace("](", "]\\(")},  # no link
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": quote(os.fsencode(file))}, "region": region}}],
    }


def _sentences(parts: Iterable[str]) -> str:
    return " ".join(f"{part}." for part in parts if part)


def _file(name: str) -> str:
    """Return the file from which a net was read; a name of our own for a net without a file."""
    head, mark, _ = name.rpartition(":")
    found = head if mark and head.endswith(".py") else name
    return found if Path(found).is_file() else "net.cnn"
