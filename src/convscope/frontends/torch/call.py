"""A call of a torch operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable


class Call(NamedTuple):
    """One operation as torch asks for it.

    Attributes:
        func: torch's own object.
        name: its name, without the underscore of in-place operations.
        in_place: whether it changes its first argument.
        args: positional arguments.
        kwargs: keyword arguments.
        outs: names of arguments that it writes to.
    """

    func: Any
    name: str
    in_place: bool
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outs: tuple[str, ...]

    @classmethod
    def of(cls, func: Any, args: Any, kwargs: Any) -> Call:
        """What torch hands over."""
        known = _NAMES.get(func)
        if known is None:
            known = _NAMES[func] = _name(func)
        name, in_place, outs = known
        return cls(func, name, in_place, args, kwargs, outs)

    def off_meta(self) -> Call:
        """The operation where tensors have numbers, if it asks for where they have none."""
        if not any(isinstance(arg, torch.device) for arg in (*self.args, *self.kwargs.values())):
            return self
        args = tuple(map(_off_meta, self.args))
        return self._replace(args=args, kwargs={key: _off_meta(arg) for key, arg in self.kwargs.items()})

    def run(self) -> Any:
        """Compute it."""
        return self.func(*self.args, **self.kwargs)

    def on_meta(self) -> Any:
        """Compute its sizes."""
        return self.func(*map(on_meta, self.args), **{key: on_meta(arg) for key, arg in self.kwargs.items()})

    def tensors(self) -> list[Tensor]:
        """Its arguments that are tensors."""
        given = self.args
        if self.kwargs:
            given = (*given, *[arg for key, arg in self.kwargs.items() if key not in self.outs])
        found: list[Tensor] = []
        for arg in given:
            if isinstance(arg, Tensor):
                found.append(arg)
            elif isinstance(arg, list | tuple):
                found += [one for one in flat(arg) if isinstance(one, Tensor)]
        return found


_NAMES: dict[Any, tuple[str, bool, tuple[str, ...]]] = {}


def _name(func: Any) -> tuple[str, bool, tuple[str, ...]]:
    """Return the name of an operation, whether it works in place, and the arguments that it writes to."""
    schema = func._schema  # noqa: SLF001 -- torch has no public name for it
    library, name = schema.name.split("::")
    if library == "quantized":
        name = f"quantized_{name}"
    written = [arg for arg in schema.arguments if arg.alias_info is not None and arg.alias_info.is_write]
    in_place = bool(written) and written[0] is not None and written[0].name == schema.arguments[0].name
    outs = tuple(arg.name for arg in written if arg.kwarg_only)
    dunder = name.startswith("__")
    return name.removesuffix("_") if in_place and not dunder else name, in_place, outs


def _off_meta(arg: Any) -> Any:
    return torch.device("cpu") if isinstance(arg, torch.device) and arg.type == "meta" else arg


def memory_of(tensor: Tensor) -> int:
    """Return an identifier of the memory of a tensor."""
    found: int = tensor.untyped_storage()._cdata  # noqa: SLF001 -- torch has no public name for it
    return found


def flat(nested: Iterable[Any]) -> Iterable[Any]:
    """Flatten nested lists."""
    for one in nested:
        if isinstance(one, list | tuple):
            yield from flat(one)
        else:
            yield one


def on_cpu(arg: Any) -> Any:
    """Return an empty CPU tensor of the same dtype."""
    empty = isinstance(arg, Tensor) and arg.is_meta
    return torch.empty(arg.shape, dtype=arg.dtype, device="cpu") if empty else arg


def on_meta(arg: Any) -> Any:
    """Return a meta tensor of the same kind."""
    if isinstance(arg, Tensor):
        return arg if arg.is_meta else torch.empty(arg.shape, dtype=arg.dtype, device="meta")
    if isinstance(arg, torch.device):
        return torch.device("meta")
    return [on_meta(one) for one in arg] if isinstance(arg, list | tuple) else arg
