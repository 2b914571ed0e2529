"""Which parts of a net are written once: runs of items that come back with other numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from convscope.writers.calls import Block, Call, Region, Step, Use, calls, every, filled, last_layer, units, uses
from convscope.writers.residual import skipped, told_apart

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from convscope.core.net import Layer
    from convscope.writers.calls import Item, Path, Steps, Unit

    Run = tuple[Unit, ...]

LONGEST = 12
"""Units of a run that is looked for."""

COST = 6
"""Lines that a block costs its reader: its head, and the jump to it."""

PATHS = 2
"""The same for a block with paths: where it is written out, its paths take lines too."""

WRAPPER = 12
"""The same for a chain of blocks and single calls only."""

MOST = 9
"""Numbers in which the uses of one block may differ."""


@dataclass(frozen=True)
class _Find:
    """A run that comes back: where it was first seen, how often it stands somewhere, the lines that a block saves."""

    key: Hashable
    run: Run
    times: int
    score: int


def extract(steps: Steps, layers: dict[str, Layer]) -> tuple[Steps, list[Block]]:
    """The steps with blocks in place of what comes back, and the blocks.

    Args:
        steps: of a net.
        layers: of the net, by name.
    """
    steps = skipped(told_apart(steps), layers)
    blocks: list[Block] = []
    refused: set[Hashable] = set()
    while (best := _best(steps, refused)) is not None:
        replacement = _Replacement(best, Block(len(blocks)), layers)
        changed = replacement.steps(steps)
        if _differences(replacement.made) > MOST or not _has_model(replacement.made) or not _alike(changed):
            refused.add(best.key)
            continue
        steps = changed
        blocks.append(replacement.block)
    return steps, blocks


def _chains(steps: Steps, seen: set[Block]) -> Iterator[Unit]:
    """Every chain that will be written, each block's once."""
    for step in steps:
        if not step.merges and step.items:
            yield step.items
        for item in step.items:
            if isinstance(item, Region):
                yield from _chains(item.steps, seen)
            elif isinstance(item, Use) and item.block not in seen:
                seen.add(item.block)
                yield from _chains(item.steps, seen)


def _best(steps: Steps, refused: set[Hashable]) -> _Find | None:
    """The run that saves the most, unless nearly all of its places lie in those of a longer one."""
    times: Counter[Hashable] = Counter()
    first: dict[Hashable, Run] = {}
    for chain in _chains(steps, set()):
        _count(units(chain), times, first)
    often = {key: run for key, run in first.items() if times[key] > 1 and key not in refused}
    finds = [_find(key, run, times) for key, run in often.items() if not _is_loop(run, times)]
    good = sorted((find for find in finds if find.score > 0), key=lambda find: find.score, reverse=True)
    good = [find for find in good if _has_paths(find.run)] or good  # what is inside of paths is looked at afterwards
    return next((find for find in good if not any(_covers(other, find) for other in good)), None)


def _count(chain: list[Unit], times: Counter[Hashable], first: dict[Hashable, Run]) -> None:
    """Count the runs of a chain, without those that overlap an earlier one of the same key."""
    free: dict[Hashable, int] = {}
    for at, unit in enumerate(chain):
        if not any(call.tensors for call in every(unit)):
            continue  # a block begins with something that it is about
        for length in range(1, min(LONGEST, len(chain) - at) + 1):
            run = tuple(chain[at : at + length])
            key = run_key(run)
            if free.get(key, 0) <= at:
                free[key] = at + length
                times[key] += 1
                first.setdefault(key, run)


def run_key(run: Run) -> Hashable:
    """What two runs share if one block can be written for both.

    A single op, or its paths, may differ in its kernel, which becomes a parameter; in a longer run each position has
    its own. What only follows does not count.
    """
    if _cores(run) == 1:
        return tuple(tuple(item.key for item in unit) for unit in run)
    return tuple(map(_fine, run))


def _is_loop(run: Run, times: Counter[Hashable]) -> bool:
    """Holds one run three times in a row, or one with paths twice: the inner one is what comes back.

    Twice a plain run is let pass where there are never three of them.
    """
    for at in range(len(run)):
        for length in range(1, (len(run) - at) // 2 + 1):
            part = run[at : at + length]
            if not _same(run, at, length, 2):
                continue
            if _same(run, at, length, 3) or _has_paths(part) or run_key((*part, *part, *part)) in times:
                return True
    return False


def _same(run: Run, at: int, length: int, times: int) -> bool:
    """The same units again and again, from a position on."""
    parts = [run[start : start + length] for start in range(at, at + times * length, length)]
    return len(parts[-1]) == length and len({tuple(map(_fine, part)) for part in parts}) == 1


def _fine(unit: Unit) -> Hashable:
    return tuple(item.fine for item in unit)


def _has_paths(run: Run) -> bool:
    """Paths part and meet in it, in a block that it uses too."""
    return any(_parts(item) for unit in run for item in unit)


def _parts(item: Item) -> bool:
    inner = () if isinstance(item, Call) else item.steps
    return isinstance(item, Region) or any(_parts(part) for step in inner for part in step.items)


def _find(key: Hashable, run: Run, times: Counter[Hashable]) -> _Find:
    items = [item for unit in run for item in unit]
    alone = len(items) == 1 and not isinstance(items[0], Region)
    if alone or (_has_paths(run) and _cores(run) > 1 and run_key((*run, *run)) not in times):
        return _Find(key, run, 0, 0)  # paths and what stands near them are two things, unless they alternate
    region = any(isinstance(item, Region) for item in items)
    cost = PATHS if region else WRAPPER if all(len(unit) == 1 for unit in run) else COST
    return _Find(key, run, times[key], (times[key] - 1) * sum(item.size for item in items) - cost)


def _cores(run: Run) -> int:
    """Units that are more than activations after others."""
    return sum(not all(isinstance(item, Call) and item.follows and not item.tensors for item in unit) for unit in run)


def _covers(other: _Find, find: _Find) -> bool:
    """A longer run that holds nearly all positions of a shorter one."""
    longer = len(other.run) > len(find.run)
    return longer and other.times * _held(find, other.run) >= 0.9 * find.times


def _held(find: _Find, run: Run) -> int:
    """How often a run holds a shorter one."""
    length = len(find.run)
    return sum(run_key(run[at : at + length]) == find.key for at in range(len(run) - length + 1))


def _differences(made: list[Use]) -> int:
    """In how many numbers they differ, equal ones counted once; what only some of them have is left out."""
    rows = [_numbers(use) for use in made]
    longest = max(map(len, rows))
    columns = zip(*(row for row in rows if len(row) == longest), strict=True)
    return len({column for column in columns if len(set(column)) > 1})


def _has_model(made: list[Use]) -> bool:
    """One of them has every path that any has, and so shows how the block is written."""
    there = [set(dict(filled(use.steps))) for use in made]
    return set().union(*there) in there


def _alike(steps: Steps) -> bool:
    """All uses of a block hold the same blocks; they may not where a run fits some kernels only."""
    seen: dict[tuple[Block, Path], Hashable] = {}
    return all(
        seen.setdefault((use.block, path), key) == key
        for use in uses(steps)
        for path, items in filled(use.steps)
        for key in [tuple(item.key for item in items)]
    )


def _numbers(use: Use) -> list[object]:
    return [arg.value for call in calls(use.steps) for arg in call.args if arg.kind]


@dataclass
class _Replacement:
    """Puts uses of a block where its run stands, in every body, those of other blocks too."""

    find: _Find
    block: Block
    layers: dict[str, Layer]
    made: list[Use] = field(default_factory=list)

    def steps(self, steps: Steps) -> Steps:
        return tuple(
            replace(step, items=tuple(map(self.inside, step.items if step.merges else self.chain(step.items))))
            for step in steps
        )

    def inside(self, item: Item) -> Item:
        """An item with its own body looked through; what was just made stays."""
        if isinstance(item, Call) or (isinstance(item, Use) and item.block is self.block):
            return item
        return replace(item, steps=self.steps(item.steps))

    def chain(self, items: Unit) -> Unit:
        """A chain with the run replaced wherever it stands."""
        parts, done, at, length = units(items), list["Item"](), 0, len(self.find.run)
        while at < len(parts):
            run = tuple(parts[at : at + length])
            found = len(run) == length and run_key(run) == self.find.key
            done += [self.use(tuple(item for unit in run for item in unit))] if found else parts[at]
            at += length if found else 1
        return tuple(done)

    def use(self, items: Unit) -> Use:
        """The block in place of some items."""
        first = items[0]
        given = self.layers[first.layer].inputs[0] if isinstance(first, Call) else first.given
        steps = (Step(items, (-1,)),)
        use = Use(self.block, steps, given, self.layers[last_layer(steps)].output)
        self.made.append(use)
        return use
