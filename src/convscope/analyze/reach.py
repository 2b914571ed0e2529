"""The receptive field of a layer as cells of a table: sizes with their qualifications."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from convscope.core.shape import joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convscope.analyze.field import AxisField, Field


def number(value: Fraction | None) -> int | float | str | None:
    """Return a fraction in a form that JSON can hold exactly: an integer, a binary fraction, or text such as ``1/3``.

    >>> from fractions import Fraction
    >>> number(Fraction(4)), number(Fraction(1, 2)), number(Fraction(1, 3)), number(None)
    (4, 0.5, '1/3', None)
    """
    if value is None:
        return None
    if value.denominator == 1:
        return value.numerator
    binary = value.denominator & (value.denominator - 1) == 0
    return float(value) if binary else str(value)


def local_text(found: Field) -> str:
    """Return how many units of the previous layer a unit reads; a dash if they do not lie along an axis."""
    return "-" if any(axis.local is None for axis in found) else joined(axis.local for axis in found)


def sizes_text(found: Field) -> str:
    """Return sizes with qualifications: an upper bound, phases, or exact away from seams only.

    A dash means that nothing is seen.
    """
    if found and not any(axis.size for axis in found):
        return "-"
    phases = max((axis.phases for axis in found), default=1)
    bound = "" if all(axis.exact or axis.seams for axis in found) else "≤ "
    inside = " inside" if any(axis.seams for axis in found) else ""
    return bound + joined(map(_phase_sizes, found)) + (f" in {phases} phases" if phases > 1 else "") + inside


def _phase_sizes(axis: AxisField) -> str:
    """Return one size, or those of the phases if they differ: ``2/3``."""
    sizes = [last - first + 1 for first, last in axis.boxes] or [axis.size]
    if len(set(sizes)) == 1 or len(sizes) > 4:
        return str(axis.size) if len(set(sizes)) == 1 else f"{min(sizes)}-{max(sizes)}"
    return "/".join(map(str, sizes))


def pair_text(values: Iterable[Fraction | int | None]) -> str:
    """Return one number if all axes agree, otherwise one for each; a dash if there is none."""
    texts = ["-" if value is None else str(number(Fraction(value))) for value in values]
    return texts[0] if len(set(texts)) == 1 else ",".join(texts)
