"""Calls of torch's functions that no operation shows: numbers that code puts in, and numbers that it takes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from convscope.frontends.torch.trace import Trace

TAKES_OUT = {Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.data_ptr, Tensor.__dlpack__}
"""Functions that read the numbers of a tensor without an operation."""


class Watch(TorchFunctionMode):
    """Tensors that are made of numbers keep them, and who takes numbers out of a tensor is written down.

    A tensor made on the device of another one would have no numbers, since that has none.
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
    """An index whose lists of numbers are tensors, which torch would make where there are no numbers."""
    if isinstance(index, tuple):
        return tuple(map(_listed, index))
    numbers = isinstance(index, list) and index and all(isinstance(one, int) for one in index)
    return torch.tensor(index, device="cpu") if numbers else index
