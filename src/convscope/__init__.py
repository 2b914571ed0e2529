"""Convscope: a workbench for convolutional networks.

The public names, sorted, loaded when first used: importing this package loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convscope.version import __version__

if TYPE_CHECKING:
    from convscope.core.net import Net
    from convscope.errors import ConvscopeError
    from convscope.frontends import read

_HOMES = {
    "ConvscopeError": "convscope.errors",
    "Net": "convscope.core.net",
    "read": "convscope.frontends",
}

__all__ = ["ConvscopeError", "Net", "__version__", "read"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'convscope' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
