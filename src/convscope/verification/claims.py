"""Comparison of the claims of a net with the module that it describes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze import cost
from convscope.analyze.lines import image_of
from convscope.analyze.support import support
from convscope.backends.torch import TorchNet
from convscope.core.graph import KINDS
from convscope.core.order import sizes_in
from convscope.core.shape import joined, to_text
from convscope.errors import FieldError
from convscope.frontends.torch.ends import Taken
from convscope.verification.probe import Probe
from convscope.verification.result import Check, Verification, difference_text, pixels_text
from convscope.verification.tabled import Tabled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn

    from convscope.analyze.cost import Total
    from convscope.core.graph import Input
    from convscope.core.net import Net
from convscope.core.shape import Shape


@dataclass(frozen=True)
class Unit:
    """A unit in the output of a module, and the layer that claims to be it."""

    path: str
    layer: str
    at: Shape


def compare(  # noqa: PLR0913 -- the parts of the comparison
    module: nn.Module,
    net: Net,
    outputs: Mapping[str, str],
    *,
    units: int = 8,
    seed: int = 0,
    taken: Taken | None = None,
) -> Verification:
    """Compare the claims of ``net`` with the behaviour of ``module``.

    Args:
        module: the model.
        net: the claims about it.
        outputs: the layer that claims to be the output of each module, by path (empty for the entire model).
        units: number of units to probe: the middle and the corners of the last map, and random ones.
        seed: for the random choice.
        taken: how the module is called; by default with the inputs of the net in order.

    Raises:
        FieldError: ``units`` is not a number from 1.
        ShapeError: the module fails on an input of the net's size.
        UnknownNameError: there is no such module, or no such layer.

    It finds a forgotten dilation:

    >>> import convscope as cs
    >>> from torch import nn
    >>> stated = cs.read("input 9x9x1, conv 4 3x3 d2")
    >>> compare(nn.Conv2d(1, 4, 3, dilation=2), stated, {"": "conv1"}).passed
    True
    >>> compare(nn.Conv2d(1, 4, 5), stated, {"": "conv1"}).passed
    False
    """
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise FieldError(f"units={units} is not valid", expected="an integer from 1")
    given = {one.name for one in net.inputs}
    outputs = {path: layer for path, layer in outputs.items() if layer not in given}  # an Identity returns its input
    built = isinstance(module, TorchNet)
    taken = taken or Taken(_natural(net.inputs) if built else net.inputs, {}, "")
    images = [at for at, one in enumerate(net.inputs) if len(one.shape) > 1 and one.kind == KINDS[0]]
    probes = [Probe(module, taken, of) for of in images or [0]]
    probe = probes[0]
    ends = _outputs(probe, net, natural=built)
    shapes = _shapes(probe, net, outputs)
    chosen = _chosen(probe, net, outputs, units, np.random.default_rng(seed))
    fields = [check for one in probes for check in _fields(one, net, chosen)] if images else []
    checks = (_params(module, net), _macs(probe, net), *ends, shapes, *fields)
    doubts = dict.fromkeys(doubt for one in probes for gates in (True, False) for doubt in one.run(gates=gates).doubts)
    return Verification(net.inputs, checks, tuple(doubts))


def _natural(inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    return tuple(replace(one, order="") for one in inputs)


def _outputs(probe: Probe, net: Net, *, natural: bool) -> list[Check]:
    """Compare number and sizes of returned tensors; a single one in natural layout is covered by layer shapes."""
    claimed = [sizes_in("" if natural else one.order, net.shape(one.node)) for one in net.outputs]
    probed = list(probe.run().results)
    if claimed == probed and len(claimed) == 1 and not net.outputs[0].order:
        return []
    return [Check("outputs", _sizes_text(claimed), _sizes_text(probed), agrees=claimed == probed)]


def _sizes_text(sizes: list[tuple[int, ...]]) -> str:
    """Describe the number of tensors and the sizes of the first few."""
    few = ", ".join(joined(one) or "a number" for one in sizes[:4])
    return f"{len(sizes)}: {few}{' …' if len(sizes) > 4 else ''}"


def _fields(probe: Probe, net: Net, chosen: list[Unit]) -> Iterator[Check]:
    """Compare the fields of units on one input."""
    name = net.inputs[probe.of].name
    probe.follow(unit.path for unit in chosen)
    tabled = [Tabled(net, gates, name) for gates in (True, False)]
    for unit in chosen:
        for check in _field(probe, tabled, unit):
            yield check if len(net.inputs) == 1 else replace(check, what=f"{check.what}, on {name}")


def _params(module: nn.Module, net: Net) -> Check:
    probed = sum(parameter.numel() for parameter in module.parameters())
    more = _stored_otherwise(net) if isinstance(module, TorchNet) else 0
    note = f"the built module has {probed:,}; the source stores {abs(more):,} {'more' if more > 0 else 'fewer'}"
    return _counted("params", cost.net_params(net), probed + more, note if more else "")


def _stored_otherwise(net: Net) -> int:
    """Return how many more parameters the source has than a module built from its layers.

    A built module has every weight at every layer: it has a shared tensor twice, a computed tensor in its final form,
    and no tensor that no layer reads.
    """
    pairs = ((layer, layer.node.op.weights(layer.inputs)) for layer in net if layer.node.own.weights is not None)
    built = ((layer, stated) for layer, stated in pairs if stated is not None)
    own = sum((cost.params(layer) or 0) - sum(one.count for one in stated if one.trained) for layer, stated in built)
    return own + sum(weight.count for weight in net.unused)


def _macs(probe: Probe, net: Net) -> Check:
    claimed = cost.total((layer.node.name, cost.macs(layer)) for layer in net)
    run = probe.run()
    more = _worked_out(net) if isinstance(probe.module, TorchNet) else 0
    notes = [f"{run.stored_macs:,} do not depend on the input"] if run.stored_macs else []
    if more:
        notes.append(f"{more:,} are on constants in the source, of which the module stores the results")
    return _counted("MACs", claimed, run.macs + more, "; ".join(notes))


def _worked_out(net: Net) -> int:
    """Return the multiply-adds of the source on constants; a module built from its layers has only the results."""
    own = (layer for layer in net if layer.node.own.macs is not None)
    pairs = ((layer, layer.node.op.macs(layer.inputs, layer.output)) for layer in own)
    return sum((cost.macs(layer) or 0) - stated for layer, stated in pairs if stated is not None)


def _counted(what: str, claimed: Total, probed: int, note: str = "") -> Check:
    if claimed.exact:
        return Check(what, f"{claimed.value:,}", f"{probed:,}", claimed.value == probed, note)
    note = f"a lower bound: unknown for {', '.join(claimed.missing[:3])}{' …' if len(claimed.missing) > 3 else ''}"
    return Check(what, f"≥ {claimed.value:,}", f"{probed:,}", claimed.value <= probed, note)


def _shapes(probe: Probe, net: Net, outputs: Mapping[str, str]) -> Check:
    """Compare the outputs of all modules; the first that differs is named."""
    positions = probe.run().positions
    pairs = [(path, net[layer].output, positions[path].shape) for path, layer in outputs.items() if path in positions]
    wrong = [(path, claimed, shape) for path, claimed, shape in pairs if shape != (1, *claimed)]
    if not wrong:
        return Check("shapes", f"{len(pairs)} outputs", "the same", agrees=True)
    path, claimed, shape = wrong[0]
    name = path or "the whole module"
    note = f"the first of {len(wrong)} of {len(pairs)} that differ: {name}"
    return Check("shapes", to_text(claimed), to_text(shape[1:]), agrees=False, note=note)


def _chosen(probe: Probe, net: Net, outputs: Mapping[str, str], units: int, chance: Any) -> list[Unit]:
    """Choose units of the last map, then of any layer."""
    positions = probe.run().positions
    fitting = [
        (path, layer)
        for path, layer in outputs.items()
        if path in positions and positions[path].shape == (1, *net[layer].output)
    ]
    order = {layer.node.name: number for number, layer in enumerate(net)}
    rank = len(image_of(net).shape)
    maps = {layer: path for path, layer in fitting if len(net[layer].output) == rank > 1}
    if rank == 1:  # there is no image, so no unit has a field
        return []
    if not maps:
        return [Unit(path, layer, ()) for path, layer in fitting[-1:] if len(net[layer].output) == 1]
    large = [layer for layer in maps if math.prod(net[layer].output[1:]) > 1] or list(maps)
    last = max(large, key=order.__getitem__)
    some = [Unit(maps[last], last, at) for at in _corners(net[last].output[1:])][:units]
    names = sorted(maps, key=order.__getitem__)
    for _ in range(4 * units):  # a small map has few units, so a random one may be a repetition
        if len(some) >= units:
            break
        layer = names[int(chance.integers(len(names)))]
        at = tuple(int(chance.integers(size)) for size in net[layer].output[1:])
        unit = Unit(maps[layer], layer, at)
        some += [] if unit in some else [unit]
    return some


def _corners(sizes: Shape) -> list[Shape]:
    """Return the middle and the corners, without repetition.

    >>> _corners((5, 1))
    [(2, 0), (0, 0), (4, 0)]
    """
    middle = tuple(size // 2 for size in sizes)
    return list(dict.fromkeys((middle, *itertools.product(*((0, size - 1) for size in sizes)))))


def _field(probe: Probe, tabled: list[Tabled], unit: Unit) -> Iterator[Check]:
    """Compare the pixels of one unit, with gates and without; a single check if both give the same."""
    checks = [_one_field(probe, claims, unit) for claims in tabled]
    at = ", ".join(map(str, unit.at))
    what = f"field of {unit.layer}" + (f" at {at}" if at else "")
    if checks[0] == checks[1]:
        yield _named(checks[0], what)
    else:
        yield _named(checks[0], f"{what}, with gates")
        yield _named(checks[1], f"{what}, without gates")


def _named(check: Check, what: str) -> Check:
    return Check(what, check.claimed, check.probed, check.agrees, check.note)


def _one_field(probe: Probe, tabled: Tabled, unit: Unit) -> Check:
    """Compare the exact pixels, and the boxes of the table."""
    net, gates = tabled.net, tabled.gates
    claimed = support(net, unit.layer, unit.at, gates=gates, of=tabled.of)
    rank = len(net[unit.layer].output) - 1
    index: list[int | slice] = [slice(None), slice(None), *unit.at[:rank]]
    probed = probe.run(gates=gates).mask(unit.path, index)
    texts = pixels_text(claimed.mask), pixels_text(probed)
    same = np.array_equal(claimed.mask, probed)
    if not same and (claimed.exact or (probed & ~claimed.mask).any()):
        return Check("", *texts, agrees=False, note=difference_text(claimed.mask, probed))
    wrong = tabled.wrong(unit.layer, unit.at, probed)
    if wrong:
        return Check("", *texts, agrees=False, note=wrong)
    if same:
        return Check("", *texts, agrees=True)
    return Check("", f"in {texts[0]}", texts[1], agrees=True, note="an upper bound, which contains them")
