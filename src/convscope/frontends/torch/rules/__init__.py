"""What each operation of torch is, in layers; one row for each, by torch's own name.

A rule takes the builder and the operation's arguments, tensors as values or constants, and returns a value, or several.
It raises an error of this project where the operation is no layer as it stands; then it is written down as one that
cannot be looked into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.frontends.build import shapes
from convscope.frontends.build.algebra import unary
from convscope.frontends.torch.rules.numbers import (
    clamp,
    dropout_rule,
    elu,
    extreme,
    gelu,
    log_softmax,
    norm_rule,
    pointwise,
    prelu,
    same,
    softmax,
    softplus,
    stat,
    var_mean,
    var_rule,
)
from convscope.frontends.torch.rules.products import (
    addcmul,
    addmm,
    attention,
    binary_rule,
    div,
    einsum_rule,
    lerp,
    linear,
    masked_fill,
    matmul,
    pow_rule,
    rsub,
)
from convscope.frontends.torch.rules.slide import (
    adaptive,
    batch_norm,
    conv_rule,
    conv_transpose,
    convolution,
    group_norm,
    instance_norm,
    layer_norm,
    pool_rule,
    recurrent,
    rms_norm,
    upsample,
)
from convscope.frontends.torch.rules.views import (
    cat_rule,
    channel_shuffle,
    chunk,
    expand,
    flatten,
    movedim,
    narrow,
    pad_rule,
    pixel_shuffle,
    pixel_unshuffle,
    repeat_interleave,
    repeat_rule,
    roll_rule,
    select_rule,
    slice_rule,
    split_rule,
    stack_rule,
    unbind,
    unflatten,
)
from convscope.ops import act
from convscope.ops.recurrent import GRU, LSTM
from convscope.ops.scalar import Map

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op

ACTIVATIONS: dict[str, Op] = {
    "relu": act.ReLU(),
    "relu6": act.ReLU6(),
    "hardswish": act.Hardswish(),
    "hardsigmoid": act.Hardsigmoid(),
    "sigmoid": act.Sigmoid(),
    "tanh": act.Tanh(),
    "silu": act.SiLU(),
    "mish": act.Mish(),
    "selu": act.SELU(),
    "exp": Map("exp"),
    "log": Map("log"),
    "sqrt": Map("sqrt"),
    "rsqrt": Map("rsqrt"),
    "abs": Map("abs"),
    "neg": Map("neg"),
    "square": Map("square"),
    "sin": Map("sin"),
    "cos": Map("cos"),
    "erf": Map("erf"),
    "reciprocal": Map("reciprocal"),
    "log_sigmoid": Map("logsigmoid"),
    "softsign": Map("softsign"),
}
"""Functions of single numbers, without parameters."""

RULES: dict[str, Callable[..., Any]] = {
    **{name: pointwise(op) for name, op in ACTIVATIONS.items()},
    **{f"conv{rank}d": conv_rule(rank) for rank in (1, 2, 3)},
    "conv_transpose1d": conv_transpose(1),
    "conv_transpose2d": conv_transpose(2),
    "conv_transpose3d": conv_transpose(3),
    "convolution": convolution,
    **{f"max_pool{rank}d": pool_rule(rank, "max") for rank in (1, 2, 3)},
    **{f"avg_pool{rank}d": pool_rule(rank, "mean") for rank in (1, 2, 3)},
    **{f"adaptive_avg_pool{rank}d": adaptive(rank, "mean") for rank in (1, 2, 3)},
    **{f"adaptive_max_pool{rank}d": adaptive(rank, "max") for rank in (1, 2, 3)},
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "linear": linear,
    "addmm": addmm,
    "baddbmm": addmm,
    "mm": matmul,
    "bmm": matmul,
    "mv": matmul,
    "matmul": matmul,
    "einsum": einsum_rule,
    "scaled_dot_product_attention": attention,
    "lstm": recurrent(LSTM, 4),
    "gru": recurrent(GRU, 3),
    "add": binary_rule("add"),
    "sub": binary_rule("sub"),
    "rsub": rsub,
    "mul": binary_rule("mul"),
    "multiply": binary_rule("mul"),
    "div": div,
    "true_divide": div,
    "maximum": binary_rule("maximum"),
    "minimum": binary_rule("minimum"),
    "pow": pow_rule,
    "lerp": lerp,
    "addcmul": addcmul,
    "hardtanh": lambda b, x, low=-1, high=1: clamp(b, x, low, high),
    "clamp": clamp,
    "clamp_min": clamp,
    "clamp_max": lambda b, x, high: clamp(b, x, None, high),
    "leaky_relu": lambda b, x, slope=0.01: unary(b, act.LeakyReLU(float(slope)), x),
    "gelu": gelu,
    "elu": elu,
    "softplus": softplus,
    "prelu": prelu,
    "softmax": softmax,
    "_softmax": softmax,
    "log_softmax": log_softmax,
    "dropout": dropout_rule,
    "feature_dropout": dropout_rule,
    "mean": stat("mean"),
    "sum": stat("sum"),
    "amax": stat("max"),
    "amin": stat("min"),
    "max": extreme("max"),
    "min": extreme("min"),
    "var": var_rule("var"),
    "std": var_rule("std"),
    "var_mean": var_mean,
    "norm": norm_rule,
    "linalg_vector_norm": norm_rule,
    "cat": cat_rule,
    "concat": cat_rule,
    "concatenate": cat_rule,
    "stack": stack_rule,
    "slice": slice_rule,
    "select": select_rule,
    "narrow": narrow,
    "split": split_rule,
    "split_with_sizes": split_rule,
    "chunk": chunk,
    "tensor_split": chunk,
    "unbind": unbind,
    "flatten": flatten,
    "unflatten": unflatten,
    "view": shapes.viewed,
    "reshape": shapes.viewed,
    "_unsafe_view": shapes.viewed,
    "view_as": lambda b, x, y: shapes.viewed(b, x, y.sizes),
    "reshape_as": lambda b, x, y: shapes.viewed(b, x, y.sizes),
    "permute": lambda b, x, order: shapes.permuted(x, order),  # noqa: ARG005 -- a view
    "transpose": lambda b, x, a, c: shapes.swapped(x, a, c),  # noqa: ARG005 -- a view
    "swapaxes": lambda b, x, a, c: shapes.swapped(x, a, c),  # noqa: ARG005 -- a view
    "t": lambda b, x: shapes.swapped(x, 0, -1),  # noqa: ARG005 -- a view
    "numpy_T": lambda b, x: shapes.permuted(x, range(len(x.dims))[::-1]),  # noqa: ARG005 -- a view
    "movedim": movedim,
    "squeeze": lambda b, x, at=None: shapes.squeezed(x, [at] if isinstance(at, int) else at),  # noqa: ARG005 -- a view
    "unsqueeze": lambda b, x, at: shapes.unsqueezed(x, at),  # noqa: ARG005 -- a view
    "expand": expand,
    "expand_as": lambda b, x, y: expand(b, x, y.sizes),
    "repeat": repeat_rule,
    "repeat_interleave": repeat_interleave,
    "pad": pad_rule,
    "constant_pad_nd": lambda b, x, sides, value=0: pad_rule(b, x, sides, "constant", value),
    "roll": roll_rule,
    "upsample_nearest1d": upsample("nearest", 1),
    "upsample_nearest2d": upsample("nearest", 2),
    "upsample_nearest3d": upsample("nearest", 3),
    "upsample_linear1d": upsample("bilinear", 1),
    "upsample_bilinear2d": upsample("bilinear", 2),
    "upsample_trilinear3d": upsample("bilinear", 3),
    "upsample_bicubic2d": upsample("bicubic", 2),
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "masked_fill": masked_fill,
    **dict.fromkeys(
        ("contiguous", "clone", "detach", "alias", "to", "_to_copy", "type_as", "lift_fresh", "positive", "float"),
        same,
    ),
}
"""By the name of the operation, without the underscore of those that work in place."""

VIEWS = {
    "slice", "select", "narrow", "split", "split_with_sizes", "chunk", "tensor_split", "unbind", "flatten", "unflatten",
    "view", "reshape", "view_as", "reshape_as", "permute", "transpose", "swapaxes", "t", "numpy_T", "movedim",
    "squeeze", "unsqueeze", "expand", "expand_as", "contiguous", "detach", "alias", "to",
}  # fmt: skip
"""Operations whose result shares its memory with the tensor that they are given."""
