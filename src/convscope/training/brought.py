"""The weights that a model brings into a run: of a live model, a file, the user's own code, or an earlier run."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.net import Net
from convscope.core.shape import to_text
from convscope.data.classes import listed
from convscope.errors import ModelError, WriteError
from convscope.files import is_run
from convscope.frontends import STDIN, hub, is_weights, named, read
from convscope.frontends.others import theirs
from convscope.frontends.paths import may_be_path
from convscope.inert import inert
from convscope.training.run import Run, load
from convscope.writers.weights import checked, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import nn

    from convscope.frontends.given import Asked

    Tensors = Mapping[str, NDArray[Any]]

INITS = ("model", "random")
"""Where training may start: from the weights that the model brings, or from random ones."""

SHOWN = 4
"""The most names that a message lists."""


@dataclass(frozen=True)
class Brought:
    """A net, with the weights that it brings.

    Attributes:
        net: the net.
        tensors: its weights by ``layer.tensor``; None if it brings none.
        source: where they come from, in words.
        run: the run from which they come.
        frozen: the tensors that are frozen in the source, by ``layer.tensor``.
        notes: what a user should know about them, a sentence each.
        left: whether it could bring weights and does not, so that its head is fitted to the data all the same.
    """

    net: Net
    tensors: Tensors | None = None
    source: str = ""
    run: Run | None = None
    frozen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left: bool = False

    def without(self) -> Brought:
        """Return the net alone, to be trained from random weights."""
        return Brought(self.net, left=self.tensors is not None)


def bring(source: object, *, input: object = None, weights: str | Path | None = None, seed: int = 0) -> Brought:  # noqa: A002 -- as for read
    """Read a net and the weights that it brings.

    Args:
        source: a run, or anything that :func:`convscope.read` takes.
        input: size of the input, for a source that does not state it.
        weights: a file of weights for it: ``.safetensors``, or a state_dict in ``.pt`` or ``.pth``.
        seed: for weights that the user's code draws while it makes the model.

    Raises:
        ModelError: the weights do not belong to the net, or some of them would be lost.
        ConvscopeError: as for :func:`convscope.read`.
    """
    source = str(hub.fetched(str(source))) if hub.is_name(source) else source
    if weights is not None:
        return _with_file(source, input, Path(weights), seed)
    if isinstance(source, Run) or (isinstance(source, str | Path) and source != STDIN and is_run(source)):
        return _of_run(source if isinstance(source, Run) else load(source))
    net = _read(source, input, seed)
    where = _where(source)
    if isinstance(source, str) and _is_bare(source):
        note = f"{inert(source)} is made without trained weights: training starts from random ones"
        return Brought(net, notes=(note,), left=True)
    tensors = stored(net)
    return Brought(net) if tensors is None else _checked(net, tensors, where)


def _is_bare(source: str) -> bool:
    """Return whether a name is that of a model of a package, which is made without trained weights."""
    return named.is_name(source) and not named.is_own(source) and not named.is_addressed(source)


def _read(source: object, input: object, seed: int) -> Net:  # noqa: A002 -- as for read
    """Read a net; what the user's code draws at random follows the seed."""
    if isinstance(source, Net) and input is None:
        return source
    if not (isinstance(source, str) and may_be_path(source) and named.is_name(source)):
        return read(source, input=input)
    if named.is_addressed(source):
        made, usual = named.model(source, numbers=True)
        return read(made, input=_size(usual) if input is None else input)
    if not named.is_own(source):  # created without values
        return read(source, input=input)
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return read(source, input=input)


def _size(usual: Asked) -> str | None:
    """Return the usual size of an input as text."""
    return to_text(usual.first.shape) if usual.first else None


def _where(source: object) -> str:
    if isinstance(source, str | Path):
        return inert(str(source))
    return "the net that was read" if isinstance(source, Net) else f"the model {inert(type(source).__name__)}"


def _of_run(run: Run) -> Brought:
    from convscope.training.train import tensors_of  # which imports this module

    return Brought(run.net, tensors_of(run), f"the run {inert(str(run.path))}", run)


def _checked(net: Net, tensors: Tensors, source: str) -> Brought:
    """Return what is brought, after a check that it is complete.

    Raises:
        ModelError: a tensor of the net is missing, has another shape, or has values that are not finite.
    """
    try:
        checked(net, tensors)
    except WriteError as error:
        raise ModelError(f"{source} does not bring all weights of its net: {error.what}") from None
    wrong = [name for name, one in tensors.items() if np.issubdtype(one.dtype, np.floating) and not _finite(one)]
    if wrong:
        raise ModelError(
            f"{source} brings values that are not finite, in {listed(wrong, most=SHOWN)}", expected="finite weights"
        )
    frozen = tuple(f"{layer.node.name}.{name}" for layer in net for name in layer.node.own.frozen)
    return Brought(net, tensors, source, frozen=frozen, notes=tuple(_notes(net)))


def _finite(tensor: NDArray[Any]) -> bool:
    return bool(np.isfinite(tensor).all())


def _notes(net: Net) -> list[str]:
    """Describe what the trained net has otherwise than the model."""
    found = []
    if net.unused:
        names = listed([weight.name for weight in net.unused], most=SHOWN)
        found.append(f"no layer of the net reads these weights of the model, so they are left out: {names}")
    tied = [layer.node.name for layer in net if layer.node.own.weights == () and layer.node.op.weights(layer.inputs)]
    if tied:
        shared = listed(tied, most=SHOWN)
        found.append(f"these layers share their weights with others in the model, and train copies here: {shared}")
    return found


def _with_file(source: object, input: object, path: Path, seed: int) -> Brought:  # noqa: A002 -- as for read
    """Return a net with the weights in a file."""
    from convscope.training.statefile import state_in

    state = state_in(path)
    module, usual = _module(source, seed)
    where = inert(str(path))
    if module is None:
        net = _read(source, input, seed)
        return _checked(net, _fitting({name: one.numpy() for name, one in state.items()}, net, where), where)
    with theirs(f"{where} does not fit the model", all_errors=True):
        answer = module.load_state_dict(state, strict=False, assign=any(one.is_meta for one in module.parameters()))
    _refuse_others(answer.missing_keys, answer.unexpected_keys, where)
    net = read(module, input=input if input is not None else usual)
    tensors = stored(net)
    assert tensors is not None  # all of them were just loaded
    return _checked(net, tensors, where)


def _module(source: object, seed: int) -> tuple[nn.Module | None, object]:
    """Return a copy of the module that takes the weights, and the usual size of its input; None for other nets."""
    import torch
    from torch import nn

    if isinstance(source, nn.Module):
        return copy.deepcopy(source), None
    if isinstance(source, str) and may_be_path(source) and named.is_name(source) and not is_weights(source):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made, usual = named.model(source, numbers=True)
        if isinstance(made, nn.Module):
            return made, _size(usual)
    return None, None


def _fitting(tensors: dict[str, NDArray[Any]], net: Net, where: str) -> dict[str, NDArray[Any]]:
    """Return the tensors, which are exactly those of the net.

    Raises:
        ModelError: one is missing, or is of no layer.
    """
    own = {f"{layer.node.name}.{one.name}" for layer in net for one in layer.node.op.weights(layer.inputs) or ()}
    _refuse_others([name for name in own if name not in tensors], [name for name in tensors if name not in own], where)
    return tensors


def _refuse_others(missing: list[str], more: list[str], where: str) -> None:
    if not missing and not more:
        return
    told = [f"it lacks {listed(sorted(missing), most=SHOWN)}"] * bool(missing) + [
        f"it also has {listed(sorted(more), most=SHOWN)}"
    ] * bool(more)
    raise ModelError(
        f"{where} does not hold the weights of this model",
        given="; ".join(told),
        expected="exactly the tensors of the model, by their names",
    )
