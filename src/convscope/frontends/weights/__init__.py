"""Weights files: the content of a ``.safetensors``, ``.pt`` or ``.pth`` without reading its values or running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from convscope import files
from convscope.budget import question
from convscope.errors import ConvscopeError, ModelError
from convscope.frontends.kinds import refuse_foreign
from convscope.frontends.weights.archive import opened, program
from convscope.frontends.weights.header import header_rows
from convscope.frontends.weights.pickled import loaded
from convscope.frontends.weights.result import WeightFile, WeightRow, shown
from convscope.frontends.weights.tree import rows_of

if TYPE_CHECKING:
    from typing import BinaryIO

    from convscope.core.shape import Shape
    from convscope.frontends.given import Asked

__all__ = ["WeightFile", "WeightRow", "read_file", "read_weights"]

_OLD_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
"""The number at the beginning of files from torch before 1.6, within a pickle."""


def read_weights(path: str | Path) -> WeightFile:
    """Read names, shapes and dtypes of the tensors in a weights file, without loading torch or safetensors.

    Values are not read, nothing in the file is run, and the cost is limited.

    Args:
        path: path of a ``.safetensors`` file, or of a state_dict, or a dictionary of them, from ``torch.save``.

    Returns:
        One row for each tensor, shapes in the order of the file, sizes in bytes.

    Raises:
        ModelError: the file is damaged, has no tensors, or also has code: an entire model, TorchScript.
        LimitError: its description is larger than that of any model.

    >>> import json, tempfile
    >>> header = {"fc.weight": {"dtype": "F32", "shape": [10, 4], "data_offsets": [0, 160]}}
    >>> text = json.dumps(header).encode()
    >>> with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
    ...     _ = file.write(len(text).to_bytes(8, "little") + text + bytes(160))
    ...     file.flush()
    ...     print(read_weights(file.name).grid().to_text())
    name       shape  dtype    values  bytes
    fc.weight   10x4  float32      40  160 B
    """
    path = Path(path)
    refuse_foreign(path, (path.suffix.lower(),))
    try:
        with files.opened(path) as file, question():
            form, rows = _read(file)
    except ConvscopeError as error:
        raise error.add(subject=shown(path.name)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{shown(path.name)} cannot be read: {reason}") from None
    if not rows:
        raise ModelError(f"{shown(path.name)} contains no tensors", expected="a state_dict: names and tensors")
    return WeightFile(path.name, form, rows)


def read_file(path: Path, given: Asked | Shape | None = None) -> NoReturn:  # noqa: ARG001 -- as all readers of files
    """Refuse to read a net from a weights file.

    Raises:
        ModelError: always; for a good file, since it has no layers.
    """
    found = read_weights(path)
    raise ModelError(
        f"{shown(path.name)} contains {len(found.rows)} tensor{'s' if len(found.rows) != 1 else ''} but no layers",
        expected="a net: its notation, an ONNX or Keras file, or a PyTorch model",
        attempt=f"convscope table {shown(path.name)}, which lists the tensors; "
        "or the model itself: convscope table FILE.py:FUNCTION",
    )


def _read(file: BinaryIO) -> tuple[str, tuple[WeightRow, ...]]:
    """Return the format of an open file, recognised by its signature, and its tensors."""
    start = file.read(16)
    file.seek(0)
    if start[:4] == b"PK\x03\x04":
        archive = opened(file)
        return "torch", rows_of(loaded(archive.pickle, archive.storages))
    if start[8:9] == b"{":
        return "safetensors", header_rows(file)
    if start[:1] == b"\x80":
        raise _old(start)
    raise ModelError("the file is neither safetensors nor a PyTorch archive", expected="a file in one of these formats")


def _old(start: bytes) -> ModelError:
    """Return the error for a pickle outside an archive."""
    if _OLD_MAGIC not in start:
        return program("a bare pickle")
    return ModelError(
        "the file is a pickle from torch before 1.6, which mixes values with code",
        expected="an archive written by torch 1.6 or newer",
        attempt="torch.save(torch.load(FILE, weights_only=True), FILE)",
    )
