"""Sums with a shortcut in one form, so that blocks which differ in their shortcut alone are seen to be one."""

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
"""Words of calls that a shortcut may hold; an activation is none of them."""


def ordered(steps: Steps) -> Steps:
    """A sum of two paths with the shortcut second, and there even where it changes nothing; other steps as they are."""
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
    """A sum whose first input comes second; for equal shapes it is the same either way."""
    assert isinstance(item, Call), "a sum is a call"
    if "Reshape" not in item.target and "None" not in item.target:
        return item
    return replace(item, target=item.target.replace("{x0}", "{x}").replace("{x1}", "{x0}").replace("{x}", "{x1}"))


def _plain(item: Item) -> bool:
    return isinstance(item, Call) and item.is_object and item.word in PLAIN


def _word(item: Item) -> str:
    return item.word if isinstance(item, Call) else ""


def regions(steps: Steps) -> Iterator[Region]:
    """Every region, those inside of others too."""
    for item in (item for step in steps for item in step.items):
        if isinstance(item, Region):
            yield item
            yield from regions(item.steps)


def told_apart(steps: Steps) -> Steps:
    """Regions alike but for their shortcut are alike only if all shortcuts that do something are."""
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
    """The steps with every region changed, inner ones first."""

    def item_changed(item: Item) -> Item:
        if not isinstance(item, Region):
            return item
        return changed(replace(item, steps=_mapped(item.steps, changed)))

    return tuple(replace(step, items=tuple(map(item_changed, step.items))) for step in steps)


def skipped(steps: Steps, layers: Layers) -> Steps:
    """Chains that are the body of a residual block elsewhere, as such blocks without their sum.

    This is how the blocks of MobileNetV2 are one: those that change the size have no shortcut.
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
    """A residual block of some size whose shortcut changes nothing."""
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
    """Puts regions without a sum in place of chains."""

    def __init__(self, keys: set[Fine], layers: Layers) -> None:
        self.keys = keys
        self.lengths = sorted(map(len, keys), reverse=True)
        self.layers = layers
        self.used: set[Fine] = set()

    def steps(self, steps: Steps) -> Steps:
        return tuple(step if step.merges else replace(step, items=self.chain(step.items)) for step in steps)

    def inside(self, item: Item) -> Item:
        """A region looked through, its own body left."""
        if not isinstance(item, Region):
            return item
        if _is_residual(item) and _body_key(item) in self.keys:
            return item
        return replace(item, steps=self.steps(item.steps))

    def chain(self, items: Items) -> Items:
        """A chain with such bodies as regions; they begin and end where units do."""
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
        """A chain as a residual block without its sum."""
        self.used.add(tuple(item.fine for item in items))
        steps = (Step(items, (ENTRY,)), Step((), (ENTRY,), shortcut=True), Step((), (0, 1), optional=True))
        return Region(steps, self.layers[items[0].layer].inputs[0])
