"""The tensors with which a probed module computes: shape, dtype and device, with a signal instead of values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from torch import _C, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from convscope.verification.signals import Signal


class Shadow(Tensor):
    """The module's view of a signal.

    A view of a repeating signal shares no memory with it, so both stay small. Before a write to one of them,
    :meth:`settle` gives the base memory of its own and recreates its views.
    """

    signal: Signal
    root: Shadow | None
    """The base of a view, if it repeats."""

    views: list[ref[Shadow]]
    """The views of a tensor, and their views, in order of creation."""

    again: Callable[[], Signal]
    """Recomputes the signal of a view."""

    __torch_function__ = _C._disabled_torch_function_impl  # type: ignore[assignment] # noqa: SLF001 -- torch's way

    @staticmethod
    def __new__(cls: type[Shadow], signal: Signal, dtype: torch.dtype, device: torch.device) -> Shadow:  # noqa: PYI034
        """Make a tensor without memory."""
        value = signal.values[0]
        strides = None if signal.repeats else value.stride()
        made: Shadow = Tensor._make_wrapper_subclass(  # noqa: SLF001 -- as above
            cls, value.shape, strides=strides, dtype=dtype, device=device
        )
        made.signal, made.root, made.views = signal, None, []
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override] # torch declares another signature
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Refuse operators outside a probe."""
        raise RuntimeError(f"{func} was called outside the probe")

    def __repr__(self, **_: Any) -> str:  # type: ignore[override] # torch's takes contents, which a shadow lacks
        return f"Shadow({tuple(self.shape)}, {self.dtype})"

    def link(self, base: Shadow, again: Callable[[Signal], Signal]) -> None:
        """Mark this as a view of the repeating ``base``; ``again`` recomputes it from the signal of ``base``."""
        root = base if base.root is None else base.root
        self.root, self.again = root, lambda: again(base.signal)
        root.views.append(ref(self))

    def settle(self) -> None:
        """Prepare this tensor, and all others on the same memory, for a write."""
        root = self if self.root is None else self.root
        if root.views and root.signal.repeats:
            root.signal = root.signal.own()
            for link in root.views:
                view = link()
                if view is not None:
                    view.signal = view.again()
