"""Fields of maps that are joined end to end, of constants and of several inputs, by hand."""

from fractions import Fraction

import pytest

import convscope as cs
from convscope.analyze.field import NO_FIELD, AxisField, Field, fields
from convscope.analyze.lines import trace
from convscope.errors import UnknownNameError


def last(text: str, *, of: str | None = None) -> Field:
    net = cs.read(text)
    return fields(net, of=of)[net.layers[-1].node.name]


def only(text: str) -> AxisField:
    (axis,) = last(text)
    return axis


AROUND = "input 14x15x3, cat along2( crop 0x14:0 | id | crop 0x0:14 )"


def test_a_border_from_the_other_end_is_right_between_the_seams() -> None:
    rows, columns = last(AROUND)
    assert (rows.size, rows.start, rows.exact) == (1, 0, True)
    assert (columns.size, columns.stride, columns.start, columns.exact, columns.seams) == (1, 1, -1, False, True)
    rows, columns = last(f"{AROUND}, conv 4 3x3, conv 4 3x3")
    assert (rows.size, rows.start, rows.exact) == (5, 0, True)
    assert (columns.size, columns.start, columns.exact, columns.seams) == (5, -1, False, True)
    # every unit's own pixels are exact: the first column reads the last one of the image
    boxes = trace(cs.read(AROUND))["cat1"][1].boxes
    assert (boxes.first.tolist()[:3], boxes.last.tolist()[-2:]) == ([14, 0, 1], [14, 0])


def test_what_is_cut_and_joined_again_is_as_before() -> None:
    found = only("input 12x1, conv 1 3 p1, cat along1( crop 0:8 | crop 4:0 )")
    assert (found.size, found.stride, found.start, found.exact, found.seams) == (3, 1, -1, True, False)
    # tiles that are padded each for itself see less at the seam
    tiles = only("input 12x1, cat along1( crop 0:8, conv 1 3 p1 | crop 4:0, conv 1 3 p1 )")
    assert (tiles.size, tiles.stride, tiles.exact, tiles.seams) == (3, 1, False, True)


def test_the_part_with_the_largest_field_speaks_for_all() -> None:
    found = only("input 12x1, cat along1( conv 1 3 p1 | conv 1 5 p2 ), conv 1 3")
    assert (found.size, found.stride, found.exact, found.seams) == (7, 1, False, True)


def test_parts_that_advance_differently_have_boxes_and_no_stride() -> None:
    found = only("input 12x1, cat along1( id | conv 1 3 s3 )")
    assert (found.size, found.stride, found.exact) == (3, None, True)
    pooled = only("input 12x1, cat along1( avgpool 12 | id )")
    assert (pooled.size, pooled.stride, pooled.exact) == (12, None, True)


def test_parts_that_see_nothing_come_first() -> None:
    """What sees nothing of an image has its size all the same: a layer over the whole map saw one pixel of it."""
    rows, columns = last("x: input 5x7x3, h: input 5x7x3, cat along1( from h | from h | from x ), linear 3", of="x")
    assert (rows.size, columns.size) == (5, 7)


@pytest.mark.parametrize("text", ["input 4x10, tokens 1", "input 4x10, cat along1( const 1x10 | id )"])
def test_tokens_see_nothing_and_end_the_stride(text: str) -> None:
    found = only(text)
    assert found == AxisField(1, 1, None, None, None)
    boxes = trace(cs.read(text))[cs.read(text).layers[-1].node.name][0].boxes
    assert [last - first + 1 for first, last in zip(boxes.first, boxes.last, strict=True)][1:] == [1, 1, 1, 1]
    assert boxes.last[0] < boxes.first[0]


def test_a_constant_is_no_part_of_what_a_merge_sees() -> None:
    net = cs.read("input 9x9x2, conv 2 3x3, add( id | const 7x7x2 ), cat( id | const 7x7x2 fixed ), conv 1 3x3")
    found = fields(net)
    assert found["const1"] == (NO_FIELD, NO_FIELD)
    assert [axis.size for axis in found["add1"]] == [3, 3]
    assert [(axis.size, axis.exact) for axis in found["conv2"]] == [(5, True), (5, True)]
    assert fields(net, gates=True)["conv2"] == found["conv2"]


def test_each_input_has_its_own_field() -> None:
    text = "rgb: input 16x16x3, depth: input 8x8x1, add( from rgb, conv 2 3x3 s2 p1 | from depth, conv 2 1x1 )"
    rgb, depth = last(text), last(text, of="depth")
    assert [(axis.size, axis.stride) for axis in rgb] == [(3, 2), (3, 2)]
    assert [(axis.size, axis.stride) for axis in depth] == [(1, 1), (1, 1)]
    net = cs.read(text)
    assert fields(net, of="depth")["conv1"] == (NO_FIELD, NO_FIELD)
    table = net.table(of="depth")
    assert table.to_json()["rf_of"] == "depth"
    assert table.to_json()["rows"][-1]["rf_of_inputs"]["rgb"] == {"rf": [3, 3], "exact": True}
    assert str(table).splitlines()[1].split()[-5:] == ["-"] * 5
    with pytest.raises(UnknownNameError, match="depth"):
        net.table(of="depht")


def test_pixels_are_counted_on_the_input_with_most_axes() -> None:
    net = cs.read("age: input 3, photo: input 8x8x1, mul( from photo, conv 3 3x3 | from age )")
    assert net.table().of == "photo"
    assert [axis.size for axis in net.table().rows[-1].field] == [3, 3]


def test_an_axis_that_runs_backwards() -> None:
    net = cs.read("input 12x1, pad 2 reflect, conv 1 3")
    boxes = trace(net)["conv1"][0].boxes
    assert list(zip(boxes.first.tolist(), boxes.last.tolist(), strict=True))[:3] == [(0, 2), (0, 1), (0, 2)]
    assert only("input 12x1, pad 2 reflect, conv 1 3").stride == Fraction(1)


def test_around_a_circle_nothing_is_shifted_and_the_field_stays() -> None:
    text = "input 64x128x3" + 3 * ", cat along2( crop 0x127:0 | id | crop 0x0:127 ), conv 3 3x3 p1x0"
    net = cs.read(text)
    assert [(axis.size, axis.start) for axis in net.table().rows[-1].field] == [(7, -3), (7, -3)]
    assert [finding.code for finding in cs.check(net).findings if finding.code in {"CS003", "CS010"}] == []
    assert "7x7 inside" in str(net.table())


def test_a_class_token_sees_what_attention_brings_and_nothing_besides() -> None:
    vit = "input 8x12x3, conv 4 4x4 s4, rearrange a4xb2xc3:axbc, tokens 1, add( id | attention 2 ), crop 0:6"
    net = cs.read(vit)
    assert fields(net)["crop1"] == (NO_FIELD, NO_FIELD)
    assert [(axis.size, axis.exact) for axis in fields(net, gates=True)["crop1"]] == [(8, True), (12, True)]
    patches = trace(net)["tokens1"]
    assert [track.boxes.first.tolist()[1:] for track in patches] == [[0, 0, 0, 4, 4, 4], [0, 4, 8, 0, 4, 8]]
    assert cs.verify(net, units=3).passed


def test_what_sees_no_row_sees_no_pixel() -> None:
    rows, columns = last("input 6x6x2, cat along1( const 2x6x2 fixed | id ), crop 0:6x0")
    assert (rows.size, columns.size) == (0, 0)


def test_a_bound_does_not_say_that_layers_see_no_more() -> None:
    after = ", conv 2 3x3 p1, conv 2 3x3 p1, gap, linear 2"
    seen = cs.check(cs.read(f"input 9x9x2, conv 2 9x9 p4{after}")).findings
    assert "CS003" in {finding.code for finding in seen}
    perhaps = cs.check(cs.read(f"input 9x9x2, opaque 9x9x2{after}")).findings
    assert "CS003" not in {finding.code for finding in perhaps}


@pytest.mark.parametrize("text", ["input 8x8x4, roll 1x1", AROUND])
def test_a_limit_on_the_field_is_held_against_units_between_the_seams(text: str) -> None:
    """Units at a seam see as many columns, at both ends of the image."""

    def codes(least: int) -> set[str]:
        return {finding.code for finding in cs.check(cs.read(f"{text}, conv 4 3x3"), min_rf=least).findings}

    assert "CS104" not in codes(3)
    assert "CS104" in codes(4)
