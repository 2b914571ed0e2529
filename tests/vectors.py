"""What Python knows of nets, as JSON for the tests of the page's engine: one mismatch fails them.

Three kinds of nets: every example of every op that the engine names, random ones, and those of the recipes on digits of
MNIST, with random weights. Each has its layers as the document states them, and values by our lowering to torch.
"""

from __future__ import annotations

import base64
import json
import math
import random
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

from convscope.analyze.memory import alive_at, memory
from convscope.analyze.table import layer_table
from convscope.backends.torch import TorchNet
from convscope.core.axis import All, Table, Window
from convscope.core.graph import Graph, Input, Node, Output
from convscope.core.net import Net
from convscope.core.op import REGISTRY
from convscope.data.registry import DATASETS, load
from convscope.errors import ConvscopeError
from convscope.explorer.build import document_of
from convscope.frontends import read
from convscope.testing import op_from_text
from convscope.training.batches import scaled
from convscope.training.recipe import RECIPES, find
from graphs import random_net
from mistakes import GOOD, mistakes
from share import count
from strategies import channel_texts, geometry_texts, many_texts, net_texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

    from convscope.analyze.effective import Effective
    from convscope.analyze.field import Field
    from convscope.core.axis import Read

FOREIGN = ("attention", "sdpa", "pick", "cumsum", "lstm", "gru", "rearrange", "reduce", "mix", "opaque", "einsum")
"""Ops that the engine does not name."""

RANDOM, EVERY = 200, 4
"""Random nets of a full run, and how many of them make one of a short run."""

DIGITS = 200
"""Digits of a full run, for each recipe."""

UNITS = 3
"""Units of each net whose boxes are compared."""


def write(path: Path) -> int:
    """Write all vectors, one a line, and return their number."""
    torch.manual_seed(0)
    with path.open("w", encoding="utf-8") as file:
        merges = {name: made.merges for name, made in REGISTRY.items()}
        header = {"ops": merges, "mistakes": mistakes(), "documents": list(documents())}
        file.write(json.dumps(header) + "\n")
        return sum(file.write(json.dumps(one) + "\n") > 0 for one in _all())


UNNAMED = (
    "input 8x6x4, conv 4 3x3 p1, attention 1 w2, conv 2 3x3 s2, gap, linear 3",
    "input 6x6x2, conv 4 3x3 same, rearrange a4xb6xc6:axbc, gru 5, cumsum along1, pick 3-0 along1, conv 3 3",
    "input 5x7x3, conv 6 1x1, rearrange a2b3xc5xd7:baxcxd, add( id | reduce a6xb5xc7:axbx1 ) relu, conv 3 3x3",
    "input 4x4x6, sdpa 1, einsum a2xb4xc4:a2xb4xd4:axcxd( id | conv 2 1x1 ), opaque 4x4x2, conv 2 3x3",
    "input 6, rearrange a2b3:ba, rearrange a2b3:1xab, cumsum along1, rearrange 1xa2b3:abx1, conv 2 1",
    "input 9x4, tokens 1, attention 2, pick 0 along1, lstm 3 both, conv 2 1",
)
"""Nets with ops that the engine does not name."""


def documents() -> Iterator[dict[str, Any]]:
    """Yield nets as their documents have them, and boxes of some units."""
    for text in UNNAMED:
        net = read(text)
        boxes = list(_boxes(net, random.Random(text)))
        reads = [[list(map(_relation, reads)) for reads in layer.reads] for layer in net]
        yield {"text": text, "net": msgspec.to_builtins(document_of(net).net), "boxes": boxes, "reads": reads}


def digits() -> Iterator[dict[str, Any]]:
    """Yield the nets of MNIST's recipes with random weights, and what they compute of digits of the test set."""
    dataset = DATASETS["mnist"]
    images = scaled(torch.from_numpy(load(dataset, "test").images[: count(DIGITS, EVERY)].copy()), dataset)
    nets = dict.fromkeys(recipe.net for recipe in map(find, RECIPES) if recipe.data == "mnist")
    for text in nets:
        net = read(text)
        model = _random(net)
        with torch.no_grad():
            made = {"digits": _packed(images), "logits": _packed(model(images))}
        yield vector(f"digits {text}", net) | {"weights": _weights(model)} | made


def _all() -> Iterator[dict[str, Any]]:
    for name, net in examples():
        yield vector(f"example {name}", net) | _values(net)
    for number, net in enumerate(randoms()):
        yield vector(f"random {number}", net) | _values(net)
    yield from (vector(f"text {text}", read(text)) | {"source": text} for text in GOOD)
    yield from digits()


def examples() -> Iterator[tuple[str, Net]]:
    """Every example of every op that the engine names, as a net of one layer."""
    for keyword, made in REGISTRY.items():
        for example in () if keyword in FOREIGN else made.examples:
            names = [f"x{at}" for at in range(len(example.inputs))]
            node = Node("op", op_from_text(example.text, example.inputs), tuple(names))
            graph = Graph((node,), tuple(names), (Output("op"),))
            yield example.text, Net.at(graph, list(map(Input, names, example.inputs)))


def randoms() -> Iterator[Net]:
    """Random nets: chains with branches and gates, every geometry, channels that are dropped, several inputs."""
    wanted = count(RANDOM, EVERY) // 4
    for strategy in (net_texts(), geometry_texts(), many_texts(), channel_texts()):
        yield from [net for net in map(_read, _drawn(strategy, 2 * wanted)) if net][: wanted + 1]
    yield from [net for net in map(random_net, range(2 * wanted)) if _named(net)][:wanted]


def _drawn(strategy: Any, wanted: int) -> list[str]:
    """Draw texts, always the same."""
    found: list[str] = []

    @seed(0)
    @settings(
        max_examples=wanted, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def draw(text: str) -> None:
        found.append(text)

    draw()
    return found[1:]  # the first is the simplest


def _read(text: str) -> Net | None:
    try:
        net = read(text)
    except ConvscopeError:
        return None
    return net if _named(net) else None


def _named(net: Net) -> bool:
    return all(layer.node.op.keyword not in FOREIGN for layer in net)


def vector(name: str, net: Net) -> dict[str, Any]:
    """Return a net, its layers as the document states them, and boxes of some units."""
    table, told = layer_table(net), memory(net)
    layers = [
        {
            "name": row.name,
            "op": layer.node.op.keyword,
            "text": row.op,
            "settings": {one.name: getattr(layer.node.op, one.name) for one in layer.node.op.declared},
            "inputs": layer.node.inputs,
            "out": row.out,
            "params": row.params,
            "macs": row.macs,
            "bytes": row.activation_bytes,
            "live": moment.bytes,
            "rf": _field(row.field),
            "gated": None if row.gated == row.field else _field(row.gated),
            "reads": [list(map(_relation, reads)) for reads in layer.reads],
            "statistics": list(map(_relation, layer.statistics)),
            "hull": layer.node.op.hull(),
            "pointwise": layer.pointwise,
            "weights": [[one.name, one.shape, one.trained, one.dtype] for one in layer.weights or ()],
        }
        for layer, row, moment in zip(net, table.rows, told.timeline, strict=True)
    ]
    return {
        "name": name,
        "text": str(net),
        "inputs": [{"name": one.name, "shape": one.shape, "kind": one.kind} for one in net.inputs],
        "of": table.of,
        "outputs": [{"name": one.name, "layer": one.node} for one in net.outputs],
        "layers": layers,
        "totals": {"params": table.params.value, "macs": table.macs.value, "bytes": table.activation_bytes},
        "peak": {"bytes": told.peak.bytes, "layer": told.peak.node, "live": alive_at(net, told.peak)},
        "boxes": list(_boxes(net, random.Random(name))),
    }


def _field(found: Field) -> list[dict[str, Any]]:
    return [
        {
            "size": one.size, "local": one.local, "stride": _pair(one.stride), "start": one.start,
            "centre": _pair(one.centre), "phases": one.boxes if one.phases > 1 else None,
            "exact": one.exact, "seams": one.seams,
        }
        for one in found
    ]  # fmt: skip


def _pair(value: Fraction | None) -> list[int] | None:
    return None if value is None else [value.numerator, value.denominator]


def _relation(given: Read) -> dict[str, Any]:
    """Return a read with what each output reads, from the first to the last."""
    relation = given.relation
    kind = {Window: "window", Table: "table", All: "all"}[type(relation)]
    pulled = [relation.pull(np.array([output])).tolist() for output in range(relation.extent)]
    return {"kind": kind, "follows": given.follows, "size": relation.size, "pulled": pulled}


def _boxes(net: Net, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the boxes of some units on the input whose pixels are counted."""
    for layer in chance.choices(net.layers, k=UNITS) if len(net.inputs[0].shape) > 1 else ():
        at = tuple(chance.randrange(size) for size in layer.output[1:])
        if layer.node.op.keyword == "const":
            continue
        for gates in (True, False):
            field = net.field(layer.node.name, at, gates=gates)
            found = field.support
            box = found.box and [list(map(int, ends)) for ends in found.box]
            one = {"layer": layer.node.name, "at": at, "gates": gates, "box": box, "pixels": found.pixels}
            yield one | (_effective(field.effective) if gates else {})


def _effective(found: Effective) -> dict[str, Any]:
    heat = [float(f"{weight:.9g}") for weight in found.heat.ravel()]
    return {"heat": heat, "std": found.std, "on_image": found.on_image, "exact": found.exact}


def _random(net: Net) -> TorchNet:
    """Return a net with random weights and statistics."""
    model = TorchNet(net).eval()
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if tensor.is_floating_point():
                gain = 0.5 if tensor.ndim < 2 else math.sqrt(2 / math.prod(tensor.shape[1:]))  # values stay near 1
                tensor.copy_(torch.rand_like(tensor) + 0.5 if "var" in name else gain * torch.randn_like(tensor))
    return model


def _values(net: Net) -> dict[str, Any]:
    """Return random inputs and weights, and the values of all layers."""
    model = _random(net)
    with torch.no_grad():
        given = {one.name: torch.rand(1, *one.shape) + 0.1 for one in net.inputs}
        found = model.values(given, [layer.node.name for layer in net])
    return {
        "given": {name: _packed(tensor[0]) for name, tensor in given.items()},
        "weights": _weights(model),
        "values": {name: _packed(tensor[0]) for name, tensor in found.items()},
    }


def _weights(model: TorchNet) -> dict[str, dict[str, str]]:
    names = dict(enumerate(model.names))
    weights: dict[str, dict[str, str]] = {}
    for key, tensor in model.state_dict().items():
        _, number, *rest = key.split(".")
        weights.setdefault(names[int(number)], {})[".".join(rest)] = _packed(tensor)
    return weights


def _packed(tensor: torch.Tensor) -> str:
    """Return values as base64 of little-endian float32."""
    return base64.b64encode(tensor.detach().float().contiguous().numpy().astype("<f4").tobytes()).decode()
