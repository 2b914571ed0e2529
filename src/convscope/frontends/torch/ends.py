"""Inputs and outputs of a module: names of inputs, nesting of results."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from convscope.core.graph import KINDS, Input
from convscope.errors import FieldError
from convscope.frontends.tensors.ends import key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from convscope.core.graph import Path
    from convscope.frontends.given import Asked

EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD

PLACED = (inspect.Parameter.POSITIONAL_ONLY, EITHER)


@dataclass(frozen=True)
class Taken:
    """How a module is called.

    Attributes:
        inputs: tensors that depend on the image, in the order of the net.
        constants: other arguments by name.
        hint: suggestion if the call fails; empty if the inputs cannot be the reason.
        by: how arguments are passed: in ``order``, by ``name``, or all in one ``dict``.
    """

    inputs: tuple[Input, ...]
    constants: dict[str, Any]
    hint: str
    by: str = "order"

    @classmethod
    def of(cls, module: nn.Module, asked: Asked) -> Taken:
        """Return how a module is called, from the caller's description.

        Raises:
            FieldError: the size of a required input is missing.
            UnknownNameError: the module has no input of a given name.
        """
        names, needed, open_ended = _parameters(module)
        if asked.first is not None:
            wanted = [f"{name}=HxWxC" for name in needed]
            if len(needed) > 1:
                raise FieldError(
                    f"the model takes {len(needed)} inputs: {', '.join(needed)}",
                    expected=f"a size for each: --input {' --input '.join(wanted)}",
                )
            name = names[0] if names else "input"
            return cls((_input(name, asked.first),), {}, "")
        in_dict = len(needed) == 1 < len(asked.named) and not set(asked.named) & set(names)
        if not open_ended and not in_dict:
            asked.check(names)
        order = [name for name in names if name in asked.named]  # in the model's order, independent of the caller's
        said = {name: asked.named[name] for name in (*order, *asked.named)}
        inputs = tuple(_input(name, one) for name, one in said.items() if one.constant is None)
        constants = {name: one.constant for name, one in asked.named.items() if one.constant is not None}
        missing = [name for name in needed if name not in asked.named]
        if missing and not open_ended and not in_dict:
            raise FieldError(f"the size of {', '.join(missing)} is missing", expected=f"--input {missing[0]}=HxWxC")
        if not inputs:
            raise FieldError("every input is a constant", expected="a size for one of them, such as 224x224x3")
        hint = f"inputs that the model accepts: {', '.join(names)}" if names else ""
        by = "dict" if in_dict and not open_ended else "name" if set(asked.named) <= set(names) else "order"
        return cls(inputs, constants, hint, by)

    def call(self, tensors: Sequence[Tensor]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of the call."""
        given = {one.name: tensor for one, tensor in zip(self.inputs, tensors, strict=True)}
        if self.by == "dict":
            return [{**given, **self.constants}], {}
        if self.by == "name":
            return [], {**given, **self.constants}
        return list(given.values()), self.constants


def _input(name: str, given: Any) -> Input:
    return Input(name, given.shape, given.order, given.kind or KINDS[0])


def _parameters(module: nn.Module) -> tuple[list[str], list[str], bool]:
    """Return the arguments of ``forward``, the required ones, and whether it takes any number of arguments."""
    try:
        found = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):  # compiled code without a signature
        return [], [], True
    names = [one.name for one in found if one.kind in {*PLACED, inspect.Parameter.KEYWORD_ONLY}]
    needed = [one.name for one in found if one.kind in PLACED and one.default is inspect.Parameter.empty]
    open_ended = any(one.kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} for one in found)
    return names, needed, open_ended


def returned(result: Any, path: Path = ()) -> Iterator[tuple[Path, Tensor]]:
    """Yield the tensors of a result with their paths, in order. Other objects are left out and have no position."""
    if isinstance(result, Tensor):
        yield path, result
    elif isinstance(result, Mapping):
        yield from _keyed(result.items(), path)
    elif isinstance(result, list | tuple):
        inside = [one for one in result if any(True for _ in returned(one))]
        for position, one in enumerate(inside):
            yield from returned(one, (*path, f"[{position}]" if isinstance(result, list) else position))
    elif is_dataclass(result):
        yield from _keyed(((one.name, getattr(result, one.name)) for one in fields(result)), path)
    elif hasattr(result, "__dict__") and not isinstance(result, nn.Module):
        yield from _keyed(vars(result).items(), path)


def _keyed(items: Iterable[tuple[object, Any]], path: Path) -> Iterator[tuple[Path, Tensor]]:
    for name, one in items:
        yield from returned(one, (*path, key(name)))
