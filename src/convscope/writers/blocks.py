"""Detection of blocks: runs of items that repeat with other numbers and are written once."""

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
"""The most units of a run."""

COST = 6
"""Cost of a block for readers: its head and the jump to it [line]."""

PATHS = 2
"""Cost of a block with paths, which would take lines, too, if written inline [line]."""

WRAPPER = 12
"""Cost of a chain of blocks and single calls only [line]."""

MOST = 9
"""The most numbers in which the uses of a block may differ."""


@dataclass(frozen=True)
class _Find:
    """A repeated run: its first position, the number of its positions, and the lines that a block saves."""

    key: Hashable
    run: Run
    times: int
    score: int


def extract(steps: Steps, layers: dict[str, Layer]) -> tuple[Steps, list[Block]]:
    """Return the steps with blocks in place of repetitions, and the blocks.

    Args:
        steps: steps of a net.
        layers: layers of the net, by name.
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
    """Yield every chain that will be written, once for each block."""
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
    """Return the run that saves the most, unless nearly all of its positions lie in those of a longer one."""
    times: Counter[Hashable] = Counter()
    first: dict[Hashable, Run] = {}
    for chain in _chains(steps, set()):
        _count(units(chain), times, first)
    often = {key: run for key, run in first.items() if times[key] > 1 and key not in refused}
    finds = [_find(key, run, times) for key, run in often.items() if not _is_loop(run, times)]
    good = sorted((find for find in finds if find.score > 0), key=lambda find: find.score, reverse=True)
    good = [find for find in good if _has_paths(find.run)] or good  # the content of paths is examined afterwards
    return next((find for find in good if not any(_covers(other, find) for other in good)), None)


def _count(chain: list[Unit], times: Counter[Hashable], first: dict[Hashable, Run]) -> None:
    """Count the runs of a chain, excluding overlaps with an earlier one of the same key."""
    free: dict[Hashable, int] = {}
    for at, unit in enumerate(chain):
        if not any(call.tensors for call in every(unit)):
            continue  # a block begins with a characteristic item
        for length in range(1, min(LONGEST, len(chain) - at) + 1):
            run = tuple(chain[at : at + length])
            key = run_key(run)
            if free.get(key, 0) <= at:
                free[key] = at + length
                times[key] += 1
                first.setdefault(key, run)


def run_key(run: Run) -> Hashable:
    """Return the key that two runs share if they can be one block.

    A single op, or its paths, may differ in the kernel, which becomes a parameter; in a longer run, kernels are part of
    the key. Items that only follow do not count.
    """
    if _cores(run) == 1:
        return tuple(tuple(item.key for item in unit) for unit in run)
    return tuple(map(_fine, run))


def _is_loop(run: Run, times: Counter[Hashable]) -> bool:
    """Return whether it contains a run three times in a row, or one with paths twice: the real repetition.

    Two plain runs are accepted if there are never three.
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
    """Return whether the same units repeat from a position on."""
    parts = [run[start : start + length] for start in range(at, at + times * length, length)]
    return len(parts[-1]) == length and len({tuple(map(_fine, part)) for part in parts}) == 1


def _fine(unit: Unit) -> Hashable:
    return tuple(item.fine for item in unit)


def _has_paths(run: Run) -> bool:
    """Return whether it contains paths, also within a block that it uses."""
    return any(_parts(item) for unit in run for item in unit)


def _parts(item: Item) -> bool:
    inner = () if isinstance(item, Call) else item.steps
    return isinstance(item, Region) or any(_parts(part) for step in inner for part in step.items)


def _find(key: Hashable, run: Run, times: Counter[Hashable]) -> _Find:
    items = [item for unit in run for item in unit]
    alone = len(items) == 1 and not isinstance(items[0], Region)
    if alone or (_has_paths(run) and _cores(run) > 1 and run_key((*run, *run)) not in times):
        return _Find(key, run, 0, 0)  # paths and their neighbours are separate, unless they alternate
    region = any(isinstance(item, Region) for item in items)
    cost = PATHS if region else WRAPPER if all(len(unit) == 1 for unit in run) else COST
    return _Find(key, run, times[key], (times[key] - 1) * sum(item.size for item in items) - cost)


def _cores(run: Run) -> int:
    """Count units, without activations that follow others."""
    return sum(not all(isinstance(item, Call) and item.follows and not item.tensors for item in unit) for unit in run)


def _covers(other: _Find, find: _Find) -> bool:
    """Return whether a longer run contains nearly all positions of a shorter one."""
    longer = len(other.run) > len(find.run)
    return longer and other.times * _held(find, other.run) >= 0.9 * find.times


def _held(find: _Find, run: Run) -> int:
    """Count how often a run contains a shorter one."""
    length = len(find.run)
    return sum(run_key(run[at : at + length]) == find.key for at in range(len(run) - length + 1))


def _differences(made: list[Use]) -> int:
    """Count the numbers in which uses differ, equal ones once, without those that only some have."""
    rows = [_numbers(use) for use in made]
    longest = max(map(len, rows))
    columns = zip(*(row for row in rows if len(row) == longest), strict=True)
    return len({column for column in columns if len(set(column)) > 1})


def _has_model(made: list[Use]) -> bool:
    """Return whether one use has every path of all, and can serve as the sample of the block."""
    there = [set(dict(filled(use.steps))) for use in made]
    return set().union(*there) in there


def _alike(steps: Steps) -> bool:
    """Return whether all uses contain the same blocks, which may fail if a run matches some kernels only."""
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
    """Replaces a run with uses of a block in every body, including those of other blocks."""

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
        """Replace within the body of an item, except in new blocks."""
        if isinstance(item, Call) or (isinstance(item, Use) and item.block is self.block):
            return item
        return replace(item, steps=self.steps(item.steps))

    def chain(self, items: Unit) -> Unit:
        """Replace the run in a chain."""
        parts, done, at, length = units(items), list["Item"](), 0, len(self.find.run)
        while at < len(parts):
            run = tuple(parts[at : at + length])
            found = len(run) == length and run_key(run) == self.find.key
            done += [self.use(tuple(item for unit in run for item in unit))] if found else parts[at]
            at += length if found else 1
        return tuple(done)

    def use(self, items: Unit) -> Use:
        """Make a use of the block for some items."""
        first = items[0]
        given = self.layers[first.layer].inputs[0] if isinstance(first, Call) else first.given
        steps = (Step(items, (-1,)),)
        use = Use(self.block, steps, given, self.layers[last_layer(steps)].output)
        self.made.append(use)
        return use
