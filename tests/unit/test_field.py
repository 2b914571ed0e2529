"""Receptive fields of nets worked out by hand and by gradient probing elsewhere (MACs and parameters by hand)."""

from fractions import Fraction

import pytest

import convscope as cs
from convscope.analyze.field import AxisField, fields
from convscope.analyze.table import Row


def last(text: str, *, gates: bool = False) -> AxisField:
    net = cs.read(text)
    return fields(net, gates=gates)[net.layers[-1].node.name][0]


def test_vgg16_sees_212_pixels_at_its_last_pool() -> None:
    # published: field 212, stride 32, padding 90 (Araujo et al. 2019)
    def block(n: int, c: int) -> str:
        return f"{n}*( conv {c} 3x3 p1 relu ), maxpool 2"

    blocks = ", ".join(block(n, c) for n, c in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)))
    found = last(f"input 224x224x3, {blocks}")
    assert (found.size, found.stride, found.start) == (212, 32, -90)


def test_dilation_counts_and_the_centre_stays() -> None:
    found = last("input 32x32x1, conv 1 3x3 d4")
    assert (found.size, found.start, found.centre) == (9, 0, 4)


def test_a_gate_widens_only_the_field_with_gates() -> None:
    text = "input 16x16x4, conv 4 3x3 p1, mul( id | gap, linear 2 relu, linear 4 sigmoid ), conv 4 3x3 p1"
    assert (last(text).size, last(text).stride) == (5, 1)
    assert (last(text, gates=True).size, last(text, gates=True).stride) == (16, None)


def test_up_sampling_has_phases() -> None:
    # unit 0 of `up 2, conv 3` reads copies -1, 0, 1, that is pixels 0 and 0 (and padding); unit 1 reads 0, 0, 1
    found = last("input 8x8x1, up 2, conv 1 3x3 p1")
    assert (found.size, found.phases, found.stride, found.start) == (2, 2, Fraction(1, 2), -1)


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        # copies of pixel i stand at 2i and 2i+1; unit 0 of a kernel of 5 reads copies 0..4, unit 1 copies 1..5
        ("input 8x8x1, up 2, conv 1 5x5", ((0, 2), (0, 2))),
        ("input 8x8x1, up 2, conv 1 2x2", ((0, 0), (0, 1))),
        ("input 8x8x1, up 3, conv 1 2x2 s2", ((0, 0), (0, 1), (1, 1))),
        # kernel 2, stride 3: every third unit reads nothing
        ("input 4x4x1, convt 1 2 s3", ((0, 0), (0, 0), (0, -1))),
        ("input 4x4x1, convt 1 1 s3", ((0, 0), (0, -1), (0, -1))),
        # the slice keeps the units that see nothing, and so does the pooling
        ("input 9x9x1, convt 1 1 s2, slice s2 o1, avgpool 2", ((0, -1),)),
        # bilinear to twice the size mixes two neighbours
        ("input 4x4x1, resize 8 bilinear", ((-1, 0), (0, 1))),
    ],
)
def test_phases_by_hand(text: str, boxes: tuple[tuple[int, int], ...]) -> None:
    assert last(text).boxes == boxes


def test_sizes_of_phases_are_shown() -> None:
    assert " 1/2x1/2 in 2 phases" in cs.read("input 8x8x1, up 2, conv 1 2x2").table().to_text()


def test_up_sampling_after_pooling_keeps_the_boxes_of_the_coarse_map() -> None:
    found = last("input 16x16x1, maxpool 2, up 2")
    assert (found.size, found.phases, found.stride) == (2, 2, 1)


def test_a_path_that_sees_nothing_at_some_units_makes_the_sum_a_hull() -> None:
    # every other unit of the transposed convolution sees nothing; with dilation 2 whole units of the path do
    text = "input 7x7x1, convt 1 1 s2, add( conv 1 3x3 same | conv 1 3x3 same d2 )"
    assert not last(text).exact
    assert last("input 7x7x1, convt 1 1 s2, conv 1 3x3 same d2").exact


def test_global_pooling_sees_what_its_units_see() -> None:
    # 2 does not divide 7: row and column 6 are read by no unit, so the mean does not see them either
    found = last("input 7x7x1, maxpool 2, gap")
    assert (found.size, found.start, found.stride, found.centre) == (6, 0, None, Fraction(5, 2))


def test_flattening_keeps_the_size_and_loses_the_place() -> None:
    found = last("input 9x9x2, conv 3 3x3, flatten")
    assert (found.size, found.stride, found.start, found.exact) == (3, None, None, True)
    assert last("input 9x9x2, conv 3 3x3, flatten, linear 4").size == 9


def test_branches_of_different_strides_have_boxes_but_no_stride() -> None:
    # unit o sees 2o .. 2o+1 and o .. o+4: together 0..4, 1..5, 2..6, 3..7, five pixels each
    found = last("input 8x8x1, add( maxpool 2 | conv 1 5x5 )")
    assert found.stride is None
    assert (found.size, found.start, found.centre, found.exact) == (5, 0, 2, True)
    # the neighbours of unit 1 see 0..6
    after = last("input 8x8x1, add( maxpool 2 | conv 1 5x5 ), avgpool 3 s1 p1")
    assert (after.size, after.stride, after.exact) == (7, None, True)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("input 28x28x1, conv 8 5x5 s2, conv 8 3x3 p1, gap", 27),
        ("input 9x9x1, maxpool 4, conv 1 3x3 same, gap", 8),
        ("input 28x28x1, conv 8 5x5 s2, conv 8 3x3 p1, linear 3", 27),
        ("input 10x10x1, slice s3, conv 1 3x3 d2 p2, gap", 10),
        ("input 9x9x1, crop 2:3, conv 1 3x3 p1, gap", 4),
        ("input 9x9x1, roll 4, crop 0:5, conv 1 3x3 p1, gap", 4),
    ],
)
def test_padding_does_not_bring_pixels_back_that_no_layer_reads(text: str, size: int) -> None:
    assert last(text).size == size


def rows(text: str) -> dict[str, Row]:
    return {row.name: row for row in cs.read(text).table().rows}


def test_the_local_field_is_what_one_layer_reads() -> None:
    found = rows("input 12x10x1, conv 2 3x5 d2x1, relu, maxpool 2, linear 3")
    assert [tuple(axis.local for axis in row.field) for row in found.values()] == [
        (5, 5),
        (1, 1),
        (2, 2),
        (4, 3),
    ]


def test_one_and_three_axes() -> None:
    assert [axis.size for axis in rows("input 20x2, conv 4 5 s2, conv 4 3")["conv2"].field] == [9]
    assert [axis.size for axis in rows("input 8x9x10x1, conv 2 3x1x5, maxpool 1x2x2")["maxpool1"].field] == [
        3,
        2,
        6,
    ]
    assert rows("input 12, linear 3")["linear1"].field == ()
