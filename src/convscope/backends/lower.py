"""Lowering: a torch module for each op."""

from __future__ import annotations

import math
from functools import partial, singledispatch
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from torch import Tensor, nn

from convscope.core.axis import Window
from convscope.errors import ShapeError
from convscope.ops.act import (
    ELU,
    GELU,
    SELU,
    Clamp,
    Dropout,
    Hardsigmoid,
    Hardswish,
    Identity,
    LeakyReLU,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SpatialSoftmax,
    Tanh,
    Threshold,
)
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear
from convscope.ops.merge import Add, Cat, Div, Maximum, Minimum, Mul, Sub
from convscope.ops.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm, RMSNorm
from convscope.ops.pad import Crop, Pad, Roll, Slice
from convscope.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.resize import Resize, Upsample
from convscope.ops.sliding import pads
from convscope.ops.view import Flatten

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op
    from convscope.core.shape import Shape

    Shapes = tuple[Shape, ...]


class Function(nn.Module):
    """A module around a function without weights."""

    def __init__(self, call: Callable[..., Tensor]) -> None:
        super().__init__()
        self.call: Callable[..., Tensor] = call

    def forward(self, *inputs: Tensor) -> Tensor:
        """Apply the function."""
        return self.call(*inputs)


def _prepared(module: nn.Module, prepare: Callable[[Tensor], Tensor]) -> nn.Module:
    """Prepend a preparation of the input to a module and keep the names of its weights; a wrapper would rename them."""
    module.register_forward_pre_hook(lambda _, inputs: (prepare(inputs[0]),))
    return module


_CONV: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_CONVT: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_MAX: dict[int, Any] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVG: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_NORM = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def _torch_pads(pairs: tuple[tuple[int, int], ...]) -> list[int]:
    """Return padding for ``F.pad``: last axis first, flat."""
    return [side for pair in reversed(pairs) for side in pair]


def _even(pairs: tuple[tuple[int, int], ...]) -> bool:
    return all(lo == hi for lo, hi in pairs)


@singledispatch
def lower(op: Op, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- the lowerings below use it
    """Return the torch module that computes ``op`` on inputs of these shapes ``c h w``."""
    raise ShapeError(f"{op.keyword} cannot be run, because what it computes is unknown")


@lower.register(Conv)
def _conv(op: Conv, inputs: Shapes) -> nn.Module:
    pairs = pads(op, inputs[0])
    even = _even(pairs)
    module: nn.Module = _CONV[len(pairs)](
        inputs[0][0],
        op.out,
        op.kernel,
        stride=op.stride,
        padding=tuple(lo for lo, _ in pairs) if even else 0,
        dilation=op.dilation,
        groups=op.groups,
        bias=op.bias,
    )
    return module if even else _prepared(module, lambda x: F.pad(x, _torch_pads(pairs)))


@lower.register(Linear)
def _linear(op: Linear, inputs: Shapes) -> nn.Module:
    module = nn.Linear(math.prod(inputs[0]), op.out, bias=op.bias)
    return _prepared(module, lambda x: x.flatten(1)) if len(inputs[0]) > 1 else module


@lower.register(MaxPool)
def _maxpool(op: MaxPool, inputs: Shapes) -> nn.Module:
    pairs = pads(op, inputs[0])
    pool = partial(_MAX[len(pairs)], kernel_size=op.kernel, stride=op.stride, dilation=op.dilation)
    if _even(pairs):
        return Function(partial(pool, padding=tuple(lo for lo, _ in pairs), ceil_mode=op.ceil))
    windows = [read.relation for read in op.axes(inputs)[0][1:]]
    sides = _torch_pads(tuple((w.lo, w.hi) for w in windows if isinstance(w, Window)))
    return Function(lambda x: pool(F.pad(x, sides, value=float("-inf"))))


@lower.register(AvgPool)
def _avgpool(op: AvgPool, inputs: Shapes) -> nn.Module:
    pairs = pads(op, inputs[0])
    pool = partial(_AVG[len(pairs)], kernel_size=op.kernel, stride=op.stride)
    if _even(pairs) and len(pairs) < 3:  # torch refuses volumes smaller than the kernel, whatever the padding
        padding = tuple(lo for lo, _ in pairs)
        return Function(partial(pool, padding=padding, ceil_mode=op.ceil, count_include_pad=op.count_pad))
    windows = [read.relation for read in op.axes(inputs)[0][1:]]
    sides = tuple((w.lo, w.hi) for w in windows if isinstance(w, Window))
    # the input counts, with or without its padding; positions beyond the end never count
    counted = torch.ones(1, 1, *inputs[0][1:])
    if op.count_pad:
        counted = F.pad(counted, _torch_pads(pairs), value=1.0)
        sides_left = tuple((0, full - hi) for (_, full), (_, hi) in zip(sides, pairs, strict=True))
    else:
        sides_left = sides
    share = pool(F.pad(counted, _torch_pads(sides_left)))
    return Function(lambda x: pool(F.pad(x, _torch_pads(sides))) / share.to(x))


@lower.register(BatchNorm)
def _batchnorm(op: BatchNorm, inputs: Shapes) -> nn.Module:
    return _NORM[len(inputs[0]) - 1](inputs[0][0], affine=op.affine, eps=op.eps)


@lower.register(GlobalAvgPool)
def _globalavgpool(op: GlobalAvgPool, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x.mean(dim=tuple(range(2, x.dim())), keepdim=True))


@lower.register(GlobalMaxPool)
def _globalmaxpool(op: GlobalMaxPool, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x.amax(dim=tuple(range(2, x.dim())), keepdim=True))


def _picked(axes: list[Tensor]) -> nn.Module:
    """Select positions by index along each spatial axis: torch's own nearest mode rounds factors such as 41 wrongly."""

    def call(x: Tensor) -> Tensor:
        for axis, places in enumerate(axes, 2):
            x = x.index_select(axis, places.to(x.device))
        return x

    return Function(call)


@lower.register(Upsample)
def _upsample(op: Upsample, inputs: Shapes) -> nn.Module:
    return _picked([torch.arange(n * f) // f for n, f in zip(inputs[0][1:], op.factor, strict=True)])


_PLAIN: dict[type[Op], Callable[[], nn.Module]] = {
    Flatten: nn.Flatten,
    Identity: nn.Identity,
    ReLU: nn.ReLU,
    Sigmoid: nn.Sigmoid,
    SiLU: nn.SiLU,
    Tanh: nn.Tanh,
    ReLU6: nn.ReLU6,
    Hardswish: nn.Hardswish,
    Hardsigmoid: nn.Hardsigmoid,
    SELU: nn.SELU,
    Softplus: nn.Softplus,
    Mish: nn.Mish,
}
"""Modules of ops without fields."""

for _made, _module in _PLAIN.items():
    lower.register(_made, lambda op, inputs, module=_module: module())  # noqa: ARG005 -- no field, any shape


@lower.register(LeakyReLU)
def _leakyrelu(op: LeakyReLU, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.LeakyReLU(op.slope)


@lower.register(ELU)
def _elu(op: ELU, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.ELU(op.alpha)


@lower.register(Threshold)
def _threshold(op: Threshold, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.Threshold(op.limit, 0.0)


@lower.register(Clamp)
def _clamp(op: Clamp, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x.clamp(op.low, op.high))


@lower.register(PReLU)
def _prelu(op: PReLU, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.PReLU(op.count)


@lower.register(Softmax)
def _softmax(op: Softmax, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x.reshape(len(x), op.groups, -1, *x.shape[2:]).softmax(2).reshape(x.shape))


@lower.register(GELU)
def _gelu(op: GELU, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.GELU(approximate="tanh" if op.approx else "none")


@lower.register(Dropout)
def _dropout(op: Dropout, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.Dropout(op.p)


def _broadcasting(join: Callable[[Tensor, Tensor], Tensor], inputs: Shapes) -> nn.Module:
    """Align axes on the left, so that a gate ``n c`` matches maps ``n c h w`` along the channels."""
    rank = max(map(len, inputs)) + 1

    def call(*tensors: Tensor) -> Tensor:
        full = [x.reshape(*x.shape, *(1,) * (rank - x.dim())) for x in tensors]
        result = full[0]
        for other in full[1:]:
            result = join(result, other)
        return result

    return Function(call)


_JOIN: dict[type[Op], Callable[[Tensor, Tensor], Tensor]] = {
    Add: torch.add,
    Div: torch.div,
    Maximum: torch.maximum,
    Minimum: torch.minimum,
    Mul: torch.mul,
    Sub: torch.sub,
}
"""Functions of elementwise merges."""

for _made, _join in _JOIN.items():
    lower.register(_made, lambda op, inputs, join=_join: _broadcasting(join, inputs))  # noqa: ARG005 -- no field


@lower.register(Cat)
def _cat(op: Cat, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda *tensors: torch.cat(tensors, dim=1 + op.along))


@lower.register(ConvTranspose)
def _convtranspose(op: ConvTranspose, inputs: Shapes) -> nn.Module:
    made: nn.Module = _CONVT[len(op.kernel)](
        inputs[0][0],
        op.out,
        op.kernel,
        stride=op.stride,
        padding=tuple(lo for lo, _ in op.pad),
        output_padding=op.output_pad,
        dilation=op.dilation,
        groups=op.groups,
        bias=op.bias,
    )
    return made


@lower.register(AdaptiveAvgPool)
def _adaptiveavgpool(op: AdaptiveAvgPool, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    pools: dict[int, Any] = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
    made: nn.Module = pools[len(op.size)](op.size)
    return made


@lower.register(AdaptiveMaxPool)
def _adaptivemaxpool(op: AdaptiveMaxPool, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    pools: dict[int, Any] = {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d}
    made: nn.Module = pools[len(op.size)](op.size)
    return made


@lower.register(Resize)
def _resize(op: Resize, inputs: Shapes) -> nn.Module:
    if op.mode == "nearest":
        return _picked([torch.arange(out) * n // out for n, out in zip(inputs[0][1:], op.size, strict=True)])
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(op.size)] if op.mode == "bilinear" else op.mode
    return nn.Upsample(size=op.size, mode=mode, align_corners=op.align)


@lower.register(Pad)
def _pad(op: Pad, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    mode = "constant" if op.mode == "zero" else op.mode
    value = op.value if op.mode == "zero" else None
    return Function(lambda x: F.pad(x, _torch_pads(op.sides), mode=mode, value=value))


@lower.register(Crop)
def _crop(op: Crop, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: F.pad(x, [-side for side in _torch_pads(op.sides)]))


@lower.register(Slice)
def _slice(op: Slice, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    steps = tuple(slice(start, None, step) for start, step in zip(op.offset, op.stride, strict=True))
    return Function(lambda x: x[(slice(None), slice(None), *steps)])


@lower.register(Roll)
def _roll(op: Roll, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    axes = tuple(range(2, 2 + len(op.shift)))
    return Function(lambda x: torch.roll(x, op.shift, axes))


@lower.register(GroupNorm)
def _groupnorm(op: GroupNorm, inputs: Shapes) -> nn.Module:
    return nn.GroupNorm(op.groups, inputs[0][0], affine=op.affine, eps=op.eps)


@lower.register(InstanceNorm)
def _instancenorm(op: InstanceNorm, inputs: Shapes) -> nn.Module:
    norms: dict[int, Any] = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
    made: nn.Module = norms[len(inputs[0]) - 1](inputs[0][0], affine=op.affine, eps=op.eps)
    return made


def _by_group(x: Tensor, groups: int, work: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply ``work`` to the channels of each group, in the last axis."""
    last = x.movedim(1, -1)
    return work(last.reshape(*last.shape[:-1], groups, -1)).reshape(last.shape).movedim(-1, 1)


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over each group of channels at each position."""

    groups: int

    def forward(self, x: Tensor) -> Tensor:
        """``x: n c h w -> y: n c h w``."""
        return _by_group(x, self.groups, super().forward)


class _ChannelRMSNorm(nn.RMSNorm):
    """Root-mean-square norm over each group of channels at each position."""

    groups: int

    def forward(self, x: Tensor) -> Tensor:
        """``x: n c h w -> y: n c h w``."""
        return _by_group(x, self.groups, super().forward)


@lower.register(LayerNorm)
def _layernorm(op: LayerNorm, inputs: Shapes) -> nn.Module:
    module = _ChannelNorm(inputs[0][0] // op.groups, elementwise_affine=op.affine, eps=op.eps)
    module.groups = op.groups
    return module


@lower.register(RMSNorm)
def _rmsnorm(op: RMSNorm, inputs: Shapes) -> nn.Module:
    module = _ChannelRMSNorm(inputs[0][0] // op.groups, elementwise_affine=op.affine, eps=op.eps)
    module.groups = op.groups
    return module


@lower.register(LocalResponseNorm)
def _localresponsenorm(op: LocalResponseNorm, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.LocalResponseNorm(op.size, op.alpha, op.beta, op.k)


@lower.register(SpatialSoftmax)
def _spatialsoftmax(op: SpatialSoftmax, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- no field
    return Function(lambda x: x.flatten(2).softmax(2).reshape(x.shape))
