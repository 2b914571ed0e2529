"""Convscope: a workbench for convolutional networks.

The public names are loaded on first use; importing this package loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convscope.version import __version__

if TYPE_CHECKING:
    from convscope.analyze.compare import compare
    from convscope.analyze.depth import depth
    from convscope.analyze.effective import effective
    from convscope.analyze.memory import memory
    from convscope.analyze.support import support
    from convscope.budget import raise_limits
    from convscope.checks import check
    from convscope.core.net import Net
    from convscope.diagram.draw import draw
    from convscope.errors import ConvscopeError
    from convscope.explorer.explore import explore
    from convscope.frontends import read
    from convscope.lens.activations import activations
    from convscope.lens.filters import filtered as filter  # noqa: A004 -- the verb of this package
    from convscope.lens.look import look
    from convscope.reporting.report import report
    from convscope.training.evaluate_net import evaluate
    from convscope.training.export import export
    from convscope.training.find_lr import find_lr
    from convscope.training.logs import Log
    from convscope.training.predict import predict
    from convscope.training.push import push
    from convscope.training.run import Run
    from convscope.training.run import load as load_run
    from convscope.training.train import repeat, resume, train
    from convscope.verification import verify
    from convscope.writers import write

_HOMES = {
    "ConvscopeError": ("convscope.errors", "ConvscopeError"),
    "Log": ("convscope.training.logs", "Log"),
    "Net": ("convscope.core.net", "Net"),
    "Run": ("convscope.training.run", "Run"),
    "activations": ("convscope.lens.activations", "activations"),
    "check": ("convscope.checks", "check"),
    "compare": ("convscope.analyze.compare", "compare"),
    "depth": ("convscope.analyze.depth", "depth"),
    "draw": ("convscope.diagram.draw", "draw"),
    "effective": ("convscope.analyze.effective", "effective"),
    "evaluate": ("convscope.training.evaluate_net", "evaluate"),
    "explore": ("convscope.explorer.explore", "explore"),
    "export": ("convscope.training.export", "export"),
    "filter": ("convscope.lens.filters", "filtered"),
    "find_lr": ("convscope.training.find_lr", "find_lr"),
    "load_run": ("convscope.training.run", "load"),
    "look": ("convscope.lens.look", "look"),
    "memory": ("convscope.analyze.memory", "memory"),
    "predict": ("convscope.training.predict", "predict"),
    "push": ("convscope.training.push", "push"),
    "raise_limits": ("convscope.budget", "raise_limits"),
    "read": ("convscope.frontends", "read"),
    "repeat": ("convscope.training.train", "repeat"),
    "report": ("convscope.reporting.report", "report"),
    "resume": ("convscope.training.train", "resume"),
    "support": ("convscope.analyze.support", "support"),
    "train": ("convscope.training.train", "train"),
    "verify": ("convscope.verification", "verify"),
    "write": ("convscope.writers", "write"),
}
"""The module of each public name, and the name there."""

__all__ = [
    "ConvscopeError",
    "Log",
    "Net",
    "Run",
    "__version__",
    "activations",
    "check",
    "compare",
    "depth",
    "draw",
    "effective",
    "evaluate",
    "explore",
    "export",
    "filter",
    "find_lr",
    "load_run",
    "look",
    "memory",
    "predict",
    "push",
    "raise_limits",
    "read",
    "repeat",
    "report",
    "resume",
    "support",
    "train",
    "verify",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'convscope' has no attribute {name!r}")
    from convscope.border import checked

    module, attribute = _HOMES[name]
    try:
        found = getattr(import_module(module), attribute)
        return found if isinstance(found, type) else checked(found)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("convscope"):
            raise
        from convscope.extras import missing_module

        raise missing_module(str(error.name)) from None


def __dir__() -> list[str]:
    return sorted(__all__)
