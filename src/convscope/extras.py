"""Commands that install a missing package for the interpreter that runs us.

A hint must work when it is pasted. So it names this interpreter and not the first ``pip``, names a package of an index
or the checkout from which Convscope was installed, and never leads to another build of torch.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Any

from convscope.errors import MissingExtraError

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, if this file is in one."""

RELEASES_APART = 15
"""The difference between the minor versions of torchvision and torch: torchvision 0.28 belongs to torch 2.13."""

ZOO = ("huggingface_hub", "pyyaml")
"""Packages that timm imports in addition to torch and torchvision."""


EXTRAS = {
    "PIL": "look",
    "resvg_py": "look",
    "torch": "train",
    "safetensors": "train",
    "filelock": "train",
    "psutil": "train",
    "scipy": "train",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "keras": "keras",
    "h5py": "keras",
    "tensorboard": "tensorboard",
    "huggingface_hub": "hub",
    "pandas": "data",
    "datasets": "data",
    "pyarrow": "data",
    "sklearn": "data",
    "starlette": "explore",
    "uvicorn": "explore",
    "anywidget": "notebook",
    "convscope_mnist": "mnist",
}
"""Return the extra that provides a module."""


def missing_extra(subject: str, extra: str = "train") -> MissingExtraError:
    """Return the error for something that one of our extras provides."""
    return MissingExtraError(f"{subject} is not installed", attempt=pip(extra))


def missing_module(name: str, *, needs: str = "") -> MissingExtraError:
    """Return the error for a missing module, which names the extra that provides it or the package itself.

    Args:
        name: as it is imported.
        needs: the package that the user requested, if that imports it.

    >>> missing_module("PIL.Image").what
    'PIL is not installed'
    """
    head = name.partition(".")[0]
    asked = needs or head
    if asked in {"torchvision", "timm"} and head not in EXTRAS:
        return MissingExtraError(f"{head} is not installed", attempt=_zoo(asked))
    if needs == "keras" and head != "keras":
        return MissingExtraError(f"{head}, the back end of Keras, is not installed", attempt=pip("train"))
    if head in EXTRAS:
        return missing_extra(head, EXTRAS[head])
    return MissingExtraError(f"{head} is not installed", attempt=f"{_pip()} {head}")


def pip(extra: str) -> str:
    """Return the command that adds an extra to this installation.

    >>> pip("look").endswith(("[look]'", '[look]"'))
    True
    """
    if not (ROOT / "pyproject.toml").is_file():
        return f"{_pip()} {_wanted(extra)}"
    data = ROOT / "packages" / f"convscope-{extra}"
    if data.is_dir():
        return f"{_pip()} {quote(_near(data))}"
    pins = ROOT / "constraints.txt"  # keep the same build of torch
    pinned = f"-c {quote(_near(pins, bare=True))} " if pins.is_file() else ""
    return f'{_pip()} {pinned}-e "{_near(ROOT)}[{extra}]"'


def _wanted(extra: str) -> str:
    """Return the requirement of an installed Convscope: its name if it came from an index, otherwise its origin."""
    name = f"convscope[{extra}]"
    try:
        came: dict[str, Any] = json.loads(distribution("convscope").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, OSError, ValueError):
        came = {}
    url = came.get("url", "")
    if url and (kept := came.get("vcs_info")):
        url = f"{kept['vcs']}+{url}@{kept['commit_id']}"
    return f'"{name} @ {url}"' if url else f'"{name}"'


def _zoo(name: str) -> str:
    """Return the command for a package of models without its requirements, which would replace torch."""
    vision = "torchvision"
    try:
        major, minor = version("torch").split(".")[:2]
    except PackageNotFoundError:
        return pip("train")
    if major == "2" and minor.isdigit():
        vision = f"torchvision==0.{int(minor) + RELEASES_APART}.*"
    alone = f'{_pip()} --no-deps "{vision}"'
    return alone if name == "torchvision" else f"{_pip()} {' '.join(ZOO)} && {alone} timm"


def _pip() -> str:
    """Return ``pip`` of the interpreter that runs us."""
    own = sys.executable or "python"
    found = which("python")
    short = found and Path(found).absolute() == Path(own).absolute()
    return f"{'python' if short else _quoted(_near(Path(own), bare=True))} -m pip install"


def _quoted(path: str) -> str:
    return f'& "{path}"' if os.name == "nt" and " " in path else path if os.name == "nt" else quote(path)


def _near(path: Path, *, bare: bool = False) -> str:
    """Return the shortest form of a path: relative below the working folder, otherwise absolute."""
    try:
        below = path.absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return str(path)
    return below if bare or below == "." else f"./{below}"
