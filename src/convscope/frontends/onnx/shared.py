"""Stored tensors that several operations read.

Exporters store equal tensors once: in an untrained model, these are all biases of zeros and scales of ones. A file does
not distinguish such a tensor from a parameter that is shared in the source. A tensor with the same value everywhere
counts as several equal ones, once for each layer; any other counts as a tied parameter, since two are not equal by
accident. Both are stated with the totals.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import spend
from convscope.errors import ModelError
from convscope.frontends.onnx.consts import PARTS, at_hand
from convscope.frontends.onnx.rules_quantized import settings
from convscope.frontends.tensors.values import Const

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from convscope.frontends.onnx.call import Given
    from convscope.frontends.onnx.consts import Ahead
    from convscope.frontends.onnx.steps import Step
    from convscope.frontends.tensors.values import Root


@dataclass
class Shared:
    """The tensors that a file shares between operations.

    Attributes:
        readers: for each tensor, the number of operations that read it, directly or dequantised.
        quantized: names of tensors that are read as quantised weights, in any dtype.
        even: keys of shared tensors with one value everywhere, and of their copies for each layer.
        tied: names of other shared weights, and the number of operations that read them.
    """

    readers: Counter[str]
    quantized: set[str] = field(default_factory=set)
    even: dict[Hashable, set[Hashable]] = field(default_factory=dict)
    tied: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Shared:
        """Find the shared tensors of some operations."""
        every = list(steps)
        floats = {step.outputs[0]: step.inputs[0] for step in every if step.op in SAME and step.inputs}
        readers: Counter[str] = Counter()
        quantized: set[str] = set()
        for step in every:
            read = _weights(step)
            if settings(step.domain, step.op):
                quantized.update(read)
            if step.op not in SAME:
                readers.update({_stored(name, floats) for name in read} if floats else set(read))
        return cls(readers, quantized)

    def seen(self, name: str, const: Const, ahead: Ahead) -> None:
        """Record a constant."""
        roots = (const.origin,) if name in self.quantized else const.roots
        if self.readers[name] < 2 or not roots or roots[0] is None:
            return
        if _even(const, ahead):
            self.even[roots[0].key] = set()
        else:
            self.tied[name] = self.readers[name]

    def apart(self, step: Step, given: Iterable[Given], run: int) -> tuple[Given, ...]:
        """Return the inputs of an operation, with its own copies of shared tensors with one value.

        Operations with equal other weights are repeated uses of one layer.

        Args:
            step: the operation.
            given: its inputs.
            run: its number among all operations.
        """
        every = tuple(given)
        if not self.even or step.op in SAME:
            return every
        spend(sum([len(one.roots) for one in every if isinstance(one, Const)]) / PARTS)
        keys = [root.key for one in every if isinstance(one, Const) for root in one.roots if root.trained]
        own = tuple(key for key in keys if key not in self.even) or run
        return tuple(self._apart(one, own) if isinstance(one, Const) else one for one in every)

    def _apart(self, const: Const, own: Hashable) -> Const:
        roots = tuple(self._own(root, own) for root in const.roots)
        origin = const.origin and self._own(const.origin, own)
        return const if (roots, origin) == (const.roots, const.origin) else replace(const, roots=roots, origin=origin)

    def _own(self, root: Root, own: Hashable) -> Root:
        alone = not isinstance(own, tuple)  # the operation has no other weight, so a single value is a setting
        if root.key not in self.even or (alone and math.prod(root.shape) == 1):
            return root
        new = replace(root, key=(root.key, own))
        self.even[root.key].add(new.key)
        return new

    def notes(self, counted: set[Hashable]) -> list[str]:
        """Return the notes on the totals, given the keys of all counted tensors."""
        found = []
        uses = [len(keys & counted) for keys in self.even.values()]
        many = [count for count in uses if count > 1]
        if many:
            found.append(
                f"{_tensors(len(many))} with the same value everywhere {'is' if len(many) == 1 else 'are'} shared by "
                f"{sum(many)} layers and counted for each of them, because exporters store equal tensors once"
            )
        tied = [count for name, count in self.tied.items() if name in counted]
        if tied:
            found.append(
                f"{_tensors(len(tied))} {'is' if len(tied) == 1 else 'are'} shared by {sum(tied)} operations and "
                "counted once: the file does not state whether the source had one parameter or several equal ones"
            )
        return found


LOOKED_AT = 2**21
"""The most values of a shared tensor that are compared."""

SAME = {"QuantizeLinear", "DequantizeLinear"}
"""Operators that convert a tensor to another representation."""


def _stored(name: str, floats: Mapping[str, str]) -> str:
    """Return the tensor behind a quantised or dequantised one."""
    for _ in range(4):
        name = floats.get(name, name)
    return name


def _weights(step: Step) -> Sequence[str]:
    """Return the inputs of an operation, except scales and zero points."""
    left_out = settings(step.domain, step.op)
    return [name for at, name in enumerate(step.inputs) if at not in left_out] if left_out else step.inputs


def _tensors(count: int) -> str:
    return f"{count} tensor{'' if count == 1 else 's'}"


def _even(const: Const, ahead: Ahead) -> bool:
    """Return whether all values are equal; a tensor that is too large, or whose file is missing, counts as unequal."""
    count = math.prod(const.sizes)
    if not 0 < count <= LOOKED_AT or not ahead.take(count):
        return False
    try:
        numbers = np.asarray(at_hand(const)).reshape(-1)
    except ModelError:
        return False
    return bool((numbers == numbers[0]).all())


def made_weights(steps: Iterable[Step]) -> bool:
    """Return whether a graph creates its own weights, as in files from which the weights were removed."""
    every = list(steps)
    made = {name for step in every if step.op == "ConstantOfShape" for name in step.outputs}
    return any(step.op in LAYERS and step.inputs[1:2] and step.inputs[1] in made for step in every)


LAYERS = {"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul"}
"""Operators whose second input is a weight."""
