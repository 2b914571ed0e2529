"""The tensors that a module computes with under a probe: shape, type and device, and a signal in place of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from torch import _C, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from convscope.verification.signals import Signal


class Shadow(Tensor):
    """What a module sees of a signal.

    A view of what repeats shares no memory with it, so that both stay small. Before something is written to one of
    them, :meth:`settle` gives the base memory of its own and makes its views anew, as views of that.
    """

    signal: Signal
    root: Shadow | None
    """Of a view: what it looks at, where that repeats."""

    views: list[ref[Shadow]]
    """Its views, and views of these, in the order in which they were made."""

    again: Callable[[], Signal]
    """Of a view: makes its signal anew."""

    __torch_function__ = _C._disabled_torch_function_impl  # type: ignore[assignment] # noqa: SLF001 -- as torch tells

    @staticmethod
    def __new__(cls: type[Shadow], signal: Signal, dtype: torch.dtype, device: torch.device) -> Shadow:  # noqa: PYI034
        """A tensor without memory."""
        value = signal.values[0]
        strides = None if signal.repeats else value.stride()
        made: Shadow = Tensor._make_wrapper_subclass(  # noqa: SLF001 -- as above
            cls, value.shape, strides=strides, dtype=dtype, device=device
        )
        made.signal, made.root, made.views = signal, None, []
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override] # declared by torch as a function that is not there
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Only a probe can work with it."""
        raise RuntimeError(f"{func} was called outside the probe")

    def __repr__(self, **_: Any) -> str:  # type: ignore[override] # torch's takes contents, which this has not
        return f"Shadow({tuple(self.shape)}, {self.dtype})"

    def link(self, base: Shadow, again: Callable[[Signal], Signal]) -> None:
        """This is a view of ``base``, which repeats; ``again`` makes it from the signal of ``base``."""
        root = base if base.root is None else base.root
        self.root, self.again = root, lambda: again(base.signal)
        root.views.append(ref(self))

    def settle(self) -> None:
        """Make ready to be written to, and all that looks at the same memory."""
        root = self if self.root is None else self.root
        if root.views and root.signal.repeats:
            root.signal = root.signal.own()
            for link in root.views:
                view = link()
                if view is not None:
                    view.signal = view.again()
