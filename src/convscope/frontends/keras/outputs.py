"""Output sizes of layers without a rule, from their settings and input sizes.

Sizes here are those of one sample, without the batch.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from convscope.frontends.keras.settings import Settings, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from convscope.core.shape import Shape
    from convscope.frontends.keras.spec import Spec

    Rule = Callable[[Settings, Sequence[Shape]], Shape | list[Shape] | None]


def _first(settings: Settings, given: Sequence[Shape]) -> Shape:  # noqa: ARG001 -- as its neighbours
    return given[0]


def _together(settings: Settings, given: Sequence[Shape]) -> Shape:  # noqa: ARG001 -- as its neighbours
    """Broadcast dimensions, aligned at the last one.

    >>> _together(Settings({}), [(5, 1), (4, 1, 3)])
    (4, 5, 3)
    """
    rank = max(map(len, given))
    ready = [(1,) * (rank - len(one)) + one for one in given]
    return tuple(map(max, zip(*ready, strict=True)))


def _image(settings: Settings, given: Sequence[Shape]) -> Shape:
    height, width = settings.whole("height"), settings.whole("width")
    if settings.get("data_format") == "channels_first":
        return (given[0][0], height, width)
    return (height, width, given[0][-1])


def _encoded(count: int | None, settings: Settings, given: Shape) -> Shape | None:
    """Encode integers as vectors: one for each if one-hot, otherwise one for all along the last dimension."""
    mode = settings.get("output_mode", "int")
    if mode == "int":
        return given
    if count is None:
        return None
    if mode == "one_hot" and not (len(given) > 0 and given[-1] == 1):
        return (*given, count)
    return (*given[:-1], count)


def _categories(settings: Settings, given: Sequence[Shape]) -> Shape | None:
    return _encoded(settings.whole("num_tokens"), settings, given[0])


def _bins(settings: Settings, given: Sequence[Shape]) -> Shape | None:
    bounds, mode = settings.get("bin_boundaries"), settings.get("output_mode", "int")
    count = len(bounds) + 1 if isinstance(bounds, list | tuple) else whole(settings.get("num_bins"))
    if mode in {"multi_hot", "count"} and count and given[0]:
        return (*given[0][1:], count)
    return _encoded(count, settings, given[0])


def _hashes(settings: Settings, given: Sequence[Shape]) -> Shape | None:
    return _encoded(settings.whole("num_bins"), settings, given[0])


def _words(settings: Settings, given: Sequence[Shape]) -> Shape | None:
    length = whole(settings.get("output_sequence_length"))
    if settings.get("output_mode", "int") == "int" and length:
        return (*given[0][:-1], length)
    return _encoded(whole(settings.get("max_tokens")), settings, given[0])


def _frames(settings: Settings, given: Sequence[Shape]) -> Shape | None:
    """Return a spectrum for each window of a signal ``time channels``."""
    last = settings.get("data_format") != "channels_first"
    time, channels = given[0] if last else given[0][::-1]
    window = settings.whole("frame_length", 256)
    step = settings.whole("frame_step", max(1, window // 2))
    count = -(-time // step) if settings.get("padding", "valid") == "same" else (time - window) // step + 1
    bins = settings.whole("fft_length", 2 ** (window - 1).bit_length()) // 2 + 1
    bins *= 2 if settings.get("mode", "log") == "stft" else 1
    if settings.flag("expand_dims"):
        return (count, bins, channels) if last else (channels, count, bins)
    return (count, bins * channels) if last else (bins * channels, count)


def _mel(settings: Settings, given: Sequence[Shape]) -> Shape:
    step = settings.whole("sequence_stride", 512)
    return (settings.whole("num_mel_bins", 128), (given[0][0] + step + 1) // step)


def _either_way(settings: Settings, given: Sequence[Shape]) -> Shape:
    if settings.flag("reverse"):
        return (*given[0][:-1], settings.whole("input_dim"))
    return (*given[0], settings.whole("output_dim"))


def _heads(settings: Settings, given: Sequence[Shape]) -> list[Shape] | None:
    """Return a vector for each query, and the scores of every head."""
    found: list[Shape] = [(*given[0][:-1], *settings.ints("output_shape", 1, given[0][-1]))]
    if not settings.flag("return_attention_scores"):
        return found
    if len(given[0]) != 2 or len(given[1]) != 2:
        return None
    return [*found, (settings.whole("num_heads"), given[0][0], given[1][0])]


def _module(settings: Settings, given: Sequence[Shape]) -> Shape | None:  # noqa: ARG001 -- as its neighbours
    """Return the user's output shape of a PyTorch module, the batch first."""
    stated = settings.get("output_shape")
    known = [whole(one) for one in stated[1:]] if isinstance(stated, list | tuple) else []
    sizes = tuple(one for one in known if one is not None and one > 0)
    return sizes if known and len(sizes) == len(known) else None


def _grouped(settings: Settings, given: Sequence[Shape]) -> Shape | None:
    return None if settings.flag("return_attention_scores") else given[0]


def _largest(settings: Settings, given: Sequence[Shape]) -> list[Shape]:
    return [(*given[0][:-1], settings.whole("k"))] * 2


def _one_hot(settings: Settings, given: Sequence[Shape]) -> Shape | None:
    return (*given[0], settings.whole("num_classes")) if settings.get("axis", -1) == -1 else None


def _weighted(settings: Settings, given: Sequence[Shape]) -> Shape:  # noqa: ARG001 -- as its neighbours
    """Return a mean of values for each query."""
    return (*given[0][:-1], given[1][-1])


def _lambda(settings: Settings, given: Sequence[Shape]) -> Shape | None:  # noqa: ARG001 -- as its neighbours
    """Return the output shape that the user stated; the function is not evaluated."""
    stated = settings.get("output_shape")
    known = [whole(one) for one in stated] if isinstance(stated, list | tuple) else []
    sizes = tuple(one for one in known if one is not None and one > 0)
    return sizes if known and len(sizes) == len(known) else None


def _reduced(settings: Settings, given: Sequence[Shape]) -> Shape | None:
    """Reduce some dimensions, where dimension 0 is the batch."""
    rank = len(given[0]) + 1
    if settings.get("axis") is None:
        return None
    gone = set(settings.axes("axis", rank))
    keep = settings.flag("keepdims")
    sizes = [1 if at in gone else size for at, size in enumerate(given[0], 1) if keep or at not in gone]
    return None if 0 in gone else tuple(sizes)


def slid(settings: Settings, positions: Sequence[int]) -> Shape:
    """Return the sizes of a map after a sliding window.

    >>> slid(Settings({"kernel_size": 3, "strides": 2}), (8, 9)), slid(Settings({"padding": "same"}), (8,))
    ((3, 4), (8,))
    """
    rank = len(positions)
    taps, strides, steps = (settings.ints(name, rank, 1) for name in ("kernel_size", "strides", "dilation_rate"))
    if settings.get("padding", "valid") == "same":
        return tuple(-(-n // s) for n, s in zip(positions, strides, strict=True))
    return tuple((n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(positions, taps, strides, steps, strict=True))


_CARRIED = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}
"""Return the states of a recurrent layer."""


def _recurrent(kind: str, cell: Settings, layer: Settings, given: Shape) -> list[Shape]:
    """Return the state after the last or after every step, and the last states if requested."""
    units = cell.whole("units")
    states = _CARRIED[kind] if layer.flag("return_state") else 0
    return [(given[0], units) if layer.flag("return_sequences") else (units,), *[(units,)] * states]


def _alone(kind: str, settings: Settings, given: Sequence[Shape]) -> list[Shape]:
    return _recurrent(kind, settings, settings, given[0])


def _cell(settings: Settings, given: Sequence[Shape]) -> list[Shape] | None:
    """Handle a layer that repeats a cell; the last one of a stack gives the output."""
    held = settings.table("cell")
    config = Settings(held["config"])
    stacked = config.get("cells")
    if held.get("class_name") == "StackedRNNCells" and isinstance(stacked, list) and stacked:
        if settings.flag("return_state"):
            return None
        held, config = stacked[-1], Settings(stacked[-1]["config"])
    kind = str(held.get("class_name")).removesuffix("Cell")
    return _recurrent(kind, config, settings, given[0]) if kind in _CARRIED else None


def _both_ways(settings: Settings, given: Sequence[Shape]) -> list[Shape] | None:
    held = settings.table("layer")
    config, kind, merge = Settings(held["config"]), str(held.get("class_name")), settings.get("merge_mode")
    if kind == "RNN":
        found = _cell(config, given)
    else:
        found = _recurrent(kind, config, config, given[0]) if kind in _CARRIED else None
    if found is None:
        return None
    (out, *states) = found
    outs = [out, out] if "merge_mode" in settings.values and merge is None else [out]
    if merge == "concat":
        outs = [(*out[:-1], 2 * out[-1])]
    return [*outs, *states, *states]


LAYERS: dict[str, Rule] = {
    **{kind: partial(_alone, kind) for kind in _CARRIED},
    "RNN": _cell,
    "Bidirectional": _both_ways,
    **dict.fromkeys(
        ("Activation", "ReLU", "Softmax", "Masking", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization",
         "BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization",
         "UnitNormalization"),
        _first,
    ),
    "MultiHeadAttention": _heads,
    **dict.fromkeys(("GroupQueryAttention", "GroupedQueryAttention"), _grouped),
    "TorchModuleWrapper": _module,
    **dict.fromkeys(("Attention", "AdditiveAttention"), _weighted),
    **dict.fromkeys(("Resizing", "RandomCrop", "CenterCrop"), _image),
    "CategoryEncoding": _categories,
    "Discretization": _bins,
    "Hashing": _hashes,
    "HashedCrossing": _hashes,
    "TextVectorization": _words,
    "StringLookup": _words,
    "IntegerLookup": _words,
    "STFTSpectrogram": _frames,
    "MelSpectrogram": _mel,
    "ReversibleEmbedding": _either_way,
    "Embedding": _either_way,
    "Lambda": _lambda,
}  # fmt: skip
"""Keras layers by class."""

OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(
        ("Sign", "Threshold", "Floor", "Ceil", "Round", "Trunc", "Tan", "Arcsin", "Arccos", "Arctan", "Sinh", "Cosh",
         "Arcsinh",
         "Arccosh", "Arctanh", "Log1p", "Log2", "Log10", "Logaddexp", "Expm1", "Exp2", "Erfinv", "Isnan", "Isinf",
         "Isfinite", "LogicalNot", "Sort", "Argsort", "Flip", "Cumsum", "Cumprod", "Sparsemax",
         "NanToNum", "Tril", "Triu", "Square", "Cbrt", "Conj", "Real", "Imag"),
        _first,
    ),
    **dict.fromkeys(
        ("Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum", "Power", "Mod", "FloorDivide", "Arctan2",
         "Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual", "LogicalAnd", "LogicalOr", "LogicalXor",
         "Where", "TrueDivide"),
        _together,
    ),
    **dict.fromkeys(
        ("Mean", "Sum", "Max", "Min", "Var", "Std", "Prod", "Any", "All", "Argmax", "Argmin", "CountNonzero", "Median",
         "Logsumexp", "LogSumExp", "Norm"),
        _reduced,
    ),
    "TopK": _largest,
    "OneHot": _one_hot,
}  # fmt: skip
"""Keras functions by class."""


_FLAGS = {"reverse", "return_attention_scores", "use_causal_mask", "mask", "training"}
"""Known arguments of layers besides tensors."""


def sizes_of(spec: Spec, given: Sequence[Shape], flags: Mapping[str, Any]) -> list[Shape] | None:
    """Return the sizes of one sample of each output of a Keras layer; None if its settings do not determine them.

    Args:
        spec: the layer.
        given: sizes of one sample of each input tensor.
        flags: its other arguments by name.
    """
    rule = (OPERATIONS if spec.operation else LAYERS).get(spec.kind) if spec.ours else None
    if rule is None or not given or (not spec.operation and not flags.keys() <= _FLAGS):
        return None
    found = rule(Settings({**spec.settings.values, **flags}), given)
    told = found if isinstance(found, list) else [found] if found is not None else []
    return told if told and all(size > 0 for one in told for size in one) else None
