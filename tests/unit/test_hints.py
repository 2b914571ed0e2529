"""What is to try in an error of the notation is right: it reads, and does what was meant."""

import pytest

import convscope as cs
from convscope.errors import ConvscopeError


def hint(text: str, size: str | None = None) -> str:
    with pytest.raises(ConvscopeError) as caught:
        cs.read(text, input=size)
    return caught.value.attempt


def test_an_image_with_its_channels_first_is_noted() -> None:
    (note,) = cs.read("input 3x32x32, conv 16 3x3").notes
    assert note == (
        "input 3x32x32 has 3 rows: if its channels come first there, write 32x32x3, height x width x channels"
    )
    assert note in str(cs.read("input 3x32x32, conv 16 3x3").table())
    assert cs.read("input 1x28x28, conv 16 3x3 p1").notes[0].startswith("input 1x28x28 has 1 row: ")
    assert cs.read("input 28x28x1, conv 16 3x3", input="3x32x32").notes


@pytest.mark.parametrize(
    "text",
    [
        "input 32x32x3, conv 16 3x3",
        "input 3x64x32, conv 16 3x3",  # three rows of sensors
        "input 1x32x32, conv 16 1x5",  # a line, read along it
        "input 3x3x3, conv 16 3x3",
        "input 28x28x28, conv 16 3x3",
        "input 32x32, conv 16 3",
        "input 3x16x16x16, conv 16 3x3x3",  # three slices
    ],
)
def test_what_is_plausible_is_not_noted(text: str) -> None:
    assert cs.read(text).notes == ()


HINTS = {
    "conv 8 3x3 bias": "leave it out: conv has a bias unless nobias is given",
    "linear 10 bias=True": "leave it out: linear has a bias unless nobias is given",
    "conv 8 3x3 use_bias=False": "nobias",
    "conv 8 3x3 stride=2": "s2",
    "conv 8 3x3 stride2": "s2",
    "conv 8 3x3 strides": "s2",
    "conv 8 3x3 padding=same": "same",
    "conv 8 3x3 padding=1": "p1",
    "conv 8 3x3 dilation_rate=2": "d2",
    "conv 8 3x3 2": "s2",
    "conv 8 3x3 activation=relu": "relu",
    "conv filters=8 3x3": "8",
    "conv 8 3x3 depthwise": "g8",
    "conv 8 3*3": "3x3",
    "maxpool 2 2": "s2",
    "dwconv 3x3": "conv 8 3x3 g8",
    "dwconv 8 5x5 s2": "conv 8 5x5 s2 g8",
    "DepthwiseConv2D 3x3 same": "conv 8 3x3 same g8",
    "sepconv 8 3x3": "conv 8 3x3 g8, conv 8 1x1",
    "conv 12 3x3, cat( id | conv 3 1x1, relu, dwconv 3x3": "conv 3 3x3 g3",
    "a: cat( conv 3 1x1 | b: conv 4 1x1 ), c: dwconv 5x5": "conv 7 5x5 g7",
    "2*( conv 5 3x3 same relu ), add( id | dwconv 3x3": "conv 5 3x3 g5",
    "a: conv 4 3x3, conv 6 3x3, from a, dwconv 3x3": "conv 4 3x3 g4",
    "pwconv 16": "conv 16 1x1",
    "se": "mul( id | gap, linear 2 relu, linear 8 sigmoid )",
    "residual": "add( conv 8 3x3 same | id )",
    "up 2 bilinear": "resize 56x48 bilinear",
    "up 2x1 bicubic": "resize 56x24 bicubic",
    "cat( id | maxpool 2, conv 5 1x1, 2*( relu ), up 2 bilinear": "resize 28x24 bilinear",
    "bilinear 2": "resize 56x48 bilinear",
    "Conv2D 8 3x3": "conv",
    "deconv 8 3x3": "convt",
    "GlobalMaxPooling2D": "gmp",
    "conv 8 3x3 SAME": "same",
    "conv 8 3X3": "3x3",
    "conv 3x3 8": "conv 8 3x3",
    "conv 8 3 3": "3x3",
    "conv 8 3x3 no_bias": "nobias",
    "dropout p=0.5": "0.5",
    "attention 8 heads": "",
    "pad same": "",
    "gru 8 bidirectional": "both",
    "se 8": "mul( id | gap, linear 1 relu, linear 8 sigmoid )",
    "upsample 2 bilinear": "resize 56x48 bilinear",
    "3x( conv 8 3x3 )": "3*( … )",
    "unshuffle 2": "pixelunshuffle",
}


@pytest.mark.parametrize("words", HINTS)
def test_hints(words: str) -> None:
    assert hint(f"input 28x24x8, {words}") == HINTS[words]


@pytest.mark.parametrize(
    "words", [words for words in HINTS if HINTS[words].startswith(("conv ", "resize", "mul", "add"))]
)
def test_what_is_to_be_tried_reads(words: str) -> None:
    told = HINTS[words]
    groups = told.rpartition(" g")[2].partition(",")[0] if " g" in told and "gap" not in told else "8"
    assert len(cs.read(f"input 28x24x{groups}, {told}"))


def test_without_a_size_there_is_a_letter() -> None:
    assert hint("conv 8 3x3, add( relu | dwconv 3x3") == "conv C 3x3 gC, where C is the number of input channels"
    assert hint("conv 8 3x3 same, dwconv 3x3", "9x9x3") == "conv 8 3x3 g8"
    assert hint("rgb: input 9x9x3, d: input 9x9x1, cat( from rgb | from d ), dwconv 3x3") == "conv 4 3x3 g4"


@pytest.mark.parametrize("stride", ["s1", "s2", "s3", "s2x1", "s2 d2"])
@pytest.mark.parametrize("kernel", ["1", "2", "3", "4", "5", "5x4", "7x2"])
def test_same_of_a_transposed_convolution(kernel: str, stride: str) -> None:
    for words in (f"convt 4 {kernel} {stride} same", f"convt 4 {kernel} same {stride}"):
        kernels = [int(one) for one in kernel.split("x")] * (1 if "x" in kernel else 2)
        steps = [int(one) for one in stride.split(maxsplit=1)[0][1:].split("x")]
        steps = steps * (3 - len(steps))
        spread = 2 if "d2" in stride else 1
        told = hint(f"input 7x6x3, {words}").partition(",")[0]
        if any(spread * (k - 1) + 1 < s for k, s in zip(kernels, steps, strict=True)):
            assert told == ""
            continue
        crop = told.removesuffix(" after it")
        tail = f", {crop}" if crop.startswith("crop") else "" if told == "no padding" else f" {told}"
        size = "x".join(map(str, kernels))
        assert cs.read(f"input 7x6x3, convt 4 {size} {stride}{tail}").output == (4, 7 * steps[0], 6 * steps[1])


def test_no_hint_where_axes_differ() -> None:
    assert hint("input 7x6x3, convt 4 3x3x3 s2x1 same") == ""


def test_signs_that_papers_have() -> None:
    assert cs.read("input 28x28x3, conv 8 3x3, (3x3x8)x16".replace("x", "\N{MULTIPLICATION SIGN}")) == cs.read(
        "input 28x28x3, conv 8 3x3, (3x3x8)x16"
    )
    with pytest.raises(ConvscopeError) as caught:
        cs.read("input 28x28x3, conv 8 kernel = 3")
    assert "not part of the notation" in caught.value.what
    assert 'settings without "="' in caught.value.expected


@pytest.mark.parametrize("text", ['conv 8 3x3 ""', '"": relu', '"" 3', 'from ""'])
def test_a_name_has_letters(text: str) -> None:
    with pytest.raises(ConvscopeError, match="the name in quotes is empty"):
        cs.read(f"input 8x8x1, {text}")


@pytest.mark.parametrize("word", ["3f", "3xx", "9" * 20, "3=4", "-3", ".5", "2:3", "s", "=", "x=", "=2"])
def test_no_hint_breaks_the_error(word: str) -> None:
    for words in (f"conv 8 3 {word}", f"maxpool 2 {word}", f"{word} 3", f"linear {word}"):
        with pytest.raises(ConvscopeError) as caught:
            cs.read(f"input 9x9x3, {words}")
        assert "<text>:1:" in caught.value.written


def test_channels_first() -> None:
    assert hint("input 3x224x224, conv 64 7x7 s2") == "224x224x3: sizes are written height x width x channels"
    assert hint("conv 64 7x7 s2", "1x28x28") == "28x28x1: sizes are written height x width x channels"
    assert hint("input 3x8x4, conv 4 5x5") == ""


def test_long_words_are_cut_in_errors() -> None:
    with pytest.raises(ConvscopeError) as caught:
        cs.read(f'input 8x8x1, "{"y" * 5000}"')
    assert len(str(caught.value)) < 1500
    with pytest.raises(ConvscopeError) as caught:
        cs.read('input 8x8x1, "a\\q": relu')
    assert "cannot be read" in caught.value.what
