"""The description of tensors that torch writes, a pickle, read as data: nothing in it is imported or called.

A pickle is a program for a stack machine (https://docs.python.org/3/library/pickletools.html describes every opcode).
This machine knows the opcodes for lists, dictionaries and tensors; if the program requests a function, its name must be
one of a few, and a placeholder of its result is pushed.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from convscope.budget import about, spend
from convscope.errors import ModelError
from convscope.frontends.weights.archive import program
from convscope.frontends.weights.result import BITS, MAX_AXES, MAX_NAME, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CODES_AT_ONCE, CODE = 1000, 1.6
"""Number of opcodes between two checks of the budget, and steps for each; a tensor takes 45."""

_STORAGES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexFloat": "complex64",
    "ComplexDouble": "complex128", "Untyped": "uint8", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32",
    "QUInt4x2": "quint4x2", "QUInt2x4": "quint2x4",
}  # fmt: skip

STORAGES = {f"torch.{name}Storage": dtype for name, dtype in _STORAGES.items()} | {
    "torch.storage.UntypedStorage": "uint8"
}
"""The dtypes by class of the storage."""

INERT = frozenset({
    "argparse.Namespace", "builtins.set", "__builtin__.set", "_codecs.encode", "pathlib.PosixPath", "torch.device",
    "torch.per_tensor_affine", "torch.per_channel_affine", "torch.per_channel_affine_float_qparams",
    "torch.per_tensor_symmetric", "torch.per_channel_symmetric", "torch.serialization._get_layout",
    "collections.Counter", "numpy.dtype", "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar", *(f"torch.{dtype}" for dtype in BITS),
})  # fmt: skip
"""Objects in checkpoints besides weights, which are skipped."""

PACKED = "torch.ScriptObject"
"""Objects with weights that are packed for kernels of quantised layers."""

MAX_KEY = 2**60
"""Limit for the magnitude of an integer key, since thousands of larger ones can share a hash."""

_MAX_GIVEN = 16
"""The most arguments of a function; a tensor takes 7. A long tuple could be passed a thousand times."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name in the pickle, which is not resolved."""

    path: str


@dataclass(frozen=True, slots=True)
class Inert:
    """A placeholder for an irrelevant object of a known name."""


class Packed(dict[Any, Any]):
    """Weights that are packed for a kernel, by position."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage, or a part of one."""

    key: str
    dtype: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage: its shape, dtype, largest size in bytes, and position.

    For a sparse tensor, the size includes its indices.
    """

    shape: tuple[int, ...]
    dtype: str
    stored: int
    place: tuple[Any, ...]
    sparse: bool = False


def loaded(data: bytes, storages: Mapping[str, int]) -> Any:
    """Return the content of a pickle as dictionaries, lists, plain values and :class:`Tensor`.

    Args:
        data: the pickle.
        storages: size of each storage [byte].

    Raises:
        ModelError: the pickle is damaged, requests anything but data, or contradicts the storages.
        LimitError: the pickle is longer than that of any model.
    """
    try:
        return _Machine(data, storages).run()
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise ModelError(f"the description of the tensors is damaged: {shown(repr(error))}") from None


class _Machine:
    """A stack, a memo of earlier values, and a position in the program."""

    def __init__(self, data: bytes, storages: Mapping[str, int]) -> None:
        self.data, self.storages, self.at = data, storages, 0
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memory: dict[int, Any] = {}
        self.named = ""

    def run(self) -> Any:
        """Run the program to its end."""
        data, codes = self.data, CODES
        while True:
            with about(f"the description of the tensors, {len(data):,} bytes"):
                spend(CODE * CODES_AT_ONCE)
            for _ in range(CODES_AT_ONCE):
                code = data[self.at]
                self.at += 1
                if code == _STOP:
                    self.check_names()
                    return self.stack.pop()
                step = codes.get(code)
                if step is None:
                    self.check_names()
                    raise ModelError(f"the description of the tensors has an unexpected opcode, {code:#x}")
                step(self)

    def check_names(self) -> None:
        """Refuse a name that tensors do not need; resolving it could already run code."""
        if self.named:
            raise _asked(self.named)

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise ValueError("it is truncated")
        return self.data[start : self.at]

    def number(self, size: int) -> int:
        """Return the next bytes as an unsigned number."""
        return int.from_bytes(self.take(size), "little")

    def line(self) -> str:
        """Return the next bytes up to the end of a line."""
        return self.take(self.data.index(b"\n", self.at) + 1 - self.at)[:-1].decode()

    def marked(self) -> list[Any]:
        """Pop everything since the last mark."""
        found, self.stack = self.stack, self.outer.pop()
        return found

    def name(self, module: str, name: str) -> None:
        """Push a name."""
        if len(module) + len(name) > MAX_NAME:
            raise ValueError("a name is too long")
        path = f"{module}.{name}"
        if path not in KNOWN:
            self.named = self.named or path
        self.stack.append(Name(path))

    def call(self) -> None:
        """Push the placeholder of a function's result."""
        given, function = self.stack.pop(), self.stack.pop().path
        if function not in KNOWN:
            raise _asked(function)
        if not isinstance(given, tuple) or len(given) > _MAX_GIVEN:
            raise TypeError(f"the arguments of {function} are not a short tuple")
        self.stack.append(MAKERS[function](self, *given) if function in MAKERS else Inert())

    def new(self) -> None:
        """Push an object of a class; an unknown class belongs to a model."""
        self.stack.pop()
        made = self.stack.pop().path
        if made not in {*INERT, PACKED}:
            raise program(f"a pickled object of {shown(made)}")
        self.stack.append(Packed() if made == PACKED else Inert())

    def build(self) -> None:
        """Skip state that is set on an object, except for packed weights."""
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, dict | Inert | Tensor):
            raise TypeError("state is set on something that cannot have it")
        if isinstance(target, Packed):
            if not isinstance(state, tuple) or len(state) > _MAX_GIVEN:
                raise TypeError("packed weights are not a short tuple")
            target.update(enumerate(state))

    def items(self, values: list[Any]) -> None:
        """Pop keys and values into the dictionary below them.

        A key is a name or a small integer; others could be crafted to collide in hashes.
        """
        if not all(type(key) is str or (type(key) is int and -MAX_KEY < key < MAX_KEY) for key in values[::2]):
            raise TypeError("a key is neither a name nor a small integer")
        if not isinstance(self.stack[-1], dict):
            raise TypeError("items are added to something other than a dictionary")
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def extend(self, values: list[Any]) -> None:
        """Pop values into the list below them."""
        if not isinstance(self.stack[-1], list):
            raise TypeError("values are added to something other than a list")
        self.stack[-1].extend(values)

    def tied(self, count: int) -> None:
        """Combine the last values into one."""
        if len(self.stack) < count:
            raise IndexError("the stack is empty")
        self.stack[len(self.stack) - count :] = [tuple(self.stack[len(self.stack) - count :])]

    def storage(self) -> None:
        """Return a storage, which must have the stated size."""
        word, kind, key, _, count = self.stack.pop()
        if word != "storage" or type(key) is not str or type(count) is not int or not 0 <= count < 2**63:
            raise TypeError("a storage is described incorrectly")
        dtype = STORAGES.get(kind.path)
        if dtype is None:
            raise _asked(kind.path)
        found, size = Storage(key, dtype, count * max(8, BITS[dtype]) // 8), self.storages.get(key)
        if size != found.bytes:
            has = "is missing" if size is None else f"has {size:,} bytes"
            raise ModelError(f"the storage {shown(key)} {has}", expected=f"{found.bytes:,} bytes")
        self.stack.append(found)


def _asked(path: str) -> ModelError:
    return program(f"a pickle that asks for {shown(path)}")


def _tensor(machine: _Machine, storage: Storage, offset: int, shape: Any, strides: Any, *rest: Any) -> Tensor:  # noqa: ARG001 -- as torch's own
    return _view(storage, storage.dtype, offset, shape, strides)


def _typed_tensor(  # noqa: PLR0913 -- torch's signature
    machine: _Machine,  # noqa: ARG001
    storage: Storage,
    offset: int,
    shape: Any,
    strides: Any,
    grad: Any,  # noqa: ARG001
    hooks: Any,  # noqa: ARG001
    dtype: Name,
    *rest: Any,  # noqa: ARG001
) -> Tensor:
    return _view(storage, dtype.path.removeprefix("torch."), offset, shape, strides)


def _view(storage: Storage, dtype: str, offset: Any, shape: Any, strides: Any) -> Tensor:
    """Return a tensor, after checking that it stays within its storage."""
    if type(shape) is not tuple or type(strides) is not tuple or not len(shape) == len(strides) <= MAX_AXES:
        raise TypeError("shape and strides do not match")
    if not all(type(one) is int and 0 <= one < 2**63 for one in (offset, *shape, *strides)):
        raise TypeError("a shape, stride or offset is not an integer from 0 to 2^63")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if 0 not in shape and (last + 1) * BITS[dtype] > 8 * storage.bytes:
        raise ModelError(f"a tensor reads value {last:,} of a storage of {storage.bytes:,} bytes")
    return Tensor(shape, dtype, storage.bytes, (storage.key, offset, strides))


def _quantized(machine: _Machine, storage: Storage, offset: int, shape: Any, strides: Any, *rest: Any) -> Tensor:  # noqa: ARG001 -- as torch's own
    return _view(storage, storage.dtype, offset, shape, strides)


def _sparse(machine: _Machine, layout: Any, parts: Any) -> Tensor:  # noqa: ARG001 -- as torch's own
    """Return a sparse tensor from its indices, its values and its shape."""
    if not isinstance(parts, tuple) or len(parts) > _MAX_GIVEN:
        raise TypeError("a sparse tensor is not a short tuple of parts")
    tensors = [one for one in parts if isinstance(one, Tensor)]
    (shape,) = (one for one in parts if isinstance(one, tuple))
    if len(shape) > MAX_AXES or not all(type(one) is int and 0 <= one < 2**63 for one in shape):
        raise TypeError("a shape is not made of integers from 0 to 2^63")
    values = tensors[-1]
    key, *place = values.place
    stored = sum(math.prod(one.shape) * BITS[one.dtype] // 8 for one in tensors)
    return Tensor(shape, values.dtype, stored, (f"sparse {key}", *place), sparse=True)


def _size(machine: _Machine, shape: Any) -> tuple[int, ...]:  # noqa: ARG001 -- as torch's own
    if not isinstance(shape, tuple):
        raise TypeError("a shape is not a tuple")
    return shape


def _parameter(machine: _Machine, tensor: Tensor, *rest: Any) -> Tensor:  # noqa: ARG001 -- as torch's own
    return tensor


def _dictionary(machine: _Machine) -> dict[Any, Any]:  # noqa: ARG001 -- as the other makers
    return {}


MAKERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _dictionary,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed_tensor,
    "torch._utils._rebuild_qtensor": _quantized,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": _size,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}
"""The placeholders for the functions that make tensors."""

KNOWN = frozenset({*MAKERS, *STORAGES, *INERT, PACKED})


def _put(value: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        found = value(machine)  # first, since it may remove the stack
        machine.stack.append(found)

    return step


def _mark(machine: _Machine) -> None:
    machine.outer.append(machine.stack)
    machine.stack = []


def _keep(size: int, machine: _Machine) -> None:
    machine.memory[machine.number(size)] = machine.stack[-1]


def _keep_next(machine: _Machine) -> None:
    machine.memory[len(machine.memory)] = machine.stack[-1]


def _named_above(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise TypeError("a name is not a string")
    machine.name(module, name)


def _one(machine: _Machine) -> list[Any]:
    return [machine.stack.pop()]


def _pair(machine: _Machine) -> list[Any]:
    value, key = machine.stack.pop(), machine.stack.pop()
    return [key, value]


_STOP = ord(".")

CODES: dict[int, Callable[[_Machine], Any]] = {
    0x80: lambda m: m.take(1),  # PROTO
    0x95: lambda m: m.take(8),  # FRAME
    ord("("): _mark,
    ord("q"): partial(_keep, 1),  # BINPUT
    ord("r"): partial(_keep, 4),  # LONG_BINPUT
    0x94: _keep_next,  # MEMOIZE
    ord("h"): _put(lambda m: m.memory[m.number(1)]),  # BINGET
    ord("j"): _put(lambda m: m.memory[m.number(4)]),  # LONG_BINGET
    ord("N"): _put(lambda m: None),  # noqa: ARG005
    0x88: _put(lambda m: True),  # noqa: ARG005
    0x89: _put(lambda m: False),  # noqa: ARG005
    ord("K"): _put(lambda m: m.number(1)),  # BININT1
    ord("M"): _put(lambda m: m.number(2)),  # BININT2
    ord("J"): _put(lambda m: struct.unpack("<i", m.take(4))[0]),  # BININT
    0x8A: _put(lambda m: int.from_bytes(m.take(m.number(1)), "little", signed=True)),  # LONG1
    ord("G"): _put(lambda m: struct.unpack(">d", m.take(8))[0]),  # BINFLOAT
    ord("X"): _put(lambda m: m.take(m.number(4)).decode()),  # BINUNICODE
    0x8C: _put(lambda m: m.take(m.number(1)).decode()),  # SHORT_BINUNICODE
    ord("C"): _put(lambda m: m.take(m.number(1))),  # SHORT_BINBYTES
    ord("B"): _put(lambda m: m.take(m.number(4))),  # BINBYTES
    ord("}"): _put(lambda m: {}),  # noqa: ARG005
    ord("]"): _put(lambda m: []),  # noqa: ARG005
    ord(")"): _put(lambda m: ()),  # noqa: ARG005
    ord("t"): _put(lambda m: tuple(m.marked())),  # TUPLE
    0x85: lambda m: m.tied(1),
    0x86: lambda m: m.tied(2),
    0x87: lambda m: m.tied(3),
    ord("s"): lambda m: m.items(_pair(m)),  # SETITEM
    ord("u"): lambda m: m.items(m.marked()),  # SETITEMS
    ord("a"): lambda m: m.extend(_one(m)),  # APPEND
    ord("e"): lambda m: m.extend(m.marked()),  # APPENDS
    ord("c"): lambda m: m.name(m.line(), m.line()),  # GLOBAL
    0x93: _named_above,  # STACK_GLOBAL
    ord("R"): _Machine.call,  # REDUCE
    0x81: _Machine.new,  # NEWOBJ
    ord("b"): _Machine.build,  # BUILD
    ord("Q"): _Machine.storage,  # BINPERSID
}
"""The action of each opcode, by its byte."""
