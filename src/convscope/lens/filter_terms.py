"""The sum that gives one pixel of a filtered image, term by term."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.lens.filter_engine import beyond, respond
from convscope.view.parts import Column, Grid, Stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.lens.filter_kernels import Kernel

CHANNELS: dict[int, tuple[str, ...]] = {1: ("grey",), 3: ("red", "green", "blue")}


@dataclass(frozen=True)
class Term:
    """One tap times one pixel.

    Attributes:
        tap: its row and column in the kernel.
        weight: the tap.
        at: row and column of its position, which may be beyond the image.
        read: row and column of the pixel that is read there; None for zero.
        values: the pixel's values by colour.
    """

    tap: tuple[int, int]
    weight: float
    at: tuple[int, int]
    read: tuple[int, int] | None
    values: tuple[float, ...]

    @property
    def products(self) -> tuple[float, ...]:
        """Weight times value by colour."""
        return tuple(self.weight * value for value in self.values)


@dataclass(frozen=True)
class Terms:
    """The sum of one pixel; prints itself.

    Attributes:
        at: position ``y, x`` in the result.
        terms: the terms of non-zero taps.
        zeros: number of taps that are zero.
        response: the treatment of the sums.
        result: the values in the filtered image by colour.
    """

    at: tuple[int, int]
    terms: tuple[Term, ...]
    zeros: int
    response: str
    result: tuple[float, ...]

    @property
    def sums(self) -> tuple[float, ...]:
        """The sums by colour, rounded once."""
        return tuple(math.fsum(term.products[at] for term in self.terms) for at in range(len(self.result)))

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/filter-terms/1``."""
        return {
            "schema": "convscope/filter-terms/1",
            "at": list(self.at),
            "terms": [
                {
                    "tap": list(term.tap),
                    "weight": term.weight,
                    "at": list(term.at),
                    "read": None if term.read is None else list(term.read),
                    "values": list(term.values),
                    "products": list(term.products),
                }
                for term in self.terms
            ],
            "zeros": self.zeros,
            "sums": list(self.sums),
            "response": self.response,
            "result": list(self.result),
        }

    def grid(self) -> Grid:
        """Return a line for each term."""
        names = CHANNELS.get(len(self.result)) or tuple(map(str, range(len(self.result))))
        columns = [Column("tap"), Column("weight", right=True), Column("pixel"), Column("")]
        columns += [Column(title, right=True) for name in names for title in (name, "product")]
        return Grid(tuple(columns), tuple(_line(term) for term in self.terms))

    def stack(self) -> Stack:
        """Return the terms and their sum."""
        zeros = f", {self.zeros} taps are zero" if self.zeros else ""
        told = (f"pixel {_position(self.at)}: {len(self.terms)} terms{zeros}", self.grid())
        return Stack((*told, f"sum     {_row(self.sums)}", f"result  {_row(self.result)}  ({self.response})"))

    def __str__(self) -> str:
        return self.stack().to_text()

    __repr__ = __str__


def _line(term: Term) -> tuple[str, ...]:
    beside = "" if term.read == term.at else "is zero" if term.read is None else f"is {_position(term.read)}"
    numbers = [number for pair in zip(term.values, term.products, strict=True) for number in pair]
    return (
        _position(term.tap),
        f"{term.weight:.6g}",
        _position(term.at),
        beside,
        *(f"{number:.6g}" for number in numbers),
    )


def _position(at: tuple[int, int]) -> str:
    return f"{at[0]},{at[1]}"


def _row(values: tuple[float, ...]) -> str:
    return "  ".join(f"{value:.6g}" for value in values)


def terms_of(colours: NDArray[Any], kernel: Kernel, border: str, response: str, at: tuple[int, int]) -> Terms:
    """Compute the sum at a position ``y, x`` of the result, independently of the engine that filters images."""
    anchor = (0, 0) if border == "none" else kernel.anchor
    terms = []
    for y, x, weight in kernel.taps:
        lies = (at[0] - anchor[0] + y, at[1] - anchor[1] + x)
        row, column = (
            int(beyond(border, np.array([position]), size)[0])
            for position, size in zip(lies, colours.shape[:2], strict=True)
        )
        read = None if min(row, column) < 0 else (row, column)
        values = tuple(float(value) for value in colours[row, column]) if read else (0.0,) * colours.shape[2]
        terms.append(Term((y, x), weight, lies, read, values))
    found = Terms(at, tuple(terms), math.prod(kernel.shape) - len(terms), response, (0.0,) * colours.shape[2])
    result = respond(np.array(found.sums), response, colours.dtype)
    return Terms(at, found.terms, found.zeros, response, tuple(result.tolist()))
