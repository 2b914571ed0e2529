"""Build the explorer's page with the package, so that every wheel, sdist and editable install has it."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from types import ModuleType

DENO = "deno>=2.9"  # 2.9: the first whose `bundle` this page was built with


class BuildPage(BuildHookInterface):  # type: ignore[type-arg] # its configuration is of no interest here
    """Build the page where it is missing or older than its sources."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for deno only where there is something to build."""
        return [] if self._page().is_built() else [DENO]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page; without it a distribution fails, and an editable install says how to build it later."""
        page = self._page()
        build_data["artifacts"].append("src/convscope/explorer/bundle/*")
        try:
            self.app.display_info(page.build())
        except page.CannotBuildError as error:
            if version != "editable":
                raise
            self.app.display_warning(f"The explorer's page is not built; scripts/page builds it. {error}")

    def _page(self) -> ModuleType:
        """Return the script that builds."""
        path = str(Path(self.root) / "scripts" / "page")
        loader = SourceFileLoader("page", path)
        made = module_from_spec(spec_from_loader("page", loader))  # type: ignore[arg-type] # a loader has a specification
        loader.exec_module(made)
        return made
