"""Every check, in the order of their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.checks import (
    cs001,
    cs002,
    cs003,
    cs004,
    cs005,
    cs006,
    cs007,
    cs008,
    cs009,
    cs010,
    cs011,
    cs012,
    cs013,
    cs014,
    cs015,
    cs101,
    cs102,
    cs103,
    cs104,
    cs105,
    cs106,
)
from convscope.docstrings import documentation
from convscope.errors import unknown

if TYPE_CHECKING:
    from types import ModuleType

CHECKS: dict[str, ModuleType] = {
    "CS001": cs001,  # pixels never read
    "CS002": cs002,  # multiply-adds on padding
    "CS003": cs003,  # layers that cannot see more
    "CS004": cs004,  # field smaller than the object
    "CS005": cs005,  # relu on the logits
    "CS006": cs006,  # stride as large as the kernel
    "CS007": cs007,  # bias before a norm
    "CS008": cs008,  # parameter surge after a pooling
    "CS009": cs009,  # dense layer with most parameters
    "CS010": cs010,  # misaligned paths
    "CS011": cs011,  # checkerboard
    "CS012": cs012,  # 1x1 with a stride
    "CS013": cs013,  # dead branches
    "CS014": cs014,  # groups that never mix
    "CS015": cs015,  # gridding
}


LIMITS: dict[str, ModuleType] = {
    "CS101": cs101,  # parameters
    "CS102": cs102,  # multiply-adds
    "CS103": cs103,  # memory
    "CS104": cs104,  # receptive field
    "CS105": cs105,  # bytes of weights
    "CS106": cs106,  # bytes of activations
}
"""Every limit; each is checked only if it is set."""

PAGES = {**CHECKS, **LIMITS}
"""Every code that a finding may have."""


def title(code: str) -> str:
    """Return the first line of a check's page."""
    return documentation(PAGES[code]).splitlines()[0].rstrip(".")


def page(code: str) -> str:
    """Return the documentation page of a check as Markdown.

    Raises:
        UnknownNameError: there is no such check.
    """
    if code not in PAGES:
        raise unknown("check", code, PAGES)
    text = documentation(PAGES[code]).split("\n", 1)[1].strip()
    return f"# {code}: {title(code)}\n\n{text}"
