"""Random nets for the property tests."""

from __future__ import annotations

from hypothesis import strategies as st

_SMALL = st.integers(1, 3)
_POINTWISE = st.sampled_from(["bn", "relu", "leaky_relu 0.2", "sigmoid", "gelu", "silu", "tanh", "id", "dropout 0.25"])


@st.composite
def _conv(draw: st.DrawFn, rank: int) -> str:
    kernel = draw(st.lists(_SMALL, min_size=rank, max_size=rank))
    text = f"conv {draw(st.integers(1, 4))} {'x'.join(map(str, kernel))}"
    text += draw(st.sampled_from(["", " same", " p1", " p0:1", " p2"]))
    text += draw(st.sampled_from(["", "", " s2", " s3", " d2"]))
    return text + draw(st.sampled_from(["", " nobias"]))


@st.composite
def _pool(draw: st.DrawFn) -> str:
    text = f"{draw(st.sampled_from(['maxpool', 'avgpool']))} {draw(st.integers(2, 3))}"
    return text + draw(st.sampled_from(["", " s1", " s2 p1", " ceil"]))


def _keeps_shape(channels: int) -> st.SearchStrategy[str]:
    """A path after which an ``add`` or ``mul`` still fits."""
    return st.sampled_from(
        [
            f"conv {channels} 3x3 same",
            f"conv {channels} 3x3 same d2 bn relu",
            f"conv 2 1x1 relu, conv {channels} 3x3 same",
            "maxpool 3 s1 p1",
            "avgpool 3x1 s1 p1x0",
            f"gap, linear 2 relu, linear {channels} sigmoid",
            "id",
        ]
    )


@st.composite
def _merge(draw: st.DrawFn) -> str:
    """A merge that fits by itself: it begins with a convolution that fixes the channels."""
    channels = draw(st.integers(1, 3))
    paths = draw(st.lists(_keeps_shape(channels), min_size=2, max_size=3))
    keyword = draw(st.sampled_from(["add", "mul", "cat"]))
    if keyword == "cat":
        paths = [path for path in paths if not path.startswith("gap")] or ["id"]
        paths = paths if len(paths) > 1 else [*paths, "id"]
    elif all(path.startswith("gap") for path in paths):
        paths = [*paths, "id"]
    return f"conv {channels} 1x1, {keyword}( {' | '.join(paths)} )"


@st.composite
def net_texts(draw: st.DrawFn, *, largest: int = 14, longest: int = 6) -> str:
    """The notation of a random net with two spatial axes: strides, dilation, padding, branches, gates, up-sampling."""
    height, width = (draw(st.integers(7, largest)) for _ in range(2))
    part = st.one_of(_conv(2), _conv(2), _pool(), _POINTWISE, _merge(), st.just("up 2"), st.just("up 3x1"))
    parts = draw(st.lists(part, min_size=1, max_size=longest))
    tail = draw(st.sampled_from([[], ["gap"], ["linear 3"], ["flatten", "linear 2"], ["softmax"]]))
    return ", ".join([f"input {height}x{width}x{draw(st.integers(1, 2))}", *parts, *tail])


_PLACES = st.sampled_from(
    [
        "up 2", "up 1x3", "resize 9x11", "resize 12 bilinear", "resize 7x10 bilinear align", "resize 10x8 bicubic",
        "pad 1 reflect", "pad 2:0 replicate", "pad 1 circular", "pad 1x2", "crop 1", "crop 0:2x1:0", "slice s2",
        "slice s1x2 o1", "roll 1x2", "aavgpool 5x6", "aavgpool 4", "gn 1", "instnorm", "lrn 3", "spatial_softmax",
        "cat along2( crop 0x4:0 | id | crop 0x0:4 )", "cat along1( conv 2 3x3 same | conv 2 5x5 same )",
        "cat along1( id | avgpool 2x1 )", "cat along2( id | const 5x2x1 fixed )",
        "attention 1 w2", "pixelunshuffle 2, conv 3 1x1", "conv 8 1x1, pixelshuffle 2", "conv 4 1x1, shuffle 2",
    ]
)  # fmt: skip


@st.composite
def _convt(draw: st.DrawFn) -> str:
    text = f"convt {draw(_SMALL)} {draw(st.integers(1, 4))}{draw(st.sampled_from(['', ' s2', ' s2 o1', ' s3']))}"
    return text + draw(st.sampled_from(["", " p1", " d2"]))


@st.composite
def geometry_texts(draw: st.DrawFn) -> str:
    """A net of up to 30 ops of every geometry, written so that gradients hide nothing: no relu, averages for maxima."""
    height, width = (draw(st.integers(7, 16)) for _ in range(2))
    pool = _pool().map(lambda text: text.replace("maxpool", "avgpool"))
    merge = _merge().map(lambda text: text.replace("maxpool", "avgpool").replace(" relu", "").replace(" sigmoid", ""))
    part = st.one_of(_conv(2), _conv(2), pool, merge, _convt(), _PLACES, st.sampled_from(["bn", "leaky_relu 0.2"]))
    parts = draw(st.lists(part, min_size=1, max_size=12))
    return ", ".join([f"input {height}x{width}x{draw(st.integers(1, 2))}", *parts])


def _renumberings(shape: tuple[int, ...]) -> list[str]:
    """Ops that fit a layer ``c h w`` or ``c n`` and put its places, or its channels, elsewhere."""
    if len(shape) == 3:
        c, h, w = shape
        half = f"rearrange a{c}xb{h}xc{w}:axbcx1, cat along1( crop 0:{h * w - 1}x0 | id )"
        return [
            f"rearrange a{c}xb{h}xc{w}:axbc", f"rearrange a{c}xb{h}xc{w}:bxac", f"rearrange a{c}xb{h}xc{w}:cbxa",
            f"cat along1( const 1x{c} | rearrange a{c}xb{h}xc{w}:axbc )", half, "flatten",
            f"reduce a{c}xb{h}xc{w}:axb", f"reduce a{c}xb{h}xc{w}:1xbc max", f"rearrange a{c}xb{h}xc{w}:bxaxc",
            f"cat along1( conv {c} 3x3 p1 | id )", f"cat along2( crop 0x0:{w - 1} | id )", "pixelunshuffle 2",
            f"cat( const {h}x{w}x2 fixed | id )", f"add( const {h}x{w}x{c} | conv {c} 3x3 p1 | id )",
        ]  # fmt: skip
    if len(shape) == 2:
        c, n = shape
        rows = next(k for k in range(max(1, int(n**0.5)), 0, -1) if n % k == 0)
        return [
            f"rearrange a{c}xb{rows}c{n // rows}:axbxc", f"rearrange a{c}xb{n}:bxa", "attention 1", "gru 3", "take 0:1",
            f"cat along1( const 2x{c} | id )", "add( id | attention 1 )", "bigru 2", "roll 2", "slice s2",
            f"matmul( id | rearrange a{c}xb{n}:bxa )", "crop 1:0", "crop 0:1",
        ]  # fmt: skip
    return [f"rearrange a{shape[0]}:1xa", "linear 4", "conv 3 1"]


@st.composite
def renumbering_texts(draw: st.DrawFn) -> str:
    """A net in which maps are flattened to places, places go to channels and back, and parts are joined along a map."""
    from convscope.errors import ConvscopeError
    from convscope.frontends import read

    text = f"input {draw(st.integers(3, 6))}x{draw(st.integers(3, 6))}x{draw(st.integers(1, 3))}"
    shape = read(f"{text}, id").output
    for _ in range(draw(st.integers(1, 6))):
        plain = (
            ["conv 2 3x3 p1", "avgpool 2", "conv 3 1x1", "conv 4 1x1, shuffle 2"]
            if len(shape) == 3
            else ["conv 2 3 p1"]
        )
        part = draw(st.sampled_from(_renumberings(shape) * 2 + (plain if len(shape) > 1 else [])))
        try:
            shape = read(f"{text}, {part}").output
        except ConvscopeError:
            continue
        text = f"{text}, {part}"
    return text if "," in text else f"{text}, id"


_OF_CHANNELS = (
    "conv 4 3x3 same", "conv 8 3x3 g2", "conv 6 1x1 s2", "shuffle 2", "take 0:2", "take 1:4:2", "pixelunshuffle 2",
    "pixelshuffle 2", "avgpool 2", "relu", "bn", "up 2", "lrn 3", "gn 2", "crop 1:0", "softmax g2", "resize 9x7",
    "cat( id | maxpool 3 s1 p1 )", "cat( take 0:2 | take 2:4, conv 2 3x3 same )", "add( id | conv 4 5x5 same )",
    "mul( id | gap, linear 4 )", "cat along1( id | id )", "cat( shuffle 2 | id )", "add( take 0:4 | conv 4 3x3 same )",
    "convt 4 3 s2", "aavgpool 3x5", "const 3x3x4 fixed", "tokens 1", "instnorm", "flatten", "linear 3",
)  # fmt: skip


@st.composite
def channel_texts(draw: st.DrawFn) -> str:
    """A net whose channels go different ways: groups, parts that are taken, shuffled, joined."""
    from convscope.errors import ConvscopeError
    from convscope.frontends import read

    text = f"input {draw(st.integers(5, 12))}x{draw(st.integers(5, 12))}x{draw(st.sampled_from((2, 4, 8)))}"
    for part in draw(st.lists(st.sampled_from(_OF_CHANNELS), min_size=1, max_size=9)):
        try:
            read(f"{text}, {part}")
        except ConvscopeError:
            continue
        text = f"{text}, {part}"
    return text if "," in text else f"{text}, id"


@st.composite
def many_texts(draw: st.DrawFn) -> str:
    """A net of two or three inputs, joined maps, a branch that nobody reads, and several outputs."""
    size, kernel = (
        f"{draw(st.integers(5, 9))}x{draw(st.integers(5, 9))}",
        draw(st.sampled_from(["1", "3x3 p1", "3x3 p1 s2"])),
    )
    merge = draw(st.sampled_from(["add", "mul", "cat", "cat along1", "cat along2", "maximum"]))
    tail = draw(st.sampled_from(["id", "up 2", "conv 3 3x3 p1", "gap", "pixelunshuffle 1", "rearrange"]))
    parts = [
        f"a: input {size}x2, b: input {size}x1, c: input 3",
        f"left: conv 2 {kernel}, from b, right: conv 2 {kernel}, both: {merge}( from left | from right )",
        "from both, dead: conv 2 1x1",
        "from both, gated: mul( id | from c, linear 1, sigmoid )",
        f"from gated, last: {'gap, linear 2' if tail == 'rearrange' else tail}",
    ]
    outputs = draw(
        st.sampled_from(
            ["", "output list( from last | from both )", "output dict( x: from gated | y: list( from c ) )"]
        )
    )
    return ", ".join([*parts, *filter(None, [outputs])])


ODD = (
    "input 12, linear 32, rearrange a2b4c4:axbxc, convt 3 4x4 s2 p1, conv 1 3x3 s2",
    "input 90x1, conv 4 9 s2, rearrange a4xb41:1xaxb, conv 3 3x3 s2, maxpool 1x2 s3",
    "input 4x9x8x1, conv 3 3x3x3 s2, reduce a3xb1xc4xd3:axcxd, conv 2 2x2 s2",
    "input 8x8x3, conv 4 3x3 p1, rearrange a4xb8xc8:axbc, conv 4 5 s3, flatten, linear 3",
    "input 8x8x3, conv 4 3x3 p1, rearrange a4xb8xc8:bcxa, tokens 2",
    "input 6x6x2, take 0:1, opaque 3x4, conv 2 3 s2",
    "input 9x9x1, conv 2 3x3 d2, cat along1( id | id ), conv 2 3x3 s2 d2",
    "input 5x3, const 4x4x1, conv 2 3x3 s2",
)
"""Nets whose maps have another number of axes than the input."""
