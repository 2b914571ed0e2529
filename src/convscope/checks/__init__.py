"""Checks of a design: one file each; the docstring of a file is its documentation page.

``check`` runs all of them, with limits if requested, and can serve as a gate.
"""

from convscope.checks.gate import check
from convscope.checks.registry import CHECKS, LIMITS, PAGES, page
from convscope.checks.report import Report
from convscope.checks.sarif import sarif

__all__ = ["CHECKS", "LIMITS", "PAGES", "Report", "check", "page", "sarif"]
