"""Suggestions for unknown words: names and settings of other libraries.

A hint may need the input shape at that point (``dwconv 3x3`` on 8 channels is ``conv 8 3x3 g8``), so it is a function
of that shape, which is None if unknown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convscope.core.op import REGISTRY
from convscope.core.shape import joined, parse_numbers
from convscope.errors import ConvscopeError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from convscope.core.op import Op, Setting
    from convscope.core.shape import Shape

    Hint = Callable[[Shape | None], str]

OTHER_NAMES = {
    "batchnorm": "bn", "batchnorm2d": "bn", "batch_norm": "bn", "batchnormalization": "bn", "norm": "bn",
    "conv1d": "conv", "conv2d": "conv", "conv3d": "conv", "convolution": "conv",
    "pool": "maxpool", "maxpool2d": "maxpool", "max_pool": "maxpool", "mp": "maxpool", "maxpooling2d": "maxpool",
    "maxpooling": "maxpool", "avgpool2d": "avgpool", "avg_pool": "avgpool", "averagepooling2d": "avgpool",
    "averagepooling": "avgpool", "averagepool": "avgpool", "meanpool": "avgpool",
    "globalavgpool": "gap", "globalaveragepooling2d": "gap", "globalaveragepooling": "gap", "adaptiveavgpool2d": "gap",
    "globalmaxpool": "gmp", "globalmaxpooling2d": "gmp", "globalmaxpooling": "gmp",
    "dense": "linear", "fc": "linear", "concat": "cat", "concatenate": "cat", "identity": "id", "skip": "id",
    "leakyrelu": "leaky_relu", "lrelu": "leaky_relu", "swish": "silu", "multiply": "mul", "sum": "add",
    "upsample": "up", "upsampling2d": "up", "conv2dtranspose": "convt", "convtranspose2d": "convt", "deconv": "convt",
    "conv_transpose": "convt", "convtranspose": "convt", "tconv": "convt", "groupnorm": "gn", "layernorm": "ln",
    "transposed": "convt", "globalpool": "gap", "global_pool": "gap", "unshuffle": "pixelunshuffle",
    "space_to_depth": "pixelunshuffle", "spacetodepth": "pixelunshuffle", "depth_to_space": "pixelshuffle",
    "depthtospace": "pixelshuffle", "subpixel": "pixelshuffle", "permute": "rearrange", "transpose": "rearrange",
    "reshape": "rearrange", "zeropad": "pad", "zero_pad": "pad", "hswish": "hardswish", "instancenorm": "instnorm",
    "mha": "attention", "zeropadding2d": "pad", "cropping2d": "crop",
}  # fmt: skip
"""Other libraries' names of our ops."""

DEPTHWISE = {"dwconv", "dwconv2d", "depthwise", "depthwiseconv", "depthwiseconv2d", "depthwise_conv", "dw"}
SEPARABLE = {"sepconv", "sepconv2d", "separable", "separableconv", "separableconv2d", "separable_conv", "dsconv"}
POINTWISE = {"pwconv", "pointwise", "pointwiseconv", "conv1x1"}
SQUEEZE = {"se", "seblock", "squeeze_excite", "squeezeexcite", "squeeze_excitation"}
RESIDUAL = {"res", "residual", "resblock", "shortcut"}
SMOOTH = {"bilinear": "bilinear", "linear": "bilinear", "trilinear": "bilinear", "bicubic": "bicubic"}
SMOOTHED = {"interpolate", "upsample_bilinear", "upsamplebilinear", "upsamplingbilinear2d", "bilinear"}

SPELLED = {
    "stride": "s", "strides": "s", "padding": "p", "pad": "p", "dilation": "d", "dilations": "d", "rate": "d",
    "dilation_rate": "d", "dil": "d", "group": "g", "groups": "g", "output_padding": "o", "kernel": "",
    "kernel_size": "", "k": "", "ks": "", "f": "", "filters"
    : "", "channels": "", "out": "", "out_channels": "", "features": "",
    "units": "", "size": "", "factor": "", "scale_factor": "", "s": "s", "p": "p", "d": "d", "g": "g", "activation": "",
    "act": "",
}  # fmt: skip
"""Our spelling of settings, by other libraries' names."""

USUAL = {"s": "2", "p": "1", "d": "2", "g": "2", "o": "1"}
"""Example values of settings."""

_NAMED = re.compile(r"([A-Za-z_]+)[=:]?(.*)")
_OFF = {"false", "0", "no", "none", "off"}


def for_op(word: str, rest: Sequence[str]) -> Hint:
    """Return the suggestion for a word that is not an op; ``rest`` follows it in its statement.

    >>> for_op("dwconv", ["3x3", "s2"])((8, 28, 28)), for_op("Dense", ["10"])(None)
    ('conv 8 3x3 s2 g8', 'linear')
    """
    name = word.lower()
    numbers = [one for one in rest[:2] if one[0].isdecimal()]
    if name in DEPTHWISE:
        return lambda shape: _depthwise(shape, numbers[-1:], rest[len(numbers) :])
    if name in SEPARABLE:
        kernel = numbers[1:] or ["3x3"]
        return lambda shape: (
            f"{_depthwise(shape, kernel, rest[len(numbers) :])}, conv {numbers[0] if numbers else 'OUT'} 1x1"
        )
    if name in POINTWISE:
        return lambda _: f"conv {numbers[0] if numbers else 'OUT'} 1x1"
    if name in SQUEEZE:
        return lambda shape: _squeeze(shape, int(numbers[0]) if numbers and numbers[0].isdecimal() else 4)
    if name in RESIDUAL:
        return lambda shape: f"add( conv {_channels(shape)} 3x3 same | id )"
    mode = next((SMOOTH[one] for one in rest if one in SMOOTH), "")
    if name in SMOOTHED or (mode and OTHER_NAMES.get(name) == "up"):
        return lambda shape: _resized(shape, numbers, mode or "bilinear")
    if re.fullmatch(r"[0-9]+x", name):
        return lambda _: f"{name[:-1]}*( … )"
    found = nearest(word, REGISTRY, OTHER_NAMES)
    return lambda _: found


def for_setting(made: type[Op], word: str, values: Mapping[str, object], rest: Sequence[str]) -> Hint:
    """Return the suggestion for a word that is not a setting of an op, after ``values`` and before ``rest``.

    >>> from convscope.ops.conv import Conv, ConvTranspose
    >>> for_setting(Conv, "stride=2", {}, [])(None)
    's2'
    >>> for_setting(ConvTranspose, "same", {"kernel": (3,), "stride": (2,)}, [])(None)
    'p1 o1, which makes the output 2 times as large'
    """
    found = _fixed(made, word, values, rest)
    name = word.lower().rpartition("=")[2]
    if made.keyword == "up" and name in SMOOTH:
        factor = values.get("factor")
        return lambda shape: _resized(shape, [joined(factor)] if isinstance(factor, tuple) else [], SMOOTH[name])
    if made.keyword == "conv" and name in DEPTHWISE:
        return lambda shape: f"g{_channels(shape)}"
    return lambda _: found


def for_value(made: type[Op], word: str, rest: Sequence[str]) -> str:
    """Return the suggestion for a setting with an invalid value.

    >>> from convscope.ops.conv import Conv
    >>> for_value(Conv, "3X3", []), for_value(Conv, "3x3", ["16", "s2"])
    ('3x3', 'conv 16 3x3 s2')
    """
    small = word.lower()
    if small != word and _says(made, small):
        return small
    if "kernel" in {entry.name for entry in made.declared} and rest and rest[0].isdecimal() and "x" in small:
        return " ".join((made.keyword, rest[0], small, *rest[1:]))
    return ""


def _fixed(made: type[Op], word: str, values: Mapping[str, object], rest: Sequence[str]) -> str:
    """Return a hint that needs no shape."""
    fields = {entry.name for entry in made.declared}
    if word != word.lower() and _says(made, word.lower()):
        return word.lower()
    if word == "same" and "pad" in fields:
        return _as_same(values, rest)
    spelled = _spelled(word)
    if spelled.endswith("bias") and "bias" in fields:
        has = f"leave it out: {made.keyword} has a bias unless nobias is given"
        return spelled if spelled == "nobias" and not _says(made, "bias") else has
    if _says(made, f"s{word}") and "stride" in fields - set(values):
        square = "out" in fields and values.get("kernel") == parse_numbers(word)  # 16 3 3, as in old Keras
        return f"{word}x{word}" if square else f"s{word}"
    for one in (spelled, word.rpartition("=")[2] if "=" in word else ""):
        if one and (_says(made, one) or one in REGISTRY):
            return one
    flags = [entry.kind.usage(entry.name) for entry in made.declared]
    known = [*REGISTRY, *(flag for flag in (*flags, "same") if flag.islower() and _says(made, flag))]
    return nearest(word, known, {**OTHER_NAMES, "bidirectional": "both" if "both" in fields else ""})


def _spelled(word: str) -> str:
    """Return our spelling of another library's setting; empty if it is not one.

    >>> _spelled("stride2"), _spelled("kernel_size=3"), _spelled("use_bias=False"), _spelled("act=relu")
    ('s2', '3', 'nobias', 'relu')
    """
    match = _NAMED.fullmatch(word.lower())
    if not match:
        return ""
    name, value = match.groups()
    if name in {"bias", "use_bias"}:
        return "nobias" if value in _OFF else "bias"
    if name not in SPELLED:
        return value if "=" in word else ""
    if value in {"same", "valid"} or value.isalpha():
        return value
    return SPELLED[name] + (value or USUAL.get(SPELLED[name], ""))


def _says(made: type[Op], word: str) -> bool:
    """Return whether a word sets a field of the op."""
    return any(_matches(entry, word) for entry in made.declared)


def _matches(entry: Setting, word: str) -> bool:
    try:
        return entry.kind.match(word) is not None
    except ConvscopeError:
        return False


def _channels(shape: Shape | None) -> str:
    return str(shape[0]) if shape else "C"


def _depthwise(shape: Shape | None, kernel: Sequence[str], rest: Sequence[str]) -> str:
    words = ["conv", _channels(shape), *(kernel or ["3x3"]), *rest, f"g{_channels(shape)}"]
    return " ".join(words) + ("" if shape else ", where C is the number of input channels")


def _squeeze(shape: Shape | None, ratio: int) -> str:
    inner = str(max(1, shape[0] // max(1, ratio))) if shape else f"C/{ratio}"
    return f"mul( id | gap, linear {inner} relu, linear {_channels(shape)} sigmoid )"


def _resized(shape: Shape | None, factor: Sequence[str], mode: str) -> str:
    """Suggest ``resize``, which takes a size instead of the factor of ``up``."""
    try:
        factors = parse_numbers(factor[0]) if factor else (2,)
    except ConvscopeError:
        factors = ()
    if not shape or len(factors) not in {1, len(shape) - 1}:
        return f"resize HEIGHTxWIDTH {mode}"
    sizes = (side * factors[axis % len(factors)] for axis, side in enumerate(shape[1:]))
    return f"resize {joined(sizes)} {mode}"


def _as_same(values: Mapping[str, object], rest: Sequence[str]) -> str:
    """Return the padding with which a transposed convolution enlarges the output by ``stride``."""
    later = {word[0]: parse_numbers(word[1:]) for word in rest if re.fullmatch(r"[sd][0-9]+(x[0-9]+)*", word)}
    kernel = values.get("kernel")
    if not isinstance(kernel, tuple):
        return "p1"
    stride, dilation = values.get("stride", later.get("s", (1,))), values.get("dilation", later.get("d", (1,)))
    assert isinstance(stride, tuple)
    assert isinstance(dilation, tuple)
    rank = max(map(len, (kernel, stride, dilation)))
    if any(len(one) not in {1, rank} for one in (kernel, stride, dilation)):
        return ""
    kernels, strides, steps = (one * (rank if len(one) == 1 else 1) for one in (kernel, stride, dilation))
    spans = [(size - 1) * step + 1 for size, step in zip(kernels, steps, strict=True)]
    over = [span - step for span, step in zip(spans, strides, strict=True)]
    if min(over) < 0:
        return ""
    pads = [-(-side // 2) for side in over]
    extra = [2 * pad - side for pad, side in zip(pads, over, strict=True)]
    if all(more < max(step, *dilation) for more, step in zip(extra, strides, strict=True)):
        words = f"{_word('p', pads)} {_word('o', extra)}".strip()
    else:  # the excess of an uneven kernel cannot be split evenly
        words = f"crop {joined(f'{side // 2}:{side - side // 2}' for side in over)} after it"
    return f"{words or 'no padding'}, which makes the output {joined(strides)} times as large"


def _word(letter: str, values: Sequence[int]) -> str:
    """Return a setting with a number for each axis, or one for all; empty if it is zero."""
    return letter + joined(values if len(set(values)) > 1 else values[:1]) if any(values) else ""


def before(kinds: Sequence[str], texts: Sequence[str], at: int) -> list[int]:
    """Return the positions of the tokens that lead to a point of a text, possibly inside open paths.

    Of an open merge, only the current path counts; of a repetition, only the first pass; a label without a layer is
    left out.

    Args:
        kinds: kinds of the tokens.
        texts: their texts.
        at: the point.

    >>> words = ["relu", ",", "add", "(", "tanh", "|", "conv", "?"]
    >>> kinds = ["word", ",", "word", "(", "word", "|", "word", "word"]
    >>> [words[position] for position in before(kinds, words, 6)]
    ['relu', ',']
    """
    found: list[int] = []
    opened: list[tuple[int, int]] = []  # for each open parenthesis: positions before it, start of its element
    for position in range(at):
        kind = kinds[position]
        if kind == "(":
            start = position - 2 if kinds[position - 1] == "*" else position - 1
            while kinds[start] == "word" and kinds[position - 1] == "word" and texts[start] not in REGISTRY and start:
                start -= 1
            start -= start > 0 and kinds[start - 1] == "label"
            found = found[: len(found) - (position - start)]
            opened.append((len(found), start))
        elif kind == "|" and opened:
            found = found[: opened[-1][0]]
        elif kind == ")" and opened:
            base, start = opened.pop()
            found = [*found[:base], *range(start, position + 1)]
        else:
            found.append(position)
    while found and kinds[found[-1]] == "label":
        found.pop()
    return found
