"""Normalisation of sums with a shortcut, so that blocks that differ in their shortcut only are recognised as one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from convscope.writers.calls import Call, Region, Step, units

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from convscope.core.net import Layer
    from convscope.writers.calls import Item, Steps

    Items = tuple[Item, ...]
    Layers = dict[str, Layer]
    Fine = tuple[Hashable, ...]

ENTRY = -1

PLAIN = {"Conv", "Linear", "BN", "GN", "LN", "AvgPool", "MaxPool", "Pad"}
"""Words of calls that a shortcut may contain, which excludes activations."""


def ordered(steps: Steps) -> Steps:
    """Return a sum of two paths with the shortcut second, even if it is the identity; other steps are unchanged."""
    *paths, merge = steps
    if _word(merge.items[-1]) != "Add" or len(merge.inputs) != 2:
        return steps
    if any(path.inputs != (ENTRY,) for path in paths) or set(merge.inputs) - {ENTRY} != set(range(len(paths))):
        return steps
    both = [Step((), (ENTRY,)) if source == ENTRY else paths[source] for source in merge.inputs]
    body, short = sorted(both, key=lambda path: len(path.items), reverse=True)
    if len(body.items) == len(short.items) or not all(map(_plain, short.items)):
        return steps
    items = merge.items if body is both[0] else tuple(map(_exchanged, merge.items))
    return (body, replace(short, shortcut=True), replace(merge, items=items, inputs=(0, 1)))


def _exchanged(item: Item) -> Item:
    """Swap the inputs of a sum, which is symmetric for equal shapes."""
    assert isinstance(item, Call), "a sum is a call"
    if "Reshape" not in item.target and "None" not in item.target:
        return item
    return replace(item, target=item.target.replace("{x0}", "{x}").replace("{x1}", "{x0}").replace("{x}", "{x1}"))


def _plain(item: Item) -> bool:
    return isinstance(item, Call) and item.is_object and item.word in PLAIN


def _word(item: Item) -> str:
    return item.word if isinstance(item, Call) else ""


def regions(steps: Steps) -> Iterator[Region]:
    """Yield every region, including nested ones."""
    for item in (item for step in steps for item in step.items):
        if isinstance(item, Region):
            yield item
            yield from regions(item.steps)


def told_apart(steps: Steps) -> Steps:
    """Treat regions that differ in the shortcut only as equal if all non-trivial shortcuts are equal."""
    shortcuts: dict[Hashable, set[Hashable]] = defaultdict(set)
    for region in regions(steps):
        shortcuts[region.key] |= {_key(step.items) for step in region.steps if step.shortcut and step.items}
    several = {key for key, kinds in shortcuts.items() if len(kinds) > 1}

    def changed(region: Region) -> Region:
        if region.key not in several:
            return region
        return replace(region, steps=tuple(replace(step, shortcut=False) for step in region.steps))

    return _mapped(steps, changed)


def _key(items: Items) -> Hashable:
    return tuple(item.key for item in items)


def _mapped(steps: Steps, changed: Callable[[Region], Region]) -> Steps:
    """Return the steps with every region changed, inner ones first."""

    def item_changed(item: Item) -> Item:
        if not isinstance(item, Region):
            return item
        return changed(replace(item, steps=_mapped(item.steps, changed)))

    return tuple(replace(step, items=tuple(map(item_changed, step.items))) for step in steps)


def skipped(steps: Steps, layers: Layers) -> Steps:
    """Rewrite chains that are the body of a residual block elsewhere as such blocks without a sum.

    This unifies the blocks of MobileNetV2: those that change the size have no shortcut.
    """
    found = {_body_key(region) for region in regions(steps) if _is_identity(region)}
    found -= {_body_key(region) for region in regions(steps) if _is_residual(region) and not _is_identity(region)}
    wrapped = _Skips(found, layers)
    changed = wrapped.steps(steps)
    if not wrapped.used:
        return steps
    return _mapped(changed, lambda region: _optional(region, wrapped.used))


def _is_residual(region: Region) -> bool:
    return len(region.steps) == 3 and region.steps[1].shortcut


def _is_identity(region: Region) -> bool:
    """Return whether it is a residual block of some size with an identity shortcut."""
    return _is_residual(region) and not region.steps[1].items and _body_size(region) > 1


def _body_size(region: Region) -> int:
    return sum(isinstance(item, Call) and bool(item.tensors) and not item.follows for item in region.steps[0].items)


def _body_key(region: Region) -> Fine:
    return tuple(item.fine for item in region.steps[0].items)


def _optional(region: Region, keys: set[Fine]) -> Region:
    if not _is_residual(region) or _body_key(region) not in keys:
        return region
    return replace(region, steps=(*region.steps[:2], replace(region.steps[2], optional=True)))


class _Skips:
    """Replaces chains with regions without a sum."""

    def __init__(self, keys: set[Fine], layers: Layers) -> None:
        self.keys = keys
        self.lengths = sorted(map(len, keys), reverse=True)
        self.layers = layers
        self.used: set[Fine] = set()

    def steps(self, steps: Steps) -> Steps:
        return tuple(step if step.merges else replace(step, items=self.chain(step.items)) for step in steps)

    def inside(self, item: Item) -> Item:
        """Rewrite within a region, but not its own body."""
        if not isinstance(item, Region):
            return item
        if _is_residual(item) and _body_key(item) in self.keys:
            return item
        return replace(item, steps=self.steps(item.steps))

    def chain(self, items: Items) -> Items:
        """Rewrite such bodies in a chain as regions, at the boundaries of units."""
        ends = {0, *accumulate(map(len, units(items)))}
        done, at = list["Item"](), 0
        while at < len(items):
            stops = (at + length for length in self.lengths if {at, at + length} <= ends)
            stop = next((stop for stop in stops if self._fits(items[at:stop])), 0)
            done.append(self.region(items[at:stop]) if stop else self.inside(items[at]))
            at = stop or at + 1
        return tuple(done)

    def _fits(self, items: Items) -> bool:
        return tuple(item.fine for item in items) in self.keys

    def region(self, items: Items) -> Region:
        """Return a chain as a residual block without its sum."""
        self.used.add(tuple(item.fine for item in items))
        steps = (Step(items, (ENTRY,)), Step((), (ENTRY,), shortcut=True), Step((), (0, 1), optional=True))
        return Region(steps, self.layers[items[0].layer].inputs[0])
