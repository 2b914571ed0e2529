"""Calls of torch functions that no operation reveals: creating tensors from values, and reading values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from convscope.frontends.torch.trace import Trace

TAKES_OUT = {Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.data_ptr, Tensor.__dlpack__}
"""Functions that read the values of a tensor without an operation."""


class Watch(TorchFunctionMode):
    """Keep the values of tensors that are created from values, and record reads of values.

    A tensor created on the meta device of another one would otherwise have no values.
    """

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in TAKES_OUT:
            self.trace.taken_out(args[0], func.__name__.strip("_"))
        if func is Tensor.new_tensor:
            func, kwargs = torch.tensor, {"dtype": args[0].dtype, **kwargs, "device": args[0].device}
            args = args[1:]
        if func in {torch.tensor, torch.as_tensor, torch.asarray} and kwargs.get("device") is not None:
            kwargs["device"] = "cpu" if torch.device(kwargs["device"]).type == "meta" else kwargs["device"]
        if func is Tensor.__getitem__:
            args = (args[0], _listed(args[1]))
        return func(*args, **kwargs)


def _listed(index: Any) -> Any:
    """Convert lists in an index to tensors, which torch would otherwise create on the meta device."""
    if isinstance(index, tuple):
        return tuple(map(_listed, index))
    numbers = isinstance(index, list) and index and all(isinstance(one, int) for one in index)
    return torch.tensor(index, device="cpu") if numbers else index
