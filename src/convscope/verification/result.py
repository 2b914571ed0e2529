"""The result of a verification, independent of torch so that it can be used anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import joined, to_text
from convscope.inert import inert
from convscope.version import __version__
from convscope.view.parts import Column, Grid, Stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.core.graph import Input

SCHEMA = "convscope/verify/1"

NAME = 60
"""The most characters of a subject in a terminal."""


@dataclass(frozen=True)
class Check:
    """A claim and the probed value.

    Attributes:
        what: params, MACs, shapes, or the field of a unit.
        claimed: the net's claim.
        probed: the module's value.
        agrees: whether both are equal or, for a bound, whether it holds.
        note: an additional fact.
    """

    what: str
    claimed: str
    probed: str
    agrees: bool
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "what": self.what,
            "claimed": self.claimed,
            "probed": self.probed,
            "agrees": self.agrees,
            "note": self.note,
        }


@dataclass(frozen=True)
class Verification:
    """The result of :func:`convscope.verify`; prints itself.

    Attributes:
        inputs: inputs of the net.
        checks: the comparisons.
        doubts: facts that the probe cannot verify.
    """

    inputs: tuple[Input, ...]
    checks: tuple[Check, ...]
    doubts: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything agrees."""
        return all(check.agrees for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/verify/1``."""
        return {
            "schema": SCHEMA,
            "convscope": __version__,
            "input": to_text(self.inputs[0].shape),
            **({"inputs": {one.name: to_text(one.shape) for one in self.inputs}} if len(self.inputs) > 1 else {}),
            "passed": self.passed,
            "checks": [check.to_json() for check in self.checks],
            "doubts": list(self.doubts),
        }

    def grid(self) -> Grid:
        """Return the table as a figure part."""
        rows = (
            (check.what, check.claimed, check.probed, "yes" if check.agrees else "NO", check.note)
            for check in self.checks
        )
        return Grid((Column("what", widest=NAME), *map(Column, ("claimed", "probed", "agrees", ""))), tuple(rows))

    def stack(self) -> Stack:
        """Return the comparisons, their result, and facts that could not be verified."""
        wrong = sum(not check.agrees for check in self.checks)
        count = f"{len(self.checks)} checks"
        told = f"{wrong} of {count} disagree" if wrong else f"{count}, all agree"
        if len(self.inputs) == 1:
            given = f"input {to_text(self.inputs[0].shape)}"
        else:
            given = f"inputs {', '.join(f'{one.name} {to_text(one.shape)}' for one in self.inputs)}"
        doubts = (f"not verified: {inert(doubt)}" for doubt in self.doubts)
        return Stack((self.grid(), "", inert(f"{given} · {told}"), *doubts))

    def __str__(self) -> str:
        return self.stack().to_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.stack().to_html()


def pixels_text(mask: NDArray[np.bool_]) -> str:
    """Describe the box of some pixels, and how many of its pixels they are.

    >>> import numpy as np
    >>> mask = np.zeros((9, 9), dtype=np.bool_)
    >>> mask[0:5:2, 3:6] = True
    >>> pixels_text(mask)
    '0…4, 3…5: 9 of 15'
    """
    if not mask.any():
        return "nothing"
    others = [tuple(axis for axis in range(mask.ndim) if axis != kept) for kept in range(mask.ndim)]
    lines = [np.flatnonzero(mask.any(axes)) for axes in others]
    area = 1
    for line in lines:
        area *= int(line[-1] - line[0]) + 1
    box = ", ".join(f"{line[0]}…{line[-1]}" for line in lines)
    count = int(mask.sum())
    return f"{box}: {count:,}" if count == area else f"{box}: {count:,} of {area:,}"


def difference_text(claimed: NDArray[np.bool_], probed: NDArray[np.bool_]) -> str:
    """Describe how two sets of pixels differ, with the first pixel of each kind.

    >>> import numpy as np
    >>> difference_text(np.array([[True, False]]), np.array([[False, True]]))
    '1 px only claimed, from 0x0; 1 px only probed, from 0x1'
    """
    kinds = (("claimed", claimed & ~probed), ("probed", probed & ~claimed))
    found = [
        f"{int(some.sum()):,} px only {who}, from {joined(int(axis[0]) for axis in some.nonzero())}"
        for who, some in kinds
        if some.any()
    ]
    return "; ".join(found)
