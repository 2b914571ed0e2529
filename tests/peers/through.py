"""A model through every verb: what each says, how long it takes, and whether what is written computes the same."""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

import convscope as cs
from convscope.errors import ConvscopeError
from outputs import in_keras, keras_outputs, onnx_outputs, torch_outputs
from peers.sources import given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from convscope.core.net import Net
    from peers.sources import Source

TOLERANCE = 1e-4
"""The largest difference as a share of the largest value of an output, for deep nets in float32 on both sides."""

NOISE = 1e-3
"""How far a model in float32 may be from what is written, run in float64: four times as much is then allowed."""

LEAST = 1e-6
"""A difference that is none, for outputs that are close to zero throughout."""

RESPONSE = 1e-4
"""How far another random input must move some output for a comparison to say anything."""

STEPS = ("table", "check", "field", "memory", "torch", "keras", "onnx", "verify")

UNITS = 3
"""Units whose fields ``verify`` probes."""


class TooLongError(Exception):
    """A step took longer than its limit."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TooLongError after so many seconds; 0 for no limit."""

    def ring(*_: object) -> None:
        raise TooLongError(f"not within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def through(source: Source, *, limit: int = 120, steps: tuple[str, ...] = STEPS) -> dict[str, Any]:
    """What every step finds: a word (ok, bound, opaque, refused, weak, wrong, crash or late), why, and seconds."""
    found: dict[str, Any] = {"package": source.package, "model": source.name}
    net, read = _timed(lambda: cs.read(source.model, input=source.input), limit)
    found["read"] = read
    if net is None:
        return found
    found["input"] = ", ".join("x".join(map(str, (*one.shape[1:], one.shape[0]))) for one in net.inputs)
    found["outputs"], found["layers"] = len(net.outputs), len(net)
    opaque = [layer.node.name for layer in net if layer.node.op.keyword == "opaque"]
    found["opaque"] = len(opaque)
    wanted, found["run"] = _timed(lambda: Wanted.of(source, net), limit)
    case = Case(source, net, wanted)
    for step in steps:
        says, outcome = _timed(partial(_STEPS[step], case), limit)
        found[step] = outcome if says is None else {**says, "s": outcome["s"]}
    return found


def _timed(ask: Callable[[], Any], limit: int) -> tuple[Any, dict[str, Any]]:
    start = time.perf_counter()
    value, says = None, {"says": "ok"}
    try:
        with limited(limit):
            value = ask()
    except TooLongError as error:
        says = {"says": "late", "why": str(error)}
    except ConvscopeError as error:
        word = "opaque" if "opaque" in error.what else "refused"
        says = {"says": word, "why": f"{type(error).__name__}: {error.what}"[:300]}
    except Exception as error:  # noqa: BLE001 -- a crash of ours is what is looked for
        says = {"says": "crash", "why": f"{type(error).__name__}: {error}"[:300]}
    return value, {**says, "s": round(time.perf_counter() - start, 2)}


class Case(NamedTuple):
    """What a step is asked about; what the source gives is missing where it does not run."""

    source: Source
    net: Net
    wanted: Wanted | None


class Wanted:
    """What the source gives: two inputs, so that a model which ignores them is told."""

    def __init__(self, inputs: list[Tensor], outputs: list[Tensor], response: float) -> None:
        self.inputs, self.outputs, self.response = inputs, outputs, response

    @classmethod
    def of(cls, source: Source, net: Net) -> Wanted:
        inputs = given(net)
        outputs = source.run(net, inputs)
        other = source.run(net, given(net, seed=1))
        moved = [_far(a, b) for a, b in zip(outputs, other, strict=True) if a.shape == b.shape]
        return cls(inputs, outputs, max(moved, default=0.0))


def _far(found: Tensor, true: Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    a, b = found.double(), true.double()
    if not bool((a.isnan() == b.isnan()).all()):
        return float("inf")
    least = LEAST / TOLERANCE
    return float((a - b).nan_to_num().abs().max() / max(float(b.nan_to_num().abs().max()), least)) if a.numel() else 0.0


def _table(case: Case) -> dict[str, Any]:
    table = case.net.table()
    str(table)
    truth = case.source.truth(case.net)
    seen = {"params": table.params.value, "macs": table.macs.value, "counted": list(truth)}
    exact = table.params.exact and table.macs.exact
    wrong = [
        f"{what} {total.value:,}{'' if total.exact else ' at least'}, counted {true:,}"
        for what, total, true in (("params", table.params, truth.params), ("MACs", table.macs, truth.macs))
        if true is not None and (total.value != true if total.exact else total.value > true)
    ]
    if wrong:
        return seen | {"says": "wrong", "why": "; ".join(wrong)}
    return seen | ({"says": "ok"} if exact else {"says": "bound", "why": "a total is a lower bound"})


def _check(case: Case) -> dict[str, Any]:
    report = cs.check(case.net)
    str(report)
    return {"says": "ok", "codes": dict(Counter(finding.code for finding in report.findings))}


def _field(case: Case) -> dict[str, Any]:
    """Of the middle unit of every output, on every input; and every field of the table."""
    layers = {layer.node.name for layer in case.net}
    found = [
        case.net.field(node, of=one.name)
        for node in dict.fromkeys(output.node for output in case.net.outputs if output.node in layers)
        for one in case.net.inputs
        if len(one.shape) > 1 or len(case.net.inputs) == 1
    ]
    for one in found:
        str(one)
    rows = all(axis.exact for one in case.net.inputs for row in case.net.table(of=one.name).rows for axis in row.field)
    exact = all(one.support.exact for one in found)
    if exact and rows:
        return {"says": "ok"}
    return {"says": "bound", "why": "an upper bound" + ("" if not exact else " in some layer")}


def _memory(case: Case) -> dict[str, Any]:
    found = cs.memory(case.net)
    str(found)
    if found.missing:
        return {"says": "bound", "why": f"weights of {len(found.missing)} layers are unknown"}
    return {"says": "ok", "peak": found.peak.bytes}


def _compared(mine: list[Tensor], wanted: list[Tensor], response: float) -> dict[str, Any]:
    """Every output, in number, axes and values."""
    for at, (found, true) in enumerate(zip(mine, wanted, strict=True)):
        if found.shape != true.shape:
            return {"says": "wrong", "why": f"output {at}: {tuple(found.shape)}, the model gives {tuple(true.shape)}"}
    far = max((_far(found, true) for found, true in zip(mine, wanted, strict=True)), default=0.0)
    seen = {"far": float(f"{far:.2e}"), "response": float(f"{response:.2e}")}
    if not far <= TOLERANCE:
        return seen | {"says": "wrong", "why": f"values differ by {far:.1e} of the largest"}
    if response < RESPONSE:
        return seen | {"says": "weak", "why": "the outputs hardly depend on the input"}
    return seen | {"says": "ok"}


def _written(
    ask: Callable[..., list[Tensor]], *, keras: bool = False, torch_itself: bool = False
) -> Callable[..., dict[str, Any]]:
    def step(case: Case) -> dict[str, Any]:
        tensors = case.net.tensors() if case.net.tensors is not None else None
        if case.wanted is None or tensors is None:
            return {"says": "refused", "why": "the model itself does not run" if case.wanted is None else "no weights"}
        true = case.wanted.outputs
        if len(true) != len(case.net.outputs):
            return {"says": "wrong", "why": f"{len(case.net.outputs)} outputs, the model has {len(true)}"}
        if case.source.channels_last:  # as the net has them, channels first
            true = [_first(one, output.order) for one, output in zip(true, case.net.outputs, strict=True)]
        laid = [in_keras(one, output.order) for one, output in zip(true, case.net.outputs, strict=True)]
        mine = ask(case.net, tensors, case.wanted.inputs)
        found = _compared(mine, laid if keras else true, case.wanted.response)
        if found["says"] != "wrong" or "far" not in found:
            return found
        exact = torch_outputs(case.net, tensors, case.wanted.inputs)
        noise = max(_far(one, other) for one, other in zip(exact, true, strict=True))
        if torch_itself and noise <= TOLERANCE:
            found = {**found, "far": float(f"{noise:.2e}"), "in": "float64"}  # torch in float32 alone is to blame
        if max(4 * noise, TOLERANCE) < found["far"] or noise > NOISE:
            return found | _shaken(case, found["far"])
        return {key: one for key, one in found.items() if key != "why"} | {"says": "ok", "noise": float(f"{noise:.2e}")}

    return step


def _shaken(case: Case, far: float) -> dict[str, Any]:
    """Whether the model itself is as far from itself, for an input that differs by a millionth."""
    assert case.wanted is not None
    random = torch.Generator().manual_seed(2)
    inputs = [
        x + 1e-6 * torch.rand(x.shape, generator=random) if x.is_floating_point() else x for x in case.wanted.inputs
    ]
    pairs = zip(case.source.run(case.net, inputs), case.wanted.outputs, strict=True)
    moved = max(_far(one, other) for one, other in pairs)
    if far > 10 * moved:
        return {}
    return {"says": "weak", "why": f"a millionth on the input moves the model's own outputs by {moved:.0e}"}


def _first(tensor: Tensor, order: str) -> Tensor:
    return tensor if order or tensor.dim() < 3 else tensor.movedim(-1, 1)


def _verify(case: Case) -> dict[str, Any]:
    live = isinstance(case.source.model, torch.nn.Module) and not case.source.channels_last
    if live:
        found = cs.verify(case.source.model, input=case.source.input, units=UNITS)
    else:
        found = cs.verify(case.net, units=UNITS)
    wrong = [check for check in found.checks if not check.agrees]
    if wrong:
        told = (f"{one.what}: {one.note or f'{one.claimed} / {one.probed}'}" for one in wrong)
        return {"says": "wrong", "why": "; ".join(told)[:300]}
    doubts = {"doubts": list(found.doubts)[:2]} if found.doubts else {}
    return {"says": "ok", "checks": len(found.checks)} | doubts


_STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "table": _table,
    "check": _check,
    "field": _field,
    "memory": _memory,
    "torch": _written(partial(torch_outputs, dtype=torch.float32), torch_itself=True),
    "keras": _written(keras_outputs, keras=True),
    "onnx": _written(onnx_outputs),
    "verify": _verify,
}
