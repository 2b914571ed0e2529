"""The tensors of a Keras layer as floats of a net, whether stored quantised, in half precision or with LoRA.

Quantised kernels are integers of 8 bits, or two of 4 bits in a byte, with a scale for each output channel: the kernel
is ``q / scale``. With a zero point for each group of rows, it is ``(q - zero) * scale``. The tensors of a net are
floats. LoRA (arXiv 2106.09685) adds ``alpha / rank * a @ b`` to a kernel that is frozen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.op import FLOAT32
from convscope.core.shape import MAX_INT
from convscope.errors import ModelError
from convscope.frontends.keras.settings import whole
from convscope.frontends.tensors.values import Const, Root

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from convscope.frontends.keras.settings import Settings
    from convscope.frontends.keras.spec import Owner
    from convscope.frontends.keras.weights import Store

    Numbers = NDArray[Any]
    Spread = Callable[[Numbers, tuple[int, ...]], Numbers]
    _Sizes = dict[str, tuple[tuple[int, ...], str]]

HELD = ("kernel", "embeddings")
"""Tensors that may be quantised and have LoRA."""

_BESIDE = {
    "int8": ("scale",),
    "int4": ("scale", "zero", "g_idx"),
    "float8": ("inputs_scale", "inputs_amax_history", "scale", "kernel_amax_history", "outputs_grad_scale",
               "outputs_grad_amax_history"),
}  # fmt: skip
"""Tensors that Keras stores after those of a layer, in its order; ``scale`` is that of the kernel."""


@dataclass(frozen=True)
class Policy:
    """How a layer stores its tensors.

    Attributes:
        mode: mode of the quantisation, such as ``int8``; empty without quantisation.
        block: number of rows that share a scale and a zero point; 0 if all rows share a scale without a zero point.
        dtype: dtype of tensors that are not quantised.
    """

    mode: str = ""
    block: int = 0
    dtype: str = FLOAT32


def policy(given: Any) -> Policy:
    """Return the policy in the setting ``dtype`` of a layer.

    >>> policy("mixed_bfloat16"), policy("float16").dtype
    (Policy(mode='', block=0, dtype='float32'), 'float16')
    >>> policy({"class_name": "Int4DTypePolicy", "config": {"mode": "int4/128", "source_name": "float32"}})
    Policy(mode='int4', block=128, dtype='float32')
    """
    config = given.get("config") if isinstance(given, dict) else None
    if isinstance(config, dict):
        mode, source = config.get("mode"), config.get("source_name", config.get("name"))
    else:
        name = given if isinstance(given, str) else FLOAT32
        mode, _, source = name.rpartition("_from_")
    mode, _, block = str(mode or "").partition("/")
    kept = str(source or FLOAT32)
    kept = FLOAT32 if kept.startswith("mixed_") or not kept.startswith(("float", "bfloat")) else kept
    rows = int(block) if block.isdigit() else 0
    return Policy(mode, rows, kept)


@dataclass(frozen=True)
class Layout:
    """The layout of a quantised kernel.

    Attributes:
        rows: rows of the kernel as a matrix, over which is summed; 0 for its first dimension.
        spread: broadcasts a scale to the kernel; None for the last dimensions.
    """

    rows: int = 0
    spread: Spread | None = None


AS_MATRIX = Layout()
"""Return the layout of a kernel whose first dimension is summed over."""


@dataclass(frozen=True)
class Kept:
    """The tensors of a layer, or of a part of it.

    Attributes:
        store: has them.
        owner: the layer.
        settings: of the layer.
        frozen: whether the entire model is frozen.
        count: number of the layer's own tensors.
        layout: of a quantised kernel.
    """

    store: Store
    owner: Owner
    settings: Settings
    frozen: bool
    count: int
    layout: Layout

    def tensor(self, at: int, name: str, shape: tuple[int, ...], *, learned: bool = True) -> Const:
        """Return a tensor of the layer by position and name."""
        held = name in HELD

        def load() -> Numbers:
            found = self.store.load(self.owner, at, name)
            if held:
                found = self._whole(found, name, shape)
            if found.shape != shape:
                raise ModelError(f"{self.owner.scope}.{name} has shape {found.shape} in the file", expected=f"{shape}")
            return np.asarray(found, dtype=np.float32)

        return Const(shape, load, self._roots(name, shape) if learned else ())

    def _roots(self, name: str, shape: tuple[int, ...]) -> tuple[Root, ...]:
        """Return the tensors that are stored for one: itself, auxiliary ones, and those of LoRA."""
        own, rank = policy(self.settings.get("dtype")), self._rank(name)
        known = self.store.fact(self.owner, name)
        mode = (own.mode or ("int8" if known and known[0] == "int8" else "")) if name in HELD else ""
        dtype = mode if mode.startswith("int") else known[0] if known else own.dtype
        fixed = self._fixed(name) or bool(rank) or mode.startswith("int")
        found = [self._root(name, shape, frozen=fixed, dtype=dtype)]
        if mode in _BESIDE:
            sizes = self._beside(mode, own.block, name, shape)
            found += [self._root(one, size, dtype=kind, trained=False) for one, (size, kind) in sizes.items()]
        if rank:
            pairs = {f"lora_{name}_a": (*shape[:-1], rank), f"lora_{name}_b": (rank, shape[-1])}
            found += [self._root(one, size, frozen=self._fixed(one)) for one, size in pairs.items()]
        return tuple(found)

    def _root(
        self, name: str, shape: tuple[int, ...], *, frozen: bool = False, dtype: str = FLOAT32, trained: bool = True
    ) -> Root:
        key = (self.store.key(self.owner), name)
        return Root(key, f"{self.owner.scope}.{name}", shape, frozen, dtype, trained)

    def _fixed(self, name: str) -> bool:
        """Return whether a tensor is frozen, by the live variable or else by the setting of the layer."""
        known = self.store.fact(self.owner, name)
        return self.frozen or (not known[1] if known else self.settings.get("trainable", True) is False)

    def _rank(self, name: str) -> int:
        rank = whole(self.settings.get("lora_rank")) if name in HELD else None
        return rank if rank is not None and 0 < rank <= MAX_INT else 0

    @property
    def mode(self) -> str:
        """The mode of the quantisation in the settings; empty without quantisation."""
        return policy(self.settings.get("dtype")).mode

    def _beside(self, mode: str, block: int, name: str, shape: tuple[int, ...]) -> _Sizes:
        """Return sizes and dtypes of tensors that accompany a quantised one."""
        if mode == "float8":
            return {one: ((1024,) if "history" in one else (), FLOAT32) for one in _named(mode, name)}
        rows = self.layout.rows or shape[0]
        sides = (rows, math.prod(shape) // rows)
        along, across = sides if name != "embeddings" else sides[::-1]
        if not block or mode != "int4":
            return {f"{name}_scale": ((across,), FLOAT32)}
        groups = (-(-along // block), across)
        return {f"{name}_scale": (groups, FLOAT32), f"{name}_zero": (groups, "int8"), "g_idx": ((along,), FLOAT32)}

    def _whole(self, found: Numbers, name: str, shape: tuple[int, ...]) -> Numbers:
        """Return a kernel in floats, including LoRA."""
        if found.dtype.kind in "iu":
            found = self._dequantised(found, name, shape)
        elif self.mode == "float8":
            found = float8(found, self._load("float8", name, "scale"))
        rank = self._rank(name)
        if not rank or self.store.merged:
            return found
        a, b = (self.store.load(self.owner, -1, f"lora_{name}_{one}") for one in "ab")
        factor = float(self.settings.real("lora_alpha", rank)) / rank
        return np.asarray(found + factor * (a @ b), dtype=np.float32)

    def _load(self, mode: str, name: str, what: str) -> Numbers:
        position = _BESIDE[mode].index(what)
        return self.store.load(self.owner, self.count + position, _named(mode, name)[position])

    def _dequantised(self, found: Numbers, name: str, shape: tuple[int, ...]) -> Numbers:
        if found.dtype != np.int8:
            raise ModelError(
                f"{self.owner.scope}.{name} has dtype {found.dtype}",
                expected="a layer in floating point, or quantised to int8, int4 or float8",
            )
        if found.shape == shape and self.mode != "int4":
            scale = self._load("int8", name, "scale")
            spread = self.layout.spread or _trailing
            return np.asarray(found / spread(scale, shape), dtype=np.float32)
        flat = unpacked(found, math.prod(shape) // len(found))
        scale = self._load("int4", name, "scale")
        if scale.ndim == 1:
            wide = scale[:, None] if name == "embeddings" else scale
            return np.asarray((flat / wide).reshape(shape), dtype=np.float32)
        zero, group = (self._load("int4", name, what) for what in ("zero", "g_idx"))
        axis = 1 if name == "embeddings" else 0
        positions = group.astype(np.intp)
        zero, scale = (np.take(one.astype(np.float32), positions, axis) for one in (zero, scale))
        return np.asarray(((flat - zero) * scale).reshape(shape), dtype=np.float32)


def _named(mode: str, name: str) -> list[str]:
    return [f"{name}_{one}" if one in {"scale", "zero"} else one for one in _BESIDE[mode]]


def _trailing(scale: Numbers, shape: tuple[int, ...]) -> Numbers:
    """Broadcast a scale along the last dimensions of a kernel."""
    for at in range(len(shape) + 1):
        if math.prod(shape[at:]) == scale.size:
            return scale.reshape(shape[at:])
    raise ModelError(f"a scale of shape {scale.shape} does not fit a kernel of shape {shape}")


def by_rows(scale: Numbers, shape: tuple[int, ...]) -> Numbers:  # noqa: ARG001 -- as its neighbour
    """Broadcast a scale to the rows of a table."""
    return scale[:, None]


def by_letters(matrix: Sequence[str], out: Sequence[str]) -> Spread:
    """Bring a scale with the dimensions of an einsum's output to those of the kernel.

    >>> by_letters("cde", "abed")(np.ones((1, 1, 5, 2)), (3, 2, 5)).shape
    (1, 2, 5)
    """

    def spread(scale: Numbers, shape: tuple[int, ...]) -> Numbers:
        if scale.ndim != len(out):
            return _trailing(scale, shape)
        kept = [name for name in out if name in matrix]
        flat = scale.reshape([shape[list(matrix).index(name)] for name in kept])
        order = [kept.index(name) for name in matrix if name in kept]
        sizes = [size if name in kept else 1 for name, size in zip(matrix, shape, strict=True)]
        return flat.transpose(order).reshape(sizes)

    return spread


def unpacked(packed: Numbers, columns: int) -> Numbers:
    """Unpack two 4-bit values from each byte, the lower half first, of a matrix with a number of columns.

    >>> unpacked(np.array([[0x2D, 0x07]], dtype=np.int8), 3)
    array([[-3,  2,  7]], dtype=int8)
    """
    halves = np.stack([packed & 15, (packed >> 4) & 15], axis=-1).reshape(len(packed), -1)[:, :columns]
    return np.asarray((halves ^ 8) - 8, dtype=np.int8)


def float8(numbers: Numbers, scale: Numbers) -> Numbers:
    """Round floats to eight bits, four of them for the exponent (arXiv 2209.05433).

    >>> float8(np.array([0.3, 500.0, 1e-4]), np.array(1.0))
    array([3.125e-01, 4.480e+02, 0.000e+00], dtype=float32)
    """
    small = np.clip(numbers / scale, -448.0, 448.0)
    exponent = np.maximum(np.floor(np.log2(np.maximum(np.abs(small), 2.0**-9))), -6)
    step = 2.0 ** (exponent - 3)
    return np.asarray(np.round(small / step) * step * scale, dtype=np.float32)
