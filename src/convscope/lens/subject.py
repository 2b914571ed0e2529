"""The subject of a figure: a net with its weights, from a run or a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from convscope.analyze.memory import FLOAT32, memory
from convscope.backends.device import CPU, find
from convscope.backends.torch import TorchNet, weights_in
from convscope.core.shape import to_text
from convscope.core.source import net_of
from convscope.errors import ModelError, ShapeError
from convscope.files import is_run
from convscope.inert import inert
from convscope.training.exported import stated
from convscope.training.run import Run, load
from convscope.training.train import model_of
from convscope.view.numbers import bytes_text
from convscope.writers.weights import initial, stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.backends.device import Device
    from convscope.core.net import Net
    from convscope.data import Dataset

Place = str | torch.device | None
"""A device, as for :func:`convscope.train`."""

MOST = 64
"""Images at a time."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A net that is ready to run.

    Attributes:
        name: as the user gave it.
        net: the net.
        model: returns scores, without a final softmax. Its weights have no gradients.
        weights: the origin of the weights, in words.
        run: the run from which the weights come.
        random: whether the weights are random because the net had none.
        device: where the model is.
        stated: what an exported file says about the images that it takes; it has no images.
    """

    name: str
    net: Net
    model: TorchNet
    weights: str
    run: Run | None = None
    random: bool = False
    device: Device = CPU
    stated: Dataset | None = None

    @property
    def dataset(self) -> Dataset | None:
        """The data set that the net was trained on; of an exported file, what the file says about it."""
        return self.run.dataset if self.run else self.stated

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, or numbers if they have no names."""
        return self.dataset.classes if self.dataset else tuple(map(str, range(self.net.output[0])))

    def copy(self) -> TorchNet:
        """Return a copy of the model that may be changed."""
        made = TorchNet(self.net, logits=True)
        made.load_state_dict(self.model.state_dict())
        self.device.module(made)
        return _frozen(made)

    def untrained(self, seed: int = 0) -> TorchNet:
        """Return the same net with random weights (He)."""
        return _with(self.net, initial(self.net, seed), self.device)

    def batch(self) -> int:
        """Return the number of images at a time for which a pass with gradients takes at most half of the free memory.

        Raises:
            ShapeError: a single image takes more than is free.
        """
        free = self.device.free()
        if free is None:
            return MOST
        one = memory(self.net, batch=1).saved + 4 * FLOAT32 * max(map(_count, self.net))
        if one > free:
            raise ShapeError(
                f"an image of {to_text(self.net.input)} needs about {bytes_text(one)} in this net, "
                f"{bytes_text(free)} are free"
            )
        return max(1, min(MOST, free // 2 // max(1, one)))


def _count(layer: Any) -> int:
    return int(torch.Size(layer.output).numel())


def subject(source: object, *, input: object = None, seed: int = 0, device: Device = CPU) -> Subject:  # noqa: A002 -- as for read
    """Prepare a run, a run folder, a net, or anything that :func:`convscope.read` takes.

    Args:
        source: the run or net that is shown.
        input: size of the input, for models that do not state it.
        seed: for random weights, if the net has none.
        device: where the model runs.

    Raises:
        RunError: a run folder is damaged or not finished.
        ModelError: the weights of a model do not fit its layers.
        ShapeError: the net does not take images of two axes.
        ConvscopeError: as for :func:`convscope.read`.
    """
    if isinstance(source, Run) or (isinstance(source, str | Path) and is_run(source)):
        run = source if isinstance(source, Run) else load(str(source))
        net, model = _with_ends(net_of(run, input)), _frozen(model_of(run, device))
        return Subject(inert(str(run.path)), net, model, "trained", run, device=device)
    net = _with_ends(net_of(source, input))
    tensors = stored(net)
    words = f"random, seed {seed}" if tensors is None else "of the model"
    name = source if isinstance(source, str) and len(source) <= 60 else f"a net of {len(net)} layers"
    model = _with(net, initial(net, seed) if tensors is None else tensors, device)
    known = stated(source, net) if isinstance(source, str | Path) else None
    return Subject(inert(str(name)), net, model, words, random=tensors is None, stated=known, device=device)


def subject_on(device: Place, source: object, *, input: object = None) -> Subject:  # noqa: A002 -- as for read
    """Prepare a subject on a device of that name.

    Raises:
        UnknownNameError, FieldError: as for :func:`convscope.backends.device.find`.
        ConvscopeError: as for :func:`subject`.
    """
    return subject(source, input=input, device=find(device))


def _with_ends(net: Net) -> Net:
    net.check_single("inputs", "running it on an image")
    if len(net.input) != 3:
        raise ShapeError(
            f"the net expects {to_text(net.input)}, which is not an image", expected="height x width x channels"
        )
    return net


def _with(net: Net, tensors: dict[str, NDArray[Any]], device: Device) -> TorchNet:
    made = TorchNet(net, logits=True)
    try:
        weights_in(made, {name: torch.tensor(numbers) for name, numbers in tensors.items()})
    except ValueError as error:
        raise ModelError(f"the weights do not belong to this net: {error}") from None
    device.module(made)
    return _frozen(made)


def _frozen(model: TorchNet) -> TorchNet:
    for weight in model.parameters():
        weight.requires_grad = False
    return model.eval()
