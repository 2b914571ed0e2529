"""All checks on a net, and limits that a design must keep: a gate for continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convscope.analyze.lines import image_of
from convscope.budget import question
from convscope.checks.finding import LEVELS, Facts
from convscope.checks.registry import CHECKS, LIMITS
from convscope.checks.report import Report
from convscope.core.shape import joined, parse_numbers
from convscope.core.source import net_of
from convscope.errors import FieldError, unknown
from convscope.view.numbers import amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.net import Net

Size = int | str | tuple[int, ...]
"""The size of an object: a number for all axes, ``HxW``, or one number for each axis."""

Amount = int | str
"""A count or a number of bytes, or a text such as ``20k`` or ``64KiB``."""


def check(  # noqa: PLR0913 -- one argument for each limit
    net: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    object_size: Size | None = None,
    object: Size | None = None,  # noqa: A002 -- the word of the command line
    max_params: Amount | None = None,
    max_macs: Amount | None = None,
    max_memory: Amount | None = None,
    max_weights: Amount | None = None,
    max_activations: Amount | None = None,
    min_rf: int | None = None,
    dtype: str = "float32",
    ignore: Sequence[str] = (),
) -> Report:
    """Run all checks on a net.

    Args:
        net: a net, or what :func:`convscope.read` takes.
        input: size of the input, if ``net`` does not state it.
        object_size: height and width of the objects that the field must cover [pixel].
        object: the same, by the name that it has on the command line.
        max_params: the most parameters.
        max_macs: the most multiply-adds for one sample [MAC].
        max_memory: the most bytes of weights and activations in inference of one sample [byte].
        max_weights: the most bytes of weights [byte].
        max_activations: the most bytes of activations alive at a time in inference of one sample [byte].
        min_rf: the smallest field of the last layer that keeps its position [pixel].
        dtype: dtype of weights and activations for limits on bytes.
        ignore: codes of checks to skip.

    Raises:
        UnknownNameError: a code in ``ignore`` does not exist.
        FieldError: the object and the image differ in their number of axes, a limit is not an amount, there is no such
            dtype, or the size of the object is given twice.

    >>> [f.code for f in check("input 9x9x1, conv 4 3x3 bn relu, gap, linear 3, relu").findings]
    ['CS005', 'CS007']
    """
    for code in ignore:
        if code not in CHECKS:
            raise unknown("check", code, CHECKS)
    if object is not None and object_size is not None:
        raise FieldError(
            "the size of the object is given twice", given="object and object_size", expected="one of them"
        )
    limits = {"params": max_params, "macs": max_macs, "memory": max_memory, "weights": max_weights}
    limits |= {"activations": max_activations, "rf": min_rf}
    known = net_of(net, input)
    wanted = _object(known, object_size if object is None else object)
    name = str(net) if isinstance(net, str | Path) else ""
    with question(layers=len(known)):
        facts = Facts.of(known, wanted, dtype)
        margins = tuple(
            limit.margin(facts, _amount(value))
            for limit in LIMITS.values()
            if (value := limits[limit.NAME]) is not None
        )
        ran = tuple(code for code in CHECKS if code not in ignore)
        found = [margin.finding() for margin in margins if not margin.kept]
        found += [finding for code in ran for finding in CHECKS[code].check(facts)]
    return Report(tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level))), ran, margins, name)


def _amount(value: Amount) -> int:
    return amount(value) if isinstance(value, str) else value


def _object(net: Net, size: Size | None) -> tuple[int, ...] | None:
    """Return the size of the objects, one number for each axis of the image.

    Raises:
        FieldError: its number of axes differs from that of the image, or an axis has length 0.
    """
    if size is None:
        return None
    rank = len(image_of(net).shape) - 1
    size = parse_numbers(size) if isinstance(size, str) else size
    wanted = (size,) if isinstance(size, int) else tuple(size)
    if min(wanted, default=0) < 1:
        raise FieldError(f"an object of {joined(wanted)}", expected="at least 1 along every axis")
    if len(wanted) not in {1, rank}:
        raise FieldError(f"an object of {joined(wanted)} in an image with {rank} axes")
    return wanted * rank if len(wanted) == 1 else wanted
