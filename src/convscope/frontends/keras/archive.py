"""Keras files: the configuration of a ``.keras`` archive or an old ``.h5`` file, as plain data.

Nothing in the file is run, and no object is created from it. Sizes are checked before anything is read, so that a file
cannot request more memory than a large model needs.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from convscope import files
from convscope.budget import about, allow, hold, spend
from convscope.errors import ModelError
from convscope.frontends.careful import Careful
from convscope.frontends.keras.hdf5 import SIGNATURE, attribute
from convscope.frontends.keras.settings import shown
from convscope.frontends.keras.spec import is_model
from convscope.frontends.keras.weights import FAULTS, WEIGHTS, ArchiveStore, LegacyStore, NoStore

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.frontends.keras.weights import Store

MAX_CONFIG = 16 * 2**20
"""Limit for a configuration; that of the largest Keras application has a million bytes."""

WORTH = 2 * 2**20
"""Bytes of a configuration that extend the allowance; one of five thousand layers has as many."""

_LETTERS, _PART = 40, 0.4
"""Characters of a configuration that are parsed in one step, and steps for each list, group or value."""

_BYTES = {b"{": 200, b"[": 80, b",": 64}
"""Memory of a parsed group, list and value, besides their characters [byte]."""

MAX_DEPTH = 200
"""The deepest nesting of lists."""

_CHUNK = 2**16

_ZIP = b"PK"


@dataclass(frozen=True)
class Source:
    """The content of a file.

    Attributes:
        config: of the model.
        old: written by Keras 1 or 2.
        store: gives the weights.
        weights: whether there are weights that can be loaded.
        like: nested outputs of a live model.
    """

    config: dict[str, Any]
    old: bool
    store: Store
    weights: bool
    like: Any = None


def load(path: Path) -> Source:
    """Read the configuration of a file.

    Raises:
        ModelError: it is not a Keras file, is damaged, or requests too much.
    """
    try:
        with files.opened(path) as file:
            start = file.read(8)
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror}") from None
    if start == SIGNATURE:
        return _legacy(path)
    if start[:2] == _ZIP:
        return _archive(path)
    raise ModelError(f"{path.name} is not a Keras file", expected="an archive made by model.save, or an .h5 file")


def _archive(path: Path) -> Source:
    try:
        with Careful(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_names(members)
            names = {one.filename for one in members}
            text = _member(archive, "config.json", MAX_CONFIG)
            about = _member(archive, "metadata.json", _CHUNK) if "metadata.json" in names else b"{}"
    except FAULTS as error:
        raise ModelError(f"the archive is damaged: {error}") from None
    version = parsed(about).get("keras_version")
    found = WEIGHTS in names and find_spec("h5py") is not None
    return Source(_model(parsed(text)), _old(version), ArchiveStore(path) if found else NoStore(), found)


def _check_names(members: list[zipfile.ZipInfo]) -> None:
    for one in members:
        parts = one.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in parts[0]:
            raise ModelError("the archive names a file outside itself", expected="relative names, such as config.json")


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Read a member of an archive in small parts, so that its claimed size does not matter."""
    if name not in archive.namelist():
        raise ModelError(f"the archive does not contain {name}", expected="an archive made by model.save")
    info = archive.getinfo(name)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ModelError(f"{name} uses a compression method that Keras does not use")
    if info.file_size > most:
        raise ModelError(f"{name} has {info.file_size:,} bytes", expected=f"at most {most:,} bytes")
    allow(size=min(info.compress_size, WORTH))
    found = bytearray()
    with archive.open(info) as file:
        while part := file.read(_CHUNK):
            found += part
            if len(found) > most:
                raise ModelError(f"{name} has more bytes than the archive states")
    return bytes(found)


def _legacy(path: Path) -> Source:
    text = attribute(path, "model_config", MAX_CONFIG)
    allow(size=min(len(text or b""), WORTH))
    if text is None:
        raise ModelError(
            "the file does not contain a model",
            expected="a file made by model.save; a file of weights alone does not describe the layers",
        )
    found = find_spec("h5py") is not None
    old = _old(attribute(path, "keras_version", _CHUNK))
    return Source(_model(parsed(text)), old, LegacyStore(path) if found else NoStore(), found)


def _old(version: bytes | str | None) -> bool:
    text = version.decode(errors="replace") if isinstance(version, bytes) else version
    return isinstance(text, str) and text[:2] in {"1.", "2."}


def _model(found: dict[str, Any]) -> dict[str, Any]:
    kind = found.get("class_name")
    if isinstance(kind, str) and is_model(found):
        return found
    home = str(found.get("module") or found.get("registered_name") or "keras")
    if isinstance(kind, str) and home.partition(".")[0] != "keras":
        raise ModelError(
            f"{shown(kind)} defines its layers in code, which is not in the file",
            expected="the live model: load it with keras.models.load_model(path, custom_objects=…) and read that",
        )
    raise ModelError("the configuration does not describe a model", expected="a class_name, and a config with layers")


def parsed(raw: bytes) -> dict[str, Any]:
    """Parse a configuration as plain data.

    Raises:
        ModelError: it is not JSON, not a dictionary, or larger than that of any model.
        LimitError: it is small in the file but large once parsed.
    """
    if len(raw) > MAX_CONFIG:
        raise ModelError(f"the configuration has {len(raw):,} bytes", expected=f"at most {MAX_CONFIG:,} bytes")
    parts = {mark: raw.count(mark) for mark in _BYTES}
    with about(f"the configuration, {len(raw):,} bytes with {sum(parts.values()):,} parts"):
        spend(len(raw) / _LETTERS + _PART * sum(parts.values()))
        hold(2 * len(raw) + sum(_BYTES[mark] * count for mark, count in parts.items()))
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ModelError(f"the configuration is damaged: {what}") from None
    if not isinstance(found, dict) or _depth(found) > MAX_DEPTH:
        raise ModelError(
            "the configuration does not describe a model", expected="a dictionary that is not nested too deeply"
        )
    return found


def _depth(found: object) -> int:
    """Return the nesting depth of lists and groups."""
    level, depth = [found], 0
    while level:
        inside = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [child for one in inside for child in one if isinstance(child, dict | list)]
        depth += 1
    return depth
