"""A net as one torch module, and its weights in and out by the names of the net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from convscope.backends import lower_tensor  # noqa: F401 -- registers its lowerings
from convscope.backends.lower import lower
from convscope.core.graph import INPUT
from convscope.ops.act import Softmax

if TYPE_CHECKING:
    from convscope.core.net import Net


class TorchNet(nn.Module):
    """A net as one module: ``x: n c h w -> y: n c' h' w'``.

    Each value is dropped after its last reader, so that inference holds no more than the net needs.

    Args:
        net: what to build.
        logits: leave out a softmax at the end, because the loss takes it in itself.
    """

    def __init__(self, net: Net, *, logits: bool = False) -> None:
        super().__init__()
        self.net = net
        self.names = tuple(layer.node.name for layer in net)
        place = {INPUT: 0, **{name: at for at, name in enumerate(self.names, 1)}}
        self.parts = nn.ModuleList(lower(layer.node.op, layer.inputs) for layer in net)
        if logits and isinstance(net.layers[-1].node.op, Softmax):
            self.parts[-1] = nn.Identity()
        self.wiring = [tuple(place[name] for name in layer.node.inputs) for layer in net]
        last = {source: at for at, sources in enumerate(self.wiring) for source in sources}
        self.done = [tuple(source for source, at in last.items() if at == step) for step in range(len(net))]

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers in order."""
        values: list[Tensor | None] = [x]
        for part, sources, done in zip(self.parts, self.wiring, self.done, strict=True):
            values.append(part(*(values[source] for source in sources)))
            for source in done:
                values[source] = None
        result = values[-1]
        assert result is not None
        return result


def weights_out(model: TorchNet) -> dict[str, Tensor]:
    """Every tensor of the model by ``layer.tensor``, as contiguous float32 or integers."""
    return {
        f"{name}.{key}": value.detach().contiguous().cpu()
        for name, part in zip(model.names, model.parts, strict=True)
        for key, value in part.state_dict().items()
    }


def weights_in(model: TorchNet, tensors: dict[str, Tensor]) -> None:
    """Put tensors by ``layer.tensor`` into the model.

    Raises:
        ValueError: a tensor is missing, left over, or of another shape.
    """
    mine = weights_out(model)
    if mine.keys() != tensors.keys():
        raise ValueError(f"tensors differ: {sorted(mine.keys() ^ tensors.keys())[:4]}")
    wrong = [key for key, value in mine.items() if value.shape != tensors[key].shape]
    if wrong:
        raise ValueError(f"{wrong[0]} has shape {tuple(tensors[wrong[0]].shape)}, not {tuple(mine[wrong[0]].shape)}")
    for name, part in zip(model.names, model.parts, strict=True):
        part.load_state_dict({key: tensors[f"{name}.{key}"] for key in part.state_dict()})
