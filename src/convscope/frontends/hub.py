"""``hf:OWNER/NAME``: a run on the hub of Hugging Face, where ``huggingface_hub`` is installed.

Only the files of a run are fetched, none of which holds code. They stay in the folder of the hub's library, so a run
that was fetched once can be used offline.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import FieldError, ModelError
from convscope.extras import missing_module
from convscope.files import is_run
from convscope.inert import inert

if TYPE_CHECKING:
    from types import ModuleType

PREFIX = "hf:"

LIBRARY = "huggingface_hub"

CONFIG = "config.json"
"""The file that names the architecture of a model of timm or transformers."""

FETCHED = ("net.cnn", "recipe.toml", "data.json", "seal.json", "model.safetensors", "metrics.jsonl", "env.json", CONFIG)
"""The files that are fetched, if they exist."""

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_NAME = re.compile(f"{_PART}/{_PART}")


def is_name(source: object) -> bool:
    """Return whether a source names a run on the hub.

    >>> is_name("hf:me/digits"), is_name("runs/digits"), is_name(None)
    (True, False, False)
    """
    return isinstance(source, str) and source.startswith(PREFIX)


def repository(name: str) -> str:
    """Return the repository of a name.

    Raises:
        FieldError: it is not such a name.

    >>> repository("hf:me/digits")
    'me/digits'
    """
    found = name.removeprefix(PREFIX)
    if not is_name(name) or not _NAME.fullmatch(found) or ".." in found or "--" in found:
        raise FieldError(f'"{inert(name)[:100]}" names no repository', expected="hf:OWNER/NAME")
    return found


def library() -> ModuleType:
    """Return the library of the hub.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(LIBRARY)
    except ModuleNotFoundError:
        raise missing_module(LIBRARY) from None


def fetched(name: str) -> Path:
    """Fetch a run, as far as it is not here already, and return its folder.

    Args:
        name: ``hf:OWNER/NAME``.

    Raises:
        FieldError: it is not such a name.
        MissingExtraError: ``huggingface_hub`` is not installed.
        ModelError: the repository cannot be fetched, or holds no run.
    """
    found, hub = repository(name), library()
    folder = Path(import_module(f"{LIBRARY}.constants").HF_HOME, "convscope", found.replace("/", "--"))
    try:
        hub.snapshot_download(found, local_dir=folder, allow_patterns=list(FETCHED))
    except Exception as error:  # noqa: BLE001 -- the library of the hub may raise anything
        raise ModelError(f"{name} cannot be fetched: {told(error)}", attempt=REMEDY) from None
    if is_run(folder):
        return folder
    kind = _architecture(folder)
    raise ModelError(
        f"{name} holds no run of Convscope",
        expected="a repository that convscope push has filled",
        attempt=f"timm:hf-hub:{found}, if it is a model of timm" if kind else "",
    )


REMEDY = "check the name, the network and your login (hf auth login); what was fetched before can be used offline"


def told(error: BaseException) -> str:
    """Return the first line of an error of the library, or its kind."""
    lines = inert(str(error).strip().partition("\n")[0])
    return f"{type(error).__name__}: {lines[:200]}" if lines else type(error).__name__


def _architecture(folder: Path) -> bool:
    """Return whether the settings of the repository name an architecture, as those of timm do."""
    try:
        content: Any = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "architecture" in content
