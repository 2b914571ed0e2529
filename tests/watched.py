"""A page in a browser whose requests and complaints are kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Watched:
    """A page of the browser, what it asked for, and what it complained of."""

    page: Any
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    @property
    def foreign(self) -> list[str]:
        """What it asked for beside itself and what it made itself."""
        own = self.page.url.partition("#")[0]
        return [url for url in self.asked if url.partition("#")[0] != own and not url.startswith(("data:", "blob:"))]

    def busy(self, work: Callable[[], object]) -> float:
        """Do something; return how long the thread of the page computed meanwhile, whatever else runs [s]."""
        wire = self.page.context.new_cdp_session(self.page)
        wire.send("Performance.enable", {"timeDomain": "threadTicks"})

        def spent() -> float:
            found = {one["name"]: one["value"] for one in wire.send("Performance.getMetrics")["metrics"]}
            return float(found["TaskDuration"])

        before = spent()
        work()
        return spent() - before

    def serious(self) -> dict[str, str]:
        """What axe finds that keeps readers out."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright")
        found = axe.Axe().run(self.page).response["violations"]
        return {one["id"]: one["help"] for one in found if one["impact"] in {"serious", "critical"}}


Opened = Callable[..., Watched]
"""``opened(url, width=1280, height=900, scheme="light")``."""
