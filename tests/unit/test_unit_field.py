"""What one unit sees, worked by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import run
from convscope.errors import ConvscopeError
from convscope.lens.field import Reach

GRID = "input 32x32x1, 2*( conv 8 3x3 d2 p2 )"


def test_borders_cut_the_box() -> None:
    # unit 0 of a padded 3x3 sees rows 0 and 1; its field would begin at -1
    found = cs.read("input 8x8x1, conv 1 3x3 p1").field(at=(0, 7))
    assert found.box == ((0, 1), (6, 7))
    assert (found.support.pixels, found.support.holes) == (4, 0)


def test_places_are_written_as_on_the_command_line() -> None:
    net = cs.read("input 8x8x1, conv 1 3x3 p1")
    assert net.field(at="0,7").box == net.field(at=(0, 7)).box
    assert cs.support(net, at="0:3,2").box == cs.support(net, at=((0, 3), 2)).box
    assert cs.effective(net, at="0:3,2").std == cs.effective(net, at=((0, 3), 2)).std
    seen = cs.look(net, "field", layer="conv1", at="2,2")
    assert isinstance(seen, Reach)
    assert seen.unit.box == net.field(at=(2, 2)).box
    for wrong in ("", "2", "2,2,2", "a,b", "1:2:3,4", "-1,0", "8,0"):
        with pytest.raises(ConvscopeError):
            net.field(at=wrong)


def test_holes_of_a_grid() -> None:
    found = cs.read(GRID).field(at=(16, 16))
    assert found.box == ((12, 20), (12, 20))
    assert (found.support.pixels, found.support.holes, found.support.grid) == (25, 56, (2, 2))
    assert found.support.coverage == pytest.approx(25 / 81)
    assert found.mask[12, 12]
    assert not found.mask[13, 13]


def test_a_gate_sees_all_but_not_along_the_spatial_paths() -> None:
    net = cs.read("input 16x16x4, conv 4 3x3 p1, mul( id | gap, linear 2 relu, linear 4 sigmoid )")
    assert net.field(at=(8, 8)).support.pixels == 256
    assert net.field(at=(8, 8), gates=False).support.pixels == 9
    found = net.field(at=(8, 8))
    assert max(found.effective.shares().values()) <= 1
    assert found.effective.area == 9
    assert "of the box along the spatial paths" in str(found)
    pooled = cs.read("input 16x16x4, cat( id | gap, up 16 ), conv 2 3x3")
    assert pooled.field(at=(4, 4), gates=False).support.pixels == 9
    strip = cs.read("input 32x32x4, mul( id | avgpool 1x32, conv 4 1x1 sigmoid )")
    assert strip.field(at=(4, 4), gates=False).support.pixels == 1
    assert [axis.size for axis in strip.table().rows[-1].field] == [1, 1]
    assert strip.field(at=(4, 4)).support.pixels == 32
    assert cs.read("input 8x8x4, opaque 4x4x4x4, conv 2 1").field().support.pixels == 64
    assert cs.read("input 9x9x2, gn 1").field(at=(4, 4)).support.pixels == 81
    assert cs.read("input 9x9x2, gn 1").field(at=(4, 4), gates=False).support.pixels == 1


def test_two_parallel_paths_make_a_cross() -> None:
    # 3x1 and 1x3 around one pixel: five of nine
    found = cs.read("input 9x9x1, cat( conv 1 3x1 p1x0 | conv 1 1x3 p0x1 )").field(at=(4, 4))
    assert found.box == ((3, 5), (3, 5))
    assert found.support.pixels == 5


def test_channels_keep_parts_apart() -> None:
    # the second group reads only the dilated branch
    text = "input 9x9x1, cat( conv 1 1x1 | conv 1 3x3 d2 p2 ), conv 2 1x1 g2"
    net = cs.read(text)
    assert net.field(at=(4, 4)).support.pixels == 9
    assert net.field("conv1", at=(4, 4)).support.pixels == 1


def test_a_roll_sees_the_other_end() -> None:
    assert cs.read("input 8x1, roll 3").field(at=(0,)).box == ((5, 5),)
    assert cs.read("input 8x1, roll 3, conv 1 3 p1").field(at=(3,)).support.mask.nonzero()[0].tolist() == [0, 1, 7]


def test_patches_and_whole_layers() -> None:
    net = cs.read("input 9x9x1, conv 1 3x3 s3")
    assert net.field(at=((0, 1), (2, 2))).box == ((0, 5), (6, 8))
    assert cs.support(net).pixels == 81
    assert cs.support(cs.read("input 10x10x1, conv 1 3x3 s3")).pixels == 81


def test_weights_of_a_pooling_and_a_merge_by_hand() -> None:
    # a merge shares equally between its paths: half of the weight on the pixel itself, half on its 3x3
    found = cs.effective(cs.read("input 9x9x1, add( id | conv 1 3x3 p1 )"), at=(4, 4))
    assert found.heat[4, 4] == pytest.approx(1 / 2 + 1 / 18)
    assert found.heat[3, 3] == pytest.approx(1 / 18)
    # concatenated channels share by their number: 1 of 4 against 3 of 4
    found = cs.effective(cs.read("input 9x9x1, cat( id | conv 3 3x3 p1 )"), at=(4, 4))
    assert found.heat[4, 4] == pytest.approx(1 / 4 + 3 / 4 / 9)
    # at a corner of a padded 3x3, 5 of 9 shares fall on padding
    found = cs.effective(cs.read("input 9x9x1, conv 1 3x3 p1"), at=(0, 0))
    assert found.on_image == pytest.approx(4 / 9)
    assert found.heat.sum() == pytest.approx(1)


def test_places_that_were_flattened() -> None:
    # token 5 of 4x4 places is row 1, column 1; its 3x3 is that of the map
    tokens = cs.read("input 4x4x2, conv 3 3x3 p1, rearrange a3xb4xc4:axbc")
    found = tokens.field(at=(5,))
    assert found.box == ((0, 2), (0, 2))
    assert found.effective.heat[:3, :3].tolist() == pytest.approx(np.full((3, 3), 1 / 9))
    # a learned token before them moves all by one; it sees nothing itself
    net = cs.read("input 4x4x2, cat along1( const 1x2 | rearrange a2xb4xc4:axbc )")
    assert net.field(at=(6,)).box == ((1, 1), (1, 1))
    assert net.field(at=(0,)).box is None
    assert net.field(at=(0,)).effective.shares() == {}
    # the residual: half of the weight stays at the token, the other half goes to it and its neighbours, 3 and 4 apart
    found = cs.read("input 4x4x2, rearrange a2xb4xc4:axbc, add( id | conv 2 3 p1 )").field(at=(4,))
    assert found.effective.heat[1, 0] == pytest.approx(1 / 2 + 1 / 6)
    assert found.effective.heat[[0, 1], [3, 1]].tolist() == pytest.approx([1 / 6, 1 / 6])
    assert found.box == ((0, 1), (0, 3))
    assert (found.support.pixels, found.support.exact) == (3, True)  # no product of rows and columns
    # the largest along the channels: rows and columns stay
    assert cs.read("input 6x6x3, reduce a3xb6xc6:1xbxc max").field(at=(2, 3)).box == ((2, 2), (3, 3))


def test_a_class_token_sees_through_attention() -> None:
    # its own path holds a learned token, so that all of its weight goes through attention, evenly to the 16 patches
    text = "input 8x8x3, conv 4 2x2 s2, rearrange a4xb4xc4:axbc, cat along1( const 1x4 | id ), add( id | attention 1 )"
    found = cs.read(f"{text}, crop 0:16").field().effective
    np.testing.assert_allclose(found.heat, 1 / 64)
    assert found.on_image == pytest.approx(1)
    assert found.std == pytest.approx((math.sqrt(63 / 12),) * 2)
    # a patch's own path is that of the patch
    assert cs.read(text).field(at=(1,)).effective.heat[:2, :2].sum() == pytest.approx(1)


def test_paths_without_the_image_take_no_share() -> None:
    # coordinates beside the image: no weight is lost to them
    net = cs.read("input 8x8x3, cat( const 8x8x2 fixed | id ), conv 4 3x3 p1")
    found = net.field(at=(4, 4)).effective
    assert found.heat[3:6, 3:6].ravel().tolist() == pytest.approx([1 / 9] * 9)
    assert found.on_image == pytest.approx(1)
    corner = net.field(at=(0, 0)).effective
    assert corner.on_image == pytest.approx(4 / 9)


def test_one_of_several_inputs() -> None:
    net = cs.read("rgb: input 8x8x3, depth: input 16x16x1, add( from rgb, conv 2 3x3 p1 | from depth, conv 2 2x2 s2 )")
    assert net.field(at=(4, 4)).box == ((3, 5), (3, 5))
    assert net.field(at=(4, 4), of="depth").box == ((8, 9), (8, 9))
    assert cs.effective(net, at=(4, 4), of="depth").heat.shape == (16, 16)
    assert cs.effective(net, "conv1", at=(4, 4), of="depth").on_image == 0
    assert cs.support(net, "conv1", at=(4, 4), of="depth").box is None
    with pytest.raises(ConvscopeError, match="no input is called"):
        net.field(of="deep")


def test_channels_that_are_dropped_take_no_share() -> None:
    # channels 0 and 1 come from the dilated path alone
    net = cs.read("input 9x9x1, cat( conv 2 3x3 d2 p2 | conv 2 3x3 p1 ), take 0:2, conv 1 1x1")
    assert cs.effective(net, at=(4, 4)).heat[3, 3] == 0
    assert cs.effective(net, at=(4, 4)).heat[2, 2] == pytest.approx(1 / 9)


def test_weights_that_are_approximate_say_so() -> None:
    # which of its four channels a pixel reads depends on its place, and the channels see different pixels
    text = "input 6x6x1, cat( conv 2 1x1 | conv 2 3x3 p1 ), pixelshuffle 2"
    found = cs.read(text).field(at=(4, 4))
    assert not found.effective.exact
    assert "approximate" in str(found)
    assert cs.read("input 6x6x4, pixelshuffle 2").field(at=(4, 4)).effective.exact
    assert not cs.read("input 6x6x4, opaque 6x6x4").field(at=(4, 4)).effective.exact


def test_shares_of_the_box_by_hand() -> None:
    # nine equal weights: 20 % takes 2 pixels, 30 % 3, 50 % 5, 99 % all
    found = cs.effective(cs.read("input 9x9x1, conv 1 3x3"), at=(3, 3))
    assert found.shares() == pytest.approx({20: 2 / 9, 30: 3 / 9, 50: 5 / 9, 99: 1})


def test_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    assert run(["field", GRID, "--at", "16,16", "--json", "-o", str(path)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["box"] == [[12, 20], [12, 20]]
    assert (data["pixels"], data["holes"], data["exact"]) == (25, 56, True)
    assert data["coverage"] == pytest.approx(25 / 81)
    image = np.asarray(Image.open(path))
    assert image.shape == (32, 32)
    assert (int((image == 255).sum()), int((image == 80).sum())) == (25, 56)
    assert run(["field", GRID, "--layer", "conv1", "--at", "0:1,0:1"]) == 0
    text = capsys.readouterr().out
    assert "conv1 at 0:1, 0:1, image 32x32" in text
    assert run(["field", GRID]) == 0
    assert "one of every 2x2 is read" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--at", "32,0"],
        ["--at", "1"],
        ["--at", "a,b"],
        ["--at", "3:1,0"],
        ["--at", "-1,0"],
        ["--layer", "conv9"],
        ["-o", "/nowhere/mask.png"],
    ],
)
def test_wrong_questions(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(["field", GRID, *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_hulls_say_so() -> None:
    assert cs.read("input 8x8x4, pixelshuffle 2").field(at=(3, 3)).support.exact  # all channels of a place: just that
    found = cs.read("input 8x8x4, opaque 4x4x4").field(at=(3, 3))
    assert not found.support.exact
    assert "an upper bound" in str(found)
    with pytest.raises(ConvscopeError, match="spatial axes"):
        cs.read("input 8x8x4, gap, linear 2").field(at=(0,))
    assert cs.read("input 8x8x4, gap, linear 2").field().support.pixels == 64
