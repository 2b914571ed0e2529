"""Parameters of a block: the differences between its uses as few parameters, and everything else in terms of these."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from convscope.writers.calls import Arg, Param, Region, bound, filled, slots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.writers.calls import Block, Path, Step, Steps, Use

Column = tuple[Any, ...]
"""A number of a block at every use; None if a use lacks it."""

NAMES = {"kernel": "kernel_size"}
"""Names of parameters that differ from their kinds."""

USUAL = {"stride": 1, "dilation": 1, "groups": 1, "padding": 0, "output_padding": 0}
"""Default values of parameters, if any use has them."""

OFTEN = 4
"""Number of uses from which a term gets a name."""

FACTORS = (2, 3, 4, 6, 8, 12, 16, 24, 32)


@dataclass(frozen=True)
class Roles:
    """A library's names of input and output channels.

    Attributes:
        given: input channels.
        made: output channels.
        both: both, if they are equal.
        code: an expression for the input channels, if they need not be passed.
    """

    given: str
    made: str
    both: str
    code: str = ""


@dataclass(frozen=True)
class _Known:
    """A parameter with its values."""

    name: str
    kind: str
    column: Column
    free: bool = False


def fits(column: Column, other: Column) -> bool:
    """Return whether two columns are equal wherever the first is known."""
    return all(a is None or (a == b and type(a) is type(b)) for a, b in zip(column, other, strict=True))


def settle(block: Block, uses: list[Use], roles: Roles) -> None:
    """Set the parameters and the sample of a block, and the arguments of every use."""
    _Settler(block, uses, roles).settle()


@dataclass
class _Settler:
    block: Block
    uses: list[Use]
    roles: Roles
    known: list[_Known] = field(default_factory=list)
    code: dict[Path, str] = field(default_factory=dict)
    columns: dict[Path, Column] = field(init=False)
    sample: Steps = field(init=False)

    def __post_init__(self) -> None:
        rows = [dict(slots(use.steps)) for use in self.uses]
        most = max(range(len(rows)), key=lambda at: (len(list(filled(self.uses[at].steps))), -at))
        self.sample = self.uses[most].steps
        self.kinds = {path: arg.kind for path, arg in rows[most].items()}
        self.columns = {path: tuple(row[path].value if path in row else None for row in rows) for path in rows[most]}

    def settle(self) -> None:
        self.name_roles()
        self.name_branches()
        late = sorted(self.columns, key=lambda path: self.kinds[path] in {"groups", "padding"})  # determined by others
        for path in (path for path in late if self.kinds[path]):
            self.code[path] = self.express(path, self.columns[path])
        for path, step in free_steps(self.sample):
            self.condition(path, step)
        self.name_terms()
        told = (known for known in self.known if not known.free)
        first = sorted(map(self.param, told), key=lambda param: (param.default is not None, not self.plain(param)))
        self.block.params = tuple(first)
        self.block.sample = bound(self.sample, {path: code for path, code in self.code.items() if code})
        self.block.uses = self.uses
        for at, use in enumerate(self.uses):
            use.args = tuple(self.argument(param, at) for param in self.block.params)

    def name_roles(self) -> None:
        """Make input and output channels parameters, whether they differ or not."""
        given = tuple(use.given[0] for use in self.uses)
        made = tuple(use.made[0] for use in self.uses)
        counts = [column for path, column in self.columns.items() if self.kinds[path] == "channels"]
        first = self.roles.both if given == made else self.roles.given
        named = [(first, given), *([] if given == made else [(self.roles.made, made)])]
        self.known += [
            _Known(name, "channels", column, free=bool(self.roles.code) and name == first)
            for name, column in named
            if any(fits(other, column) for other in counts) or (self.roles.code and name == first)
        ]

    def name_branches(self) -> None:
        """Name the channels of concatenated paths by the number of the path."""
        for number, inside in branches(self.sample):
            here = [path for path in self.columns if path[: len(inside)] == inside and self.kinds[path] == "channels"]
            columns = [self.columns[path] for path in here if len(set(self.columns[path])) > 1]
            end = self.columns[here[-1]] if here else ()
            for column in dict.fromkeys(column for column in columns if column != end):
                self.name_branch(f"reduce{number}", column)
            if end in columns:
                self.name_branch(f"branch{number}", end)

    def name_branch(self, name: str, column: Column) -> None:
        """Add a parameter for a number that nothing known determines."""
        if None not in column and not self.expression("channels", column):
            self.add(name, "channels", column)

    def name_terms(self) -> None:
        """Name terms that are used several times; read sizes from the input if possible."""
        free = next((known.name for known in self.known if known.free), "")
        if free and any(re.search(rf"\b{free}\b", code) for code in self.code.values()):
            self.block.terms += ((free, self.roles.code),)
        often = Counter(code for code in self.code.values() if " " in code)
        for code in (code for code, times in often.items() if times >= OFTEN and code.count(" ") == 2):
            taken = {known.name for known in self.known} | {name for name, _ in self.block.terms}
            name = next(
                name
                for name in ("hidden_channels", *(f"hidden_channels{n}" for n in range(2, 99)))
                if name not in taken
            )
            self.block.terms += ((name, code),)
            self.code = {path: name if text == code else text for path, text in self.code.items()}

    def add(self, name: str, kind: str, column: Column) -> str:
        """Add a parameter; its name gets a number if it is taken."""
        taken = {known.name for known in self.known}
        more = (f"{name}{'_' * name[-1].isdigit()}{number}" for number in count(2))
        free = next(one for one in chain([name], more) if one not in taken)
        self.known.append(_Known(free, kind, column))
        return free

    def express(self, path: Path, column: Column) -> str:
        """Return the code for a number: a parameter, a term of parameters, or nothing if it is constant."""
        kind = self.kinds[path]
        constant = len(set(column) - {None}) == 1
        if kind == "channels":
            return self.channel_count(column, constant=constant)
        told = self.told(path, column)
        if told is not None or (constant and None not in column):
            return told or ""
        known = self.expression(kind, column)
        return known if known or constant else self.new(kind, column)

    def channel_count(self, column: Column, *, constant: bool) -> str:
        """Return the code for a number of channels."""
        known = list(self.channels())
        terms = [(entry.name, entry.column) for entry in known]
        if constant:  # a sum would say nothing about its parts
            terms += [term for entry in known for term in multiples(entry) if len(set(entry.column)) == 1]
            return next((name for name, values in terms if fits(column, values)), "")
        return self.expression("channels", column) or self.add("hidden_channels", "channels", completed(column))

    def told(self, path: Path, column: Column) -> str | None:
        """Derive a number from another argument of the call: padding that keeps the size, one group per channel."""
        beside = {self.kinds[other]: other for other in reversed(self.columns) if other[:-1] == path[:-1]}
        if "kernel" not in beside:  # separate padding precedes its layer
            after = (*path[:-2], path[-2] + 1)
            beside |= {self.kinds[other]: other for other in reversed(self.columns) if other[:-1] == after}
        if self.kinds[path] == "groups" and "channels" in beside and max(filter(None, column)) > 1:
            same = self.columns[beside["channels"]] == column
            return self.code[beside["channels"]] if same else None
        return self.padding(column, beside) if self.kinds[path] == "padding" else None

    def new(self, kind: str, column: Column) -> str:
        """Add a parameter named after its kind."""
        return self.add(NAMES.get(kind, kind), kind, completed(column))

    def channels(self) -> Iterator[_Known]:
        return (known for known in self.known if known.kind == "channels")

    def expression(self, kind: str, column: Column) -> str:
        """Find a known parameter of the kind, or a simple term of one or two."""
        known = [entry for entry in self.known if entry.kind == kind]
        terms = [(entry.name, entry.column) for entry in known]
        if kind == "channels":
            terms += [term for entry in known for term in multiples(entry)]
            terms += [term for entry in known for term in shifted(entry, column)]
            terms += [term for at, a in enumerate(known) for b in known[at + 1 :] for term in sums(a, b)]
        return next((name for name, values in terms if fits(column, values)), "")

    def padding(self, column: Column, beside: dict[str, Path]) -> str | None:
        """Return padding that keeps the size, in terms of kernel and dilation of the same call."""
        if "kernel" not in beside or len(set(column)) == 1:
            return None
        kernel, dilation = beside["kernel"], beside.get("dilation")
        steps = self.columns[dilation] if dilation else (1,) * len(column)
        pairs = list(zip(self.columns[kernel], steps, strict=True))
        whole = all(isinstance(number, int) for pair in pairs for number in pair)
        if not whole or not fits(column, tuple(d * (k // 2) for k, d in pairs)):
            return None
        size, spread = self.code.get(kernel, ""), self.code.get(dilation, "") if dilation else ""
        half = f"{size} // 2" if size else str(pairs[0][0] // 2)
        step = spread or str(pairs[0][1])
        if step == "1":
            return half
        return step if half == "1" else f"{step} * ({half})" if size else f"{half} * {step}"

    def condition(self, path: Path, step: Step) -> None:
        """Return the condition for the shortcut or the sum of a residual block."""
        there = tuple(path in dict(filled(use.steps)) for use in self.uses)
        if all(there) or not step.items:
            return
        known = {known.name: known for known in self.known}
        tests = {}
        if "stride" in known:
            tests["stride {} 1"] = tuple(value != 1 for value in known["stride"].column)
        if self.roles.given in known and self.roles.made in known:
            a, b = known[self.roles.given], known[self.roles.made]
            text, differs = f"{a.name} {{}} {b.name}", tuple(x != y for x, y in zip(a.column, b.column, strict=True))
            tests = {
                **{f"{one} | {text}": either(values, differs) for one, values in tests.items()},
                text: differs,
                **tests,
            }
        if step.optional:
            words, tests = ("==", "and"), {text: tuple(not v for v in values) for text, values in tests.items()}
        else:
            words = ("!=", "or")
        found = next((text for text, values in tests.items() if values == there), "")
        code = found.replace("{}", words[0]).replace("|", words[1])
        self.code[path] = code or self.add("residual" if step.optional else "project", "flag", there)

    def param(self, known: _Known) -> Param:
        usual = False if known.kind == "flag" else USUAL.get(known.kind)
        default = usual if usual in known.column else None
        return Param(known.name, default, annotation(known.column))

    def argument(self, param: Param, at: int) -> Arg:
        known = next(known for known in self.known if known.name == param.name)
        return Arg(known.column[at], known.kind, "" if self.plain(param) else known.name, param.default)

    def plain(self, param: Param) -> bool:
        """Return whether an argument is passed by position, since its meaning is obvious."""
        return param.default is None and param.name in {
            self.roles.given,
            self.roles.made,
            self.roles.both,
            "kernel_size",
        }


def completed(column: Column) -> Column:
    """Fill the unknown values of a column with its first value."""
    some = next(value for value in column if value is not None)
    return tuple(some if value is None else value for value in column)


def either(a: tuple[bool, ...], b: tuple[bool, ...]) -> tuple[bool, ...]:
    """Combine two conditions by "or"."""
    return tuple(x or y for x, y in zip(a, b, strict=True))


def multiples(known: _Known) -> Iterator[tuple[str, Column]]:
    """``2 * n``, ``n // 4``."""
    for factor in FACTORS:
        yield f"{factor} * {known.name}", tuple(factor * value for value in known.column)
        if all(value % factor == 0 for value in known.column):
            yield f"{known.name} // {factor}", tuple(value // factor for value in known.column)


def shifted(known: _Known, column: Column) -> Iterator[tuple[str, Column]]:
    """``n + 32``, if at least three uses agree on it."""
    steps = {a - b for a, b in zip(column, known.column, strict=True) if a is not None}
    if len(steps) == 1 and len(set(column)) > 2 and min(steps) > 0:
        (step,) = steps
        yield f"{known.name} + {step}", tuple(value + step for value in known.column)


def sums(a: _Known, b: _Known) -> Iterator[tuple[str, Column]]:
    """``a + b``."""
    yield f"{a.name} + {b.name}", tuple(x + y for x, y in zip(a.column, b.column, strict=True))


def annotation(column: Column) -> str:
    """Return the type of a parameter.

    >>> annotation((3, (1, 3))), annotation((0.1, 0.2))
    ('int | tuple[int, ...]', 'float')
    """
    names = {bool: "bool", int: "int", float: "float", str: "str", tuple: "tuple[int, ...]"}
    found = {names[type(value)] for value in column}
    return " | ".join(name for name in names.values() if name in found)


def branches(steps: Steps, at: Path = ()) -> Iterator[tuple[int, Path]]:
    """Yield the concatenated paths: their number, from 1, and their positions."""
    for s, step in enumerate(steps):
        for i, item in enumerate(step.items):
            if not isinstance(item, Region):
                continue
            here = (*at, s, i)
            if last_word(item.steps) == "Cat":
                yield from ((number, (*here, inner)) for number, inner in enumerate(paths(item.steps), 1))
            yield from branches(item.steps, here)


def paths(steps: Steps) -> list[int]:
    """Return the steps that a region's merge joins."""
    return [at for at in steps[-1].inputs if at >= 0]


def last_word(steps: Steps) -> str:
    """Return the word of the merge that closes a region."""
    return getattr(steps[-1].items[-1], "word", "") if steps[-1].items else ""


def free_steps(steps: Steps, at: Path = ()) -> Iterator[tuple[Path, Step]]:
    """Yield every optional step, with its position."""
    for s, step in enumerate(steps):
        if step.shortcut or step.optional:
            yield (*at, s), step
        for i, item in enumerate(step.items):
            if isinstance(item, Region):
                yield from free_steps(item.steps, (*at, s, i))
