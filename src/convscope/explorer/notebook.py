"""Which notebook shows the explorer, and whether a live widget works there."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
"""The type of what a notebook shows as a widget."""

CODE = ("VSCODE_PID", "VSCODE_CWD", "VSCODE_IPC_HOOK")
"""Variables of the environment of a kernel that VS Code has started."""


def has_widgets() -> bool:
    """Return whether the extra ``notebook`` is installed."""
    return "anywidget" in sys.modules or find_spec("anywidget") is not None


def is_live() -> bool:
    """Return whether a person sees the output in a notebook that has the parts of widgets at hand.

    A notebook that is run to be exported takes no input; what it holds must work without Python, which the page in its
    frame does. VS Code and Colab fetch the parts of widgets from elsewhere, and show nothing without a network.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kernel: Any = getattr(shell, "kernel", None)
    elsewhere = "google.colab" in sys.modules or any(name in os.environ for name in CODE)
    return bool(getattr(kernel, "_allow_stdin", False)) and not elsewhere


def view_of(widget: Any) -> dict[str, Any]:
    """Return what a notebook shows of a widget, beside other forms of the same."""
    shown = widget._repr_mimebundle_()
    bundle = shown[0] if isinstance(shown, tuple) else shown
    return {VIEW: bundle[VIEW]} if bundle and VIEW in bundle else {}
