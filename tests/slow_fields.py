"""Supports and effective fields by brute force: unit by unit, with arrays as large as the layers.

The reference for what the analysis does in the window of the field. It follows the same declared reads, each output
index by itself, so that nothing is lost where several axes of an input follow one output axis.
"""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from convscope.analyze.lines import placed, trace
from convscope.analyze.support import support
from convscope.core.axis import All, Read, Relation, Table, beyond_each
from convscope.core.net import Layer, Net

Units = tuple[tuple[int, int], ...]


def read_by(relation: Relation, output: int) -> tuple[list[int], int]:
    """The input places that one output reads, each as often as it does, and between how many it shares its weight."""
    if isinstance(relation, All):
        return list(range(relation.size)), relation.size
    if isinstance(relation, Table):
        first, last = (int(end[0]) for end in relation.ends(np.array([output])))
        at = list(range(first, last + 1))
        taps = len(at)
    else:
        start = relation.stride * output - relation.lo
        stretched = [start + relation.dilation * tap for tap in range(relation.kernel)]
        at = [place // relation.up for place in stretched if place % relation.up == 0]
        taps = len(at) if relation.up > 1 else relation.kernel
    places, inside = beyond_each(np.array(at, dtype=np.intp), relation.size, relation.edge)
    return places[inside].tolist(), max(1, taps)


def of_input(reads: tuple[Read, ...], unit: tuple[int, ...]) -> tuple[list[tuple[int, ...]], int]:
    """The places of one input that a unit reads, and between how many it shares its weight."""
    along = [read_by(read.relation, unit[read.follows]) for read in reads]
    return list(itertools.product(*(places for places, _ in along))), math.prod(count for _, count in along)


def slow_mask(net: Net, node: str, units: Units, *, of: str) -> NDArray[np.bool_]:
    """The pixels of an input that units depend on, all paths followed."""
    reached = {one.node.name: np.zeros(one.output, np.bool_) for one in net}
    reached |= {one.name: np.zeros(one.shape, np.bool_) for one in net.inputs}
    reached[node][(slice(None), *(slice(a, b + 1) for a, b in units))] = True
    for layer in reversed(net.layers):
        paths = list(zip(layer.node.inputs, _reads(layer), strict=True))
        if layer.statistics:
            paths.append((layer.node.inputs[0], layer.statistics))
        for unit in map(tuple, np.argwhere(reached[layer.node.name])) if not layer.node.op.source else ():
            for name, reads in paths:
                for place in of_input(reads, unit)[0]:
                    reached[name][place] = True
    mask: NDArray[np.bool_] = np.logical_or.reduce(reached[of], 0)
    return mask


def slow_heat(net: Net, node: str, units: Units, *, of: str) -> NDArray[np.float64]:
    """The uniform-weight effective field in an input; not normalised."""
    weight = {one.node.name: np.zeros(one.output) for one in net} | {
        one.name: np.zeros(one.shape) for one in net.inputs
    }
    window = (slice(None), *(slice(a, b + 1) for a, b in units))
    weight[node][window] = 1 / weight[node][window].size
    tracks = trace(net, of=of)
    gates = not support(net, node, units, gates=False, of=of).regions
    sees = {of}
    for layer in net:
        if not layer.node.op.source and not sees.isdisjoint(layer.node.inputs):
            sees.add(layer.node.name)
    for layer in reversed(net.layers):
        if layer.node.name not in sees:
            continue
        seeing = [at for at, name in enumerate(layer.node.inputs) if name in sees]
        kept = (
            [at for at in placed(layer, [tracks[name] for name in layer.node.inputs]) if at in seeing]
            if len(seeing) > 1 and not gates
            else seeing
        )
        mine = weight[layer.node.name]
        found = {
            unit: [(at, *of_input(_reads(layer)[at], unit)) for at in kept or seeing]
            for unit in map(tuple, np.argwhere(mine > 0))
        }
        if (
            len(layer.reads) > 1 or layer.node.op.keyword == "tokens"
        ):  # who reads no path that is followed leaves its weight to the others
            found = {unit: [one for one in paths if one[1]] for unit, paths in found.items()}
            mine = mine * mine.sum() / (sum(mine[unit] for unit, paths in found.items() if paths) or 1)
        for unit, paths in found.items():
            for at, places, count in paths:
                for place in places:
                    weight[layer.node.inputs[at]][place] += mine[unit] / len(paths) / count
    heat: NDArray[np.float64] = weight[of].sum(0)
    return heat


def _reads(layer: Layer) -> list[tuple[Read, ...]]:
    return [reads[: len(shape)] for reads, shape in zip(layer.reads, layer.inputs, strict=True)]
