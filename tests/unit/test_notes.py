"""The arithmetic of the course notes, with every number worked by hand, and where the notes are wrong."""

import pytest

import convscope as cs
from convscope.analyze.depth import depth
from convscope.core.shape import to_text
from convscope.training.plan import Steps


def sizes(text: str) -> list[str]:
    return [to_text(layer.output) for layer in cs.read(text)]


def field_sizes(text: str) -> list[int]:
    return [row.field[0].size for row in cs.read(text).table().rows]


def test_two_3x3_see_what_one_5x5_sees_with_18_weights_instead_of_25() -> None:
    two = cs.read("input 9x9x1, 2*( conv 1 3x3 nobias )").table()
    one = cs.read("input 9x9x1, conv 1 5x5 nobias").table()
    assert (two.params.value, one.params.value) == (2 * 9, 25)
    assert [axis.size for axis in two.rows[-1].field] == [axis.size for axis in one.rows[-1].field] == [5, 5]
    assert two.rows[-1].out == one.rows[-1].out == (1, 5, 5)


def test_199x199_is_1x1_after_99_steps_of_3x3() -> None:
    # each step takes 2 off: 199 - 2*99 = 1
    found = depth(199).to_one
    assert found is not None
    assert (found.convs, found.size, found.field, found.params) == (99, 1, 199, 99 * 9)


@pytest.mark.parametrize(("size", "left"), [(10, "8x8x1"), (28, "26x26x1"), (5, "3x3x1")])
def test_3x3_takes_two_off(size: int, left: str) -> None:
    assert sizes(f"input {size}x{size}x1, conv 1 3x3") == [left]


STACK = "input 400x400x3, (3x3x3)x32, (3x3x32)x64, (3x3x64)x128, (3x3x128)x256, (3x3x256)x512"


def test_the_stack_of_the_notes() -> None:
    assert sizes(STACK) == ["398x398x32", "396x396x64", "394x394x128", "392x392x256", "390x390x512"]
    assert field_sizes(STACK) == [3, 5, 7, 9, 11]


def test_pooling_adds_one_pixel_to_the_field_and_does_not_double_it() -> None:
    # the notes say 22 after pooling (twice 11), then 24, 26, 28, 30: a 2x2 pool adds (2-1)*stride = 1, and after
    # it every 3x3 adds 2*2 = 4
    text = f"{STACK}, maxpool 2, (1x1x512)x32, (3x3x32)x64, (3x3x64)x128, (3x3x128)x256, (3x3x256)x512"
    assert sizes(text)[5:7] == ["195x195x512", "195x195x32"]
    assert field_sizes(text)[5:] == [12, 12, 16, 20, 24, 28]


def test_1x1_has_nine_times_fewer_weights_than_3x3() -> None:
    narrow, wide = (
        cs.read(f"input 9x9x512, conv 32 {kernel} nobias").table().params.value for kernel in ("1x1", "3x3")
    )
    assert narrow == 512 * 32
    assert wide == 9 * narrow


@pytest.mark.parametrize("filters", [1, 32, 400])
def test_1x1_changes_the_channels_only(filters: int) -> None:
    assert sizes(f"input 100x100x256, conv {filters} 1x1") == [f"100x100x{filters}"]


def test_25000_iterations() -> None:
    # 5,000 samples in batches of 100 are 50 an epoch, times 500 epochs; the notes say 250,000
    assert Steps.of(samples=5000, batch=100, epochs=500) == Steps(per_epoch=50, total=25_000, images=5000)


def test_the_notes_own_spelling_is_a_convolution_that_checks_its_channels() -> None:
    assert cs.read("input 9x9x32, (3x3x32)x64") == cs.read("input 9x9x32, conv 64 3x3")
    assert cs.read("input 9x9x32, (3x3x32) x 64 p1 nobias relu") == cs.read("input 9x9x32, conv 64 3x3 p1 nobias relu")
    with pytest.raises(cs.ConvscopeError, match="written for 16 input channels, but the input has 32"):
        cs.read("input 9x9x32, (3x3x16)x64")


def test_depth_by_hand() -> None:
    # field 1 + 2n >= 20 needs n = 10 (21); 32 filters: 9*1*32 + 9 * 9*32*32
    seen = depth(28, object_size=20, filters=32).to_object
    assert seen is not None
    assert (seen.convs, seen.field, seen.params) == (10, 21, 288 + 9 * 9216)
    # 8x8: conv -> 6, conv -> 4, pool -> 2; no 3x3 fits into 2, and the field is 5 + 1
    pooled = depth(8, pool_every=2, object_size=7)
    assert pooled.to_one is None
    assert pooled.to_object is None
    assert (pooled.steps[-1].convs, pooled.steps[-1].size, pooled.steps[-1].field) == (2, 2, 6)


@pytest.mark.parametrize(("settings", "message"), [({"size": 0}, "size=0"), ({"size": 9, "kernel": 1}, "kernel=1"),
                                                   ({"size": 2}, "does not fit"), ({"size": 10**6}, "this needs"),
                                                   ({"size": 9, "pool_every": -1}, "pool-every=-1")])  # fmt: skip
def test_depth_refuses(settings: dict[str, int], message: str) -> None:
    with pytest.raises(cs.ConvscopeError, match=message):
        depth(**settings)
