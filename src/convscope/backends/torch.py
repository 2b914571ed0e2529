"""A net as a torch module, with loading and saving of weights by the names of the net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from convscope.backends import lower_tensor  # noqa: F401 -- registers its lowerings
from convscope.backends.lower import lower
from convscope.core.order import moves
from convscope.ops.act import Softmax

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convscope.core.net import Net


class TorchNet(nn.Module):
    """A net as a module: ``x: n c h w -> y: n c' h' w'``, or a tuple of tensors for several outputs.

    Inputs are in the order of the net, each ``n c h w``; outputs have the layout of their layers, whatever the layout
    in the source. Each value is released after its last reader, so inference holds no more than needed.

    Args:
        net: what to build.
        logits: omit a final softmax, because the loss includes it.
    """

    def __init__(self, net: Net, *, logits: bool = False) -> None:
        super().__init__()
        self.net: Net = net
        self.names: tuple[str, ...] = tuple(layer.node.name for layer in net)
        given = [one.name for one in net.inputs]
        place = {name: at for at, name in enumerate((*given, *self.names))}
        self.parts: nn.ModuleList = nn.ModuleList(lower(layer.node.op, layer.inputs) for layer in net)
        self.results: list[int] = [place[output.node] for output in net.outputs]
        for at, layer in enumerate(net):
            if logits and isinstance(layer.node.op, Softmax) and at + len(given) in self.results:
                self.parts[at] = nn.Identity()
        self.wiring: list[tuple[int, ...]] = [tuple(place[name] for name in layer.node.inputs) for layer in net]
        last = {source: at for at, sources in enumerate(self.wiring) for source in sources}
        kept = {*self.results}
        self.done: list[tuple[int, ...]] = [
            tuple(one for one, at in last.items() if at == step and one not in kept) for step in range(len(net))
        ]

    def forward(self, *given: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Run the layers in order."""
        values: list[Tensor | None] = [*given]
        for part, sources, done in zip(self.parts, self.wiring, self.done, strict=True):
            values.append(part(*(values[source] for source in sources)))
            for source in done:
                values[source] = None
        results = tuple(values[at] for at in self.results)
        return results[0] if len(results) == 1 else results  # type: ignore[return-value] # results are not released

    def values(self, given: Mapping[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
        """Return the values of some layers in one pass, by name; every layer has its own value, so no hook is needed.

        Only the necessary layers run, from ``given`` up to the last wanted one. Gradients flow as usual.

        Args:
            given: values to begin with: ``{INPUT: x}``, or the value of an inner layer to run only later ones.
            wanted: names of layers, possibly given ones.

        Raises:
            KeyError: a layer that is wanted or needed is neither given nor in the net.
        """
        kept = {*wanted}
        at = {name: number for number, name in enumerate(self.names)}
        order = sorted(self._needed(given, kept), key=at.__getitem__)
        sources = {name: self.net.layers[at[name]].node.inputs for name in order}
        last = {source: name for name in order for source in sources[name]}
        found = dict(given)
        for name in order:
            found[name] = self.parts[at[name]](*(found[source] for source in sources[name]))
            for source in {*sources[name]} - kept:
                if last[source] == name:
                    del found[source]
        return {name: found[name] for name in kept}

    def _needed(self, given: Mapping[str, Tensor], wanted: Iterable[str]) -> set[str]:
        """Return the layers that must run to compute the wanted values from the given ones."""
        sources = {layer.node.name: layer.node.inputs for layer in self.net}
        needed: set[str] = set()
        missing = [name for name in wanted if name not in given]
        while missing:
            name = missing.pop()
            if name not in needed:
                needed.add(name)
                missing += [source for source in sources[name] if source not in given]
        return needed


def arranged(tensor: Tensor, order: str) -> Tensor:
    """Bring the tensor ``n c h w`` of a layer into an order, see :mod:`convscope.core.order`."""
    if not order:
        return tensor
    step = moves(order, range(tensor.dim()))
    tensor = tensor if step.split is None else tensor.reshape(step.split)
    tensor = tensor if step.permuted is None else tensor.permute(step.permuted)
    return tensor if step.joined is None else tensor.reshape(step.joined)


def weights_out(model: TorchNet) -> dict[str, Tensor]:
    """Return every tensor of the model by ``layer.tensor``, as contiguous float32 or integers."""
    return {
        f"{name}.{key}": value.detach().contiguous().cpu()
        for name, part in zip(model.names, model.parts, strict=True)
        for key, value in part.state_dict().items()
    }


def weights_in(model: TorchNet, tensors: dict[str, Tensor]) -> None:
    """Load tensors by ``layer.tensor`` into the model.

    Raises:
        ValueError: a tensor is missing, unexpected, or of another shape.
    """
    mine = weights_out(model)
    if mine.keys() != tensors.keys():
        raise ValueError(f"tensors differ: {sorted(mine.keys() ^ tensors.keys())[:4]}")
    wrong = [key for key, value in mine.items() if value.shape != tensors[key].shape]
    if wrong:
        raise ValueError(f"{wrong[0]} has shape {tuple(tensors[wrong[0]].shape)}, not {tuple(mine[wrong[0]].shape)}")
    for name, part in zip(model.names, model.parts, strict=True):
        part.load_state_dict({key: tensors[f"{name}.{key}"] for key in part.state_dict()})
