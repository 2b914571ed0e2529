"""A report about a net or a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.core.net import Net
from convscope.core.shape import to_text
from convscope.errors import WriteError
from convscope.frontends import read
from convscope.reporting.of_net import net_facts, net_sections
from convscope.reporting.page import Section, page
from convscope.view.save import replace

if TYPE_CHECKING:
    from convscope.training.run import Run

LARGEST = 5_000_000
"""A report is no larger [byte]; pictures are left out until it is not."""


@dataclass(frozen=True)
class Report:
    """A page; shows itself in a notebook.

    Attributes:
        title: of the page.
        subtitle: below it.
        facts: names and numbers that come first.
        sections: in their order.
    """

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def to_html(self) -> str:
        """The whole page."""
        return page(self.title, self.subtitle, self.facts, self.sections)

    def save(self, path: str | Path) -> Path:
        """Write the page.

        Raises:
            WriteError: the place cannot be written, or the page is larger than 5 MB.
        """
        path, made = Path(path), self.to_html().encode()
        if len(made) > LARGEST:
            raise WriteError(f"the report would have {len(made):,} bytes", expected=f"{LARGEST:,} at most")
        replace(path, made)
        return path

    def __str__(self) -> str:
        told = "\n".join(f"{name}: {value}" for name, value in self.facts)
        return f"{self.title}\n{self.subtitle}\n\n{told}\n\nsections: {', '.join(part.title for part in self.sections)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(part.to_html() for part in self.sections)
