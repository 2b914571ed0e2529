"""Keras itself, on a back end that is here: for who makes a model by its name, or from the code that we wrote."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from convscope.extras import missing_module


def installed(module: str = "keras") -> Any:
    """A module of Keras.

    Raises:
        MissingExtraError: Keras, or what it computes with, is not installed.
    """
    _choose_backend()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise missing_module(str(error.name), needs="keras") from None


def _choose_backend() -> None:
    """Let Keras use an installed back end if the user chose none and the default is not installed."""
    if "keras" in sys.modules or "KERAS_BACKEND" in os.environ:
        return
    try:
        settings = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
        backend = json.loads(settings.read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, LookupError, TypeError, RuntimeError):  # missing or damaged: like Keras
        backend = "tensorflow"
    found = [one for one in (backend, "torch", "jax") if importlib.util.find_spec(one)]
    if found:
        os.environ["KERAS_BACKEND"] = found[0]
