"""Checks of a design: one file each; the docstring of a file is its documentation page.

``check`` runs all of them, with limits if asked, so that it can stand as a gate.
"""

from convscope.checks.gate import LIMITS, Report, check
from convscope.checks.registry import CHECKS, page

__all__ = ["CHECKS", "LIMITS", "Report", "check", "page"]
