"""The content of a weights file: names, shapes, dtypes, without values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from convscope.core.shape import joined
from convscope.errors import ModelError
from convscope.inert import inert
from convscope.view.numbers import bytes_text, count_text
from convscope.view.parts import Column, Grid, Stack, text_html

SCHEMA = "convscope/weights/2"

ROW = 500
"""Memory for each tensor of a file [byte]."""

MAX_NAME, MAX_AXES = 300, 64

BITS = {
    "bool": 8, "uint8": 8, "int8": 8, "uint16": 16, "int16": 16, "uint32": 32, "int32": 32, "uint64": 64, "int64": 64,
    "float16": 16, "bfloat16": 16, "float32": 32, "float64": 64, "complex32": 32, "complex64": 64, "complex128": 128,
    "float8_e4m3fn": 8, "float8_e4m3fnuz": 8, "float8_e5m2": 8, "float8_e5m2fnuz": 8, "float8_e8m0fnu": 8,
    "float6_e2m3": 6, "float6_e3m2": 6, "float4": 4,
    "qint8": 8, "quint8": 8, "qint32": 32, "quint4x2": 4, "quint2x4": 2,
}  # fmt: skip
"""Bits of a value by dtype; 8 make a byte."""

COLUMNS = (
    Column("name", widest=80), Column("shape", right=True), Column("dtype"), Column("values", right=True),
    Column("bytes", right=True), Column("same as"),
)  # fmt: skip


@dataclass(frozen=True)
class WeightRow:
    """A tensor of a file.

    Attributes:
        name: name in the file; with dots between the keys of nested dictionaries.
        shape: shape in the order of the file, for a convolution ``out in h w``.
        dtype: dtype of its values.
        bytes: size of its values [byte].
        same_as: for tied weights, name of the earlier tensor of which this is another name; otherwise empty.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    same_as: str = ""

    @property
    def count(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        shape = joined(self.shape) or "scalar"
        return self.name, shape, self.dtype, f"{self.count:,}", bytes_text(self.bytes), self.same_as

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        same = {"same_as": self.same_as} if self.same_as else {}
        shape = list(self.shape)
        return {
            "name": self.name, "shape": shape, "dtype": self.dtype, "values": self.count, "bytes": self.bytes, **same
        }  # fmt: skip


def row(name: str, shape: tuple[int, ...], dtype: str, *, stored: int | None = None, same_as: str = "") -> WeightRow:
    """Make a tensor, after checking the claims of a file.

    Args:
        name: name of the tensor.
        shape: shape of the tensor.
        dtype: dtype of its values.
        stored: bytes that the file has for it, where numbers may stand for several; None when each is there.
        same_as: an earlier name of the tensor.

    Raises:
        ModelError: the name, shape or dtype is invalid.

    >>> row("conv.weight", (16, 3, 3, 3), "float16").bytes
    864
    """
    if len(name) > MAX_NAME:
        raise ModelError(f"a name has {len(name):,} characters", expected=f"at most {MAX_NAME:,}")
    if inert(name) != name:
        raise ModelError(f"a name has an invisible character: {shown(name)}", expected="names of printable characters")
    if len(shape) > MAX_AXES or math.prod(shape) >= 2**63:
        raise ModelError(
            f"{name} has {len(shape)} axes and too many values",
            expected="at most 64 axes, and fewer than 2^63 values",
        )
    if dtype not in BITS:
        raise ModelError(f"{name} has the unknown dtype {shown(dtype)}", expected=f"one of {', '.join(BITS)}")
    bits = math.prod(shape) * BITS[dtype]
    if bits % 8:
        raise ModelError(f"{name} does not end at a byte: it has {math.prod(shape):,} values of {BITS[dtype]} bits")
    return WeightRow(name, shape, dtype, bits // 8 if stored is None else min(stored, bits // 8), same_as)


def shown(text: str) -> str:
    r"""Return a text from a file, safe to print.

    >>> shown("conv"), shown("a\x1b[2J")
    ('conv', 'a\\x1b[2J')
    """
    return inert(text if len(text) <= 80 else f"{text[:79]}…")


@dataclass(frozen=True)
class WeightFile:
    """The result of :func:`convscope.frontends.weights.read_weights`; prints itself.

    Attributes:
        path: of the file.
        form: ``safetensors`` or ``torch``.
        rows: one for each tensor, in the order of the file.
    """

    path: str
    form: str
    rows: tuple[WeightRow, ...]

    @property
    def total(self) -> int:
        """The number of values in all tensors; tied tensors count once."""
        return sum(row.count for row in self.rows if not row.same_as)

    @property
    def bytes(self) -> int:
        """The size of all tensors; tied tensors count once [byte]."""
        return sum(row.bytes for row in self.rows if not row.same_as)

    def grid(self) -> Grid:
        """Return the rows as text; the last column is present only with tied tensors."""
        used = len(COLUMNS) if any(row.same_as for row in self.rows) else len(COLUMNS) - 1
        return Grid(COLUMNS[:used], tuple(row.cells()[:used] for row in self.rows))

    def note(self) -> str:
        """Return the totals in one line."""
        tensors = f"{len(self.rows)} tensor{'s' if len(self.rows) != 1 else ''}"
        short = f" ({count_text(self.total)})" if self.total >= 1000 else ""
        return f"{shown(self.path)} · {self.form} · {tensors} · {self.total:,} values{short} · {bytes_text(self.bytes)}"

    def stack(self) -> Stack:
        """Return aligned columns, with the totals below."""
        return Stack((self.grid(), "", self.note()))

    def to_text(self, width: int | None = None) -> str:
        """Return text for a terminal, of a width if given."""
        return self.stack().to_text(width)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/weights/2``."""
        return {
            "schema": SCHEMA,
            "file": self.path,
            "form": self.form,
            "values": self.total,
            "bytes": self.bytes,
            "rows": [row.to_json() for row in self.rows],
        }

    def __str__(self) -> str:
        return self.to_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.grid().to_html(self.note()) if self.rows else text_html(self.note())
