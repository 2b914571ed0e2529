"""The tensors that are alive in each step of a pass, forward and backward, and their bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from convscope.analyze.alive import Ends, There
from convscope.analyze.cost import frozen, params

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convscope.core.net import Layer, Net

INDEX = 8
"""Size of an index that a max-pooling saves [byte]."""


@dataclass(frozen=True)
class Moment:
    """The live activations while a layer runs [byte]."""

    node: str
    bytes: int


class Flow:
    """The tensors of a net during a pass. A view shares the memory of its input; ``root`` names the owner."""

    def __init__(self, net: Net, scale: int, batch: int) -> None:
        self.net, self.scale, self.batch = net, scale, batch
        self.given = {one.name: one.shape for one in net.inputs}
        self.shapes = self.given | {layer.node.name: layer.output for layer in net}
        self.root = {name: name for name in self.given}
        for layer in net:
            name, source = layer.node.name, layer.node.inputs[0]
            self.root[name] = self.root[source] if layer.node.op.memory == "view" else name
        self.last: dict[str, int] = {}
        for step, layer in enumerate(net):
            for source in layer.node.inputs:
                self.last[self.root[source]] = step
        self.last |= {self.root[output.node]: len(net) for output in net.outputs}
        live = net.live()
        self.learns: set[str] = set()  # layers whose output needs a gradient: at or after trained weights
        for layer in net:
            needed = layer.node.name in live  # tensors that a dead layer keeps are dropped with its output
            if needed and (layer.trains or self.learns & set(layer.node.inputs)):
                self.learns.add(layer.node.name)

    def bytes(self, name: str) -> int:
        """Return the size of a tensor [byte]."""
        return math.prod(self.shapes[name]) * self.scale

    def inference(self, *, in_place: bool) -> Iterator[tuple[Moment, Callable[[], tuple[str, ...]]]]:
        """Yield the live activations while each layer runs, and what returns the names of their tensors at once."""
        owner = dict(self.root)
        last = dict(self.last)
        alive = {name: self.bytes(name) for name in self.given}
        live, ends = sum(alive.values()), Ends(last)
        for step, layer in enumerate(self.net):
            name = layer.node.name
            before = owner[layer.node.inputs[0]]
            spent = last[before] == step and before not in self.given
            takes_over = in_place and spent and layer.node.op.memory == "in place"
            if takes_over or layer.node.op.memory == "view":
                owner[name] = before
                ends.move(before, max(last.get(self.root[name], step), last.get(before, step)))
            else:
                owner[name] = name
                ends.move(name, self.last.get(self.root[name], step))
                alive[name] = self.bytes(name)
                live += alive[name]
            # torch computes the indices of a max-pooling in inference, too, and drops them
            extra = math.prod(layer.output) * self.batch * INDEX if "indices" in layer.node.op.saves else 0
            yield Moment(name, live + extra), partial(tuple, alive)
            for other in ends.at(step):
                if other in alive and other not in self.given:
                    live -= alive.pop(other)

    def saves(self, layer: Layer) -> dict[str, int]:
        """Return what the gradient of a layer needs: tensors by name, and bytes of its own tensors."""
        name, sources = layer.node.name, layer.node.inputs
        found: dict[str, int] = {}
        for what in layer.node.op.saves if name in self.learns else ():
            if what in {"inputs", "factors"}:
                kept = sources if what == "inputs" else self.factors(layer)
                found |= {self.root[source]: self.bytes(self.root[source]) for source in kept}
            elif what == "output":
                found[self.root[name]] = self.bytes(self.root[name])
            elif what == "indices":
                found[f"{name}.indices"] = math.prod(layer.output) * self.batch * INDEX
            elif what == "mask":
                found[f"{name}.mask"] = self.bytes(name)
        return found

    def factors(self, layer: Layer) -> list[str]:
        """Return inputs of a product that another factor, an input or the first weight, needs for its gradient."""
        stated = layer.node.op.weights(layer.inputs)
        if stated and stated[0].name in layer.trains:
            return list(layer.node.inputs)
        taking = [name in self.learns for name in layer.node.inputs]
        others = [sum(taking) > takes for takes in taking]
        return [name for name, needed in zip(layer.node.inputs, others, strict=True) if needed]

    def training(self) -> tuple[int, Moment]:
        """Return the bytes saved at the end of the forward pass, and the peak of the step."""
        users: dict[str, int] = {}
        peak = Moment(self.net.layers[0].node.name, 0)
        there = There({name: self.bytes(name) for name in self.given})
        ends = Ends(self.last)
        for step, layer in enumerate(self.net):
            for name, size in self.saves(layer).items():
                there.keep(name, size)
                users[name] = users.get(name, 0) + 1
            root = self.root[layer.node.name]
            if root not in there.alive:
                there.live(root, self.bytes(root))
                ends.move(root, self.last.get(root, step))
            peak = max(peak, Moment(layer.node.name, there.bytes), key=lambda moment: moment.bytes)
            for other in ends.at(step):
                if other not in self.given:
                    there.drop(other)
        return there.bytes, self._backward(there, users, peak)

    def _backward(self, there: There, users: dict[str, int], peak: Moment) -> Moment:
        """Walk back: add gradients, release saved tensors."""
        gradients = Gradients(self)
        weights = 0
        for layer in reversed(self.net.layers):
            if layer.node.name not in gradients.held:
                continue
            weights += ((params(layer) or 0) - (frozen(layer) or 0)) * self.scale // self.batch
            extra = gradients.step(layer)
            live = there.bytes + gradients.bytes + weights + extra
            peak = max(peak, Moment(f"{layer.node.name}, backward", live), key=lambda moment: moment.bytes)
            gradients.drop(layer.node.name)
            for saved in self.saves(layer):
                users[saved] -= 1
                if not users[saved]:
                    there.release(saved)
        return peak


class Gradients:
    """The gradients of the backward pass: the tensor that holds each layer's gradient."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        ends = [output.node for output in flow.net.outputs]
        self.held: dict[str, str] = {}
        self.sizes = {name: flow.bytes(name) for name in ends}
        self.holders: dict[str, int] = {}
        self.bytes = 0  # uses of the tensors that hold a gradient
        for name in ends:
            if name in flow.learns and name not in self.held:
                self.put(name, name)

    def put(self, name: str, root: str) -> None:
        """Note that a tensor holds the gradient of a layer."""
        if name in self.held:
            self.drop(name)
        self.held[name] = root
        self.holders[root] = self.holders.get(root, 0) + 1
        if self.holders[root] == 1:
            self.bytes += self.sizes[root]

    def drop(self, name: str) -> None:
        """Release the gradient of a layer."""
        root = self.held.pop(name)
        self.holders[root] -= 1
        if not self.holders[root]:
            self.bytes -= self.sizes[root]

    def step(self, layer: Layer) -> int:
        """Add the gradients of a layer's inputs; return the bytes that are needed temporarily."""
        name = layer.node.name
        extra = 0
        for source in dict.fromkeys(layer.node.inputs):
            if source not in self.flow.learns:
                continue
            smaller = math.prod(self.flow.shapes[source]) < math.prod(layer.output)
            if layer.node.op.merges and smaller and not layer.node.op.passes:
                extra += self.flow.bytes(name)  # computed in full, then summed over the axes of length 1
            shared = layer.node.op.passes or layer.node.op.memory == "view"
            root = self.held[name] if shared and source not in self.held else f"{name} to {source}"
            self.sizes.setdefault(root, self.flow.bytes(source))
            if source in self.held:
                extra += self.sizes[self.held[source]]  # the sum is a new tensor beside its two parts
            self.put(source, root)
        return extra
