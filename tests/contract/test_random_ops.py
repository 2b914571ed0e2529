"""Every op against torch in random cases: 130 each, more than 5,000 together, of which a change draws a third."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from convscope import testing
from convscope.core.op import REGISTRY, Op, Setting, output_shape
from convscope.core.shape import Shape
from convscope.core.spell import Count, Flag, Padding, Real, Sizes
from convscope.core.words import Choice, Extent, Runs
from convscope.errors import ConvscopeError
from share import count

CASES = count(130, every=3)
LARGEST = 72
"""Numbers in an input: autograd asks each output about each of them."""

RANKS = {"pixelshuffle": (2,), "pixelunshuffle": (2,), "linear": (0, 1, 2), "flatten": (0, 1, 2)}


def value(draw: st.DrawFn, entry: Setting, rank: int) -> Any:
    kind = entry.kind
    axes = st.lists(st.integers(0, 3), min_size=max(1, rank), max_size=max(1, rank))
    if isinstance(kind, Count):
        return draw(st.integers(1, 4))
    if isinstance(kind, Sizes):
        return tuple(max(kind.minimum, n) for n in draw(axes))
    if isinstance(kind, Padding):
        if kind.same and draw(st.booleans()):
            return "same"
        pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=max(1, rank), max_size=max(1, rank))
        found = draw(pairs)
        return tuple((lo, lo) for lo, _ in found) if draw(st.booleans()) else tuple(found)
    if isinstance(kind, Flag):
        return draw(st.booleans())
    if isinstance(kind, Choice):
        return draw(st.sampled_from(kind.words))
    if isinstance(kind, Extent):
        return tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    if isinstance(kind, Runs):
        return tuple(draw(st.lists(st.integers(0, 6), min_size=1, max_size=6)))
    assert isinstance(kind, Real)
    return draw(st.sampled_from([0.1, 0.5, *([0.0] if entry.name in {"p", "slope"} else [])]))


@st.composite
def cases(draw: st.DrawFn, made: type[Op]) -> tuple[Op, tuple[Shape, ...]]:
    rank = draw(st.sampled_from(RANKS.get(made.keyword, (1, 2, 2, 3))))
    channels = draw(st.sampled_from([1, 2, 3, 4, 6, 8]))
    spatial = draw(st.lists(st.integers(1, 7), min_size=rank, max_size=rank))
    shape = (channels, *spatial)
    assume(math.prod(shape) <= LARGEST)
    fields = {}
    for entry in made.declared:
        if entry.required or draw(st.booleans()):
            fields[entry.name] = value(draw, entry, rank)
    inputs = [shape]
    if made.merges:
        for _ in range(draw(st.integers(1, 2))):
            other = (draw(st.integers(1, 3)), *spatial) if made.keyword == "cat" else gate(draw, shape)
            inputs.append(other)
        inputs = draw(st.permutations(inputs))
    try:
        op = made(**fields).fit(rank)
        op.check(tuple(inputs))
        op.axes(tuple(inputs))
        output_shape(op, op.axes(tuple(inputs)))
        assume(not degenerate(op, shape))
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
    return op, tuple(inputs)


def _asked(op: Any, shape: Shape) -> list[int]:
    """Places that a place asks, along each axis."""
    return [window or size for window, size in zip(op.window, shape[1:], strict=True)]


def degenerate(op: Op, shape: Shape) -> bool:
    """What is divided by itself alone is constant: declared as read, but without a gradient."""
    group = shape[0] // getattr(op, "groups", 1)
    return {
        "softmax": group == 1,
        "ln": group == 1,
        "rmsnorm": group == 1,
        "gn": group * math.prod(shape[1:]) == 1,
        "spatial_softmax": math.prod(shape[1:]) == 1,
        "instnorm": math.prod(shape[1:]) == 1,
        "attention": getattr(op, "plain", False) and math.prod(_asked(op, shape)) == 1,
    }.get(op.keyword, False)


def gate(draw: st.DrawFn, shape: Shape) -> Shape:
    """A shape that spreads to ``shape``: some axes of length 1, trailing ones missing."""
    kept = draw(st.integers(1, len(shape)))
    return tuple(draw(st.sampled_from([1, size])) for size in shape[:kept])


EACH = settings(
    max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


OTHERWISE = {
    **dict.fromkeys(("rearrange", "reduce", "einsum", "mix"), "patterns: tests/properties/test_import.py draws them"),
    **dict.fromkeys(("clamp", "pow", "times", "map"), "one number each, and chance gives slopes of zero"),
    **dict.fromkeys(("scale", "shift", "take"), "shapes that fit are rare by chance: the examples have them"),
    **dict.fromkeys(("lstm", "gru", "sub", "div", "maximum", "minimum"), "two inputs or sequences, as the examples"),
}
"""Ops of which random fields say little, and why."""
DRAWN = {keyword: made for keyword, made in REGISTRY.items() if keyword not in OTHERWISE}


@pytest.mark.slow
@pytest.mark.parametrize("made", DRAWN.values(), ids=DRAWN)
def test_random_cases(made: type[Op]) -> None:
    ran = 0

    @settings(
        max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )
    @given(cases(made))
    def check(case: tuple[Op, tuple[Shape, ...]]) -> None:
        nonlocal ran
        op, inputs = case
        testing.check_op(op, inputs)
        ran += 1

    check()
    assert ran >= CASES  # 39 ops and more
