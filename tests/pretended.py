"""A stand-in for an accelerator: tensors of the device ``meta`` that hold values, which the CPU computes.

As on a real device, an operation that mixes tensors of host and device fails, and so does reading values without a
copy to the host; so code that forgets to move a tensor is found without a GPU. Copies, autocasts and uses of random
states are counted.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

META, HOST = torch.device("meta"), torch.device("cpu")
aten = torch.ops.aten


class Far(torch.Tensor):
    """A tensor on the device."""

    near: Tensor

    @staticmethod
    def __new__(cls: type[Self], near: Tensor) -> Self:
        """Make a tensor that claims to be on the device."""
        return torch.Tensor._make_wrapper_subclass(
            cls, near.shape, strides=near.stride(), storage_offset=near.storage_offset(), dtype=near.dtype, device=META
        )

    def __init__(self, near: Tensor) -> None:
        self.near = near

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Far({self.near})"

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Compute on the CPU."""
        return _run(func, args, kwargs or {})


class Pretending(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is active, tensors are made on and moved to the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _near(value: Any) -> Any:
    return value.near if isinstance(value, Far) else value


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if func is aten._to_copy.default:
        return _copied(func, args[0], kwargs)
    if func is aten.copy_.default:
        _near(args[0]).copy_(_near(args[1]))
        return args[0]
    if func is aten._local_scalar_dense.default:
        return _near(args[0]).item()
    tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
    far = [one for one in tensors if isinstance(one, Far)]
    here = [one for one in tensors if not isinstance(one, Far) and one.dim()]
    if far and here and func is not aten.index.Tensor:  # as torch: an index may be on the host, and so may a scalar
        raise RuntimeError(f"Expected all tensors to be on the same device, in {func}")
    asked = kwargs.get("device")
    found = func(*tree_map(_near, args), **tree_map(_near, kwargs | ({"device": HOST} if asked is not None else {})))
    if not far and (asked is None or torch.device(asked) != META):
        return found
    found = tree_map(lambda one: Far(one) if isinstance(one, torch.Tensor) else one, found)
    if not far:
        return found
    return return_and_correct_aliasing(func, args, kwargs, found)  # type: ignore[no-untyped-call]


def _copied(func: Any, tensor: Tensor, kwargs: dict[str, Any]) -> Tensor:
    left = {key: value for key, value in kwargs.items() if key not in {"device", "pin_memory", "layout"}}
    found: Tensor = func(_near(tensor), **left)
    to = kwargs.get("device")
    goes = isinstance(tensor, Far) if to is None else torch.device(to) == META
    return Far(found) if goes else found


@dataclass(frozen=True)
class Pretended:
    """The device: ``--device pretended``.

    Attributes:
        counted: how often each method was called, by its name.
        room: free memory [byte].
    """

    counted: Counter[str] = field(default_factory=Counter)
    room: int = 2**33
    name: str = "pretended:0"
    torch: torch.device = META
    every: int = 10
    group: str = "gloo"

    def described(self) -> str:
        return f"{self.name}, a stand-in"

    def put(self, tensor: Tensor) -> Tensor:
        self.counted["put"] += 1
        return Far(tensor)

    def module(self, model: nn.Module) -> None:
        self.counted["module"] += 1
        model.to(META)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        self.counted["autocast"] += 1
        yield

    def multiplies_bfloat16(self) -> bool:
        return True

    def free(self) -> int | None:
        return self.room

    def random(self) -> Tensor | None:
        self.counted["random"] += 1
        return torch.tensor([7, 9], dtype=torch.uint8)

    def set_random(self, state: Tensor) -> None:
        assert state.tolist() == [7, 9]
        self.counted["set_random"] += 1

    @contextmanager
    def kept_random(self) -> Iterator[None]:
        self.counted["kept_random"] += 1
        with torch.random.fork_rng(devices=[]):
            yield

    def exact(self) -> AbstractContextManager[Any]:
        self.counted["exact"] += 1
        return nullcontext()

    def claim(self) -> None:
        self.counted["claim"] += 1
