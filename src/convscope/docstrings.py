"""Docstrings that are shown to users: pages of checks and help of commands. ``python -OO`` drops them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any


def documentation(thing: Any) -> str:
    """Return the docstring of a module or function without indentation, from the source if Python dropped it.

    >>> documentation(documentation).split(",")[0]
    'Return the docstring of a module or function without indentation'
    """
    if thing.__doc__ is not None:
        return inspect.cleandoc(thing.__doc__)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, SyntaxError):  # the source is not available
        return ""
    found = tree if inspect.ismodule(thing) else tree.body[0]
    return ast.get_docstring(found) or ""  # type: ignore[arg-type]
