"""One function for each analyser: a module and an input in, its numbers out.

A function imports its analyser itself, so that an analyser that is not there costs the others nothing; the clock starts
after a first run (see measure.py). Multiply-adds are given as each analyser means them; those of one that counts two
operations for each are halved.
"""

import collections
import collections.abc
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from peers.nets import Case

WHOLE, NOT_SAID = "whole", "not said"
"""A field that is the whole image, and one that the analyser declines to give."""


@dataclass(frozen=True)
class Answer:
    """What an analyser says; None where it does not speak of it.

    Attributes:
        params: parameters.
        macs: multiply-adds [MAC].
        size: of the field of the last map with places, one number for each axis, :data:`WHOLE` or :data:`NOT_SAID`.
        stride: of that field.
        whole: the field with gates and attention followed is the whole image, where that is a number of its own.
        bound: the analyser calls the field a bound.
        note: what it says besides.
    """

    params: int | None = None
    macs: int | None = None
    size: tuple[int, ...] | str | None = None
    stride: tuple[float, ...] | None = None
    whole: bool = False
    bound: bool = False
    note: str = ""


def own_params(module: nn.Module) -> int:
    """Params as torch counts them, for analysers that leave that to the user."""
    return sum(param.numel() for param in module.parameters())


def convscope(module: nn.Module, x: Tensor, case: Case) -> Answer:
    """Ours."""
    import convscope as cs

    channels, *sides = x.shape[1:]
    table = cs.read(module, input="x".join(map(str, (*sides, channels)))).table()
    rows = [row for row in table.rows if case.at is None or f"{row.name}.".startswith(f"{case.at}.")]
    last = rows[-1]
    strides = [float(axis.stride) for axis in last.field if axis.stride is not None]
    placed = len(strides) == len(sides)
    missing = sorted({*table.params.missing, *table.macs.missing})
    return Answer(
        params=table.params.value,
        macs=table.macs.value,
        size=tuple(axis.size for axis in last.field) if placed else NOT_SAID,
        stride=tuple(strides) if placed else None,
        whole=all(axis.size >= side for axis, side in zip(last.gated, sides, strict=True)),
        bound=not all(axis.exact for axis in last.field),
        note=f"unknown: {', '.join(missing)}" if missing else "",
    )


def torchinfo(module: nn.Module, x: Tensor, _case: Case) -> Answer:
    """Torchinfo."""
    from torchinfo import summary

    found = summary(module, input_data=x, verbose=0)
    return Answer(found.total_params, found.total_mult_adds)


def fvcore(module: nn.Module, x: Tensor, _case: Case) -> Answer:
    """Fvcore, which calls a multiply-add a flop."""
    from fvcore.nn import FlopCountAnalysis, parameter_count

    count = (
        FlopCountAnalysis(module, x).unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    )
    total, missing = count.total(), count.unsupported_ops()
    skipped = ", ".join(sorted(name.removeprefix("aten::") for name in missing))
    return Answer(parameter_count(module)[""], int(total), note=f"skipped: {skipped}" if skipped else "")


def _ptflops(module: nn.Module, x: Tensor, backend: str) -> Answer:
    from ptflops import get_model_complexity_info

    macs, params = get_model_complexity_info(
        module, tuple(x.shape[1:]), as_strings=False, print_per_layer_stat=False, verbose=False, backend=backend
    )
    return Answer(params, macs if macs is None else int(macs))


def ptflops(module: nn.Module, x: Tensor, _case: Case) -> Answer:
    """Ptflops, hooks on modules."""
    return _ptflops(module, x, "pytorch")


def ptflops_aten(module: nn.Module, x: Tensor, _case: Case) -> Answer:
    """Ptflops, operators of torch; its default."""
    return _ptflops(module, x, "aten")


def thop(module: nn.Module, x: Tensor, _case: Case) -> Answer:
    """Thop."""
    from thop import profile

    macs, params = profile(module, inputs=(x,), verbose=False)
    return Answer(int(params), int(macs))


def torchlens(module: nn.Module, x: Tensor, case: Case) -> Answer:
    """Torchlens: its trace, and its table of receptive fields for all layers."""
    import torchlens as tl

    trace = tl.trace(module, x)
    trace.receptive_fields(level="layer")
    field, status = None, ""
    try:
        field = (trace.modules[case.at] if case.at else trace[-1]).receptive_field
        status = field.status.name
        size, stride = field.size, field.jump
    except tl.receptive_field.ReceptiveFieldError as error:
        status = status or getattr(field, "status", error).name if field is not None else type(error).__name__
        size, stride = (), ()
    return Answer(
        params=int(trace.num_params),
        macs=int(trace.total_macs_forward),
        size=WHOLE if status == "WHOLE_INPUT" else tuple(map(int, size)) or NOT_SAID,
        stride=tuple(map(float, stride)) or None,
        bound=status == "UPPER_BOUND",
        note=status,
    )


def rfa_toolbox(module: nn.Module, x: Tensor, _case: Case) -> Answer:
    """rfa-toolbox: the largest field of the last layer that still has one.

    It imports a name that Python 3.10 removed from ``collections``, and says that torch is not installed when that
    name cannot be found. The name is put back here.
    """
    collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined] # see above
    from rfa_toolbox import create_graph_from_pytorch_model

    layers = create_graph_from_pytorch_model(module, input_res=tuple(x.shape)).all_layers
    sizes = [layer.receptive_field_max for layer in layers]
    pairs = [tuple(map(float, size)) if isinstance(size, tuple) else (float(size),) * 2 for size in sizes]
    finite = [pair for pair in pairs if max(pair) < float("inf")]
    return Answer(size=tuple(map(int, finite[-1])) if finite else WHOLE)


def torch_counter(module: nn.Module, x: Tensor, _case: Case) -> Answer:
    """The counter that comes with torch; two flops for each multiply-add."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return Answer(own_params(module), counter.get_total_flops() // 2)


def torch_counter_meta(module: nn.Module, x: Tensor, case: Case) -> Answer:
    """The same on tensors without memory; params are counted before they are moved, which would untie them."""
    params = own_params(module)
    return Answer(params, torch_counter(module.to("meta"), x.to("meta"), case).macs)


ANALYSERS: dict[str, Callable[[nn.Module, Tensor, Case], Answer]] = {
    "convscope": convscope,
    "torchlens": torchlens,
    "rfa-toolbox": rfa_toolbox,
    "torch counter (meta)": torch_counter_meta,
    "torch counter (CPU)": torch_counter,
    "fvcore": fvcore,
    "ptflops (aten)": ptflops_aten,
    "ptflops (hooks)": ptflops,
    "torchinfo": torchinfo,
    "thop": thop,
}
