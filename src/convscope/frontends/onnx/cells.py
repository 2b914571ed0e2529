"""Recurrent layers that are called for a few steps with given states, written as matrix products.

Streaming models work this way: silero-vad takes one step and its last state, and returns the next state. For many
steps, a net would contain as many copies of the cell, so the layer stays opaque, with its params and its cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from onnx import FunctionProto

    from convscope.frontends.onnx.call import Call

STEPS = 4
"""The most steps of a layer that are unrolled."""

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}

UNUSUAL = ("activations", "activation_alpha", "activation_beta", "clip", "input_forget", "layout")
"""Attributes that change the computation."""


def stepwise(call: Call) -> FunctionProto | None:
    """Return a recurrent layer with a given state as a function; None if it is not one, has many steps or is unusual.

    x: t n i, W: d g*h i, R: d g*h h, B: d 2*g*h, h and c: d n h -> y: t d n h, last h and c: d n h.
    """
    x, r = call.get(0), call.get(2)
    given = [call.get(at) for at in (5, 6)]
    if (
        call.op not in GATES
        or call.domain
        or not isinstance(x, Value)
        or not isinstance(r, Const)
        or call.get(4)
        or call.get(7)
    ):
        return None
    ways = call.word("direction", "forward")
    if any(map(call.attrs.get, UNUSUAL)) or ways != "forward" or not any(isinstance(one, Value) for one in given):
        return None
    steps, hidden = x.sizes[0], r.sizes[2]
    if steps > STEPS or call.get(3) is None or any(one is None for one in given[: 1 + (call.op == "LSTM")]):
        return None
    return _function(call.op, steps, hidden, after=bool(call.whole("linear_before_reset", 0)))


def _function(kind: str, steps: int, hidden: int, *, after: bool) -> FunctionProto:
    from onnx import parser

    rows = GATES[kind] * hidden
    lines = [
        "first = Constant<value=int64[1]{0}>()",
        f"halves = Constant<value=int64[2]{{{rows}, {rows}}}>()",
        f"gates = Constant<value=int64[{GATES[kind]}]{{{', '.join([str(hidden)] * GATES[kind])}}}>()",
        *(f"{name} = Squeeze({upper}, first)" for name, upper in (("w", "W"), ("r", "R"), ("b", "B"), ("h0", "H"))),
        "wt = Transpose<perm=[1, 0]>(w) rt = Transpose<perm=[1, 0]>(r) wb, rb = Split<axis=0>(b, halves)",
        "xw = MatMul(X, wt) xb = Add(xw, wb)",
    ]
    if kind == "LSTM":
        lines.append("c0 = Squeeze(C, first)")
    if kind == "GRU" and not after:
        lines.append("rz, rg, rn = Split<axis=1>(rt, gates) bz, bg, bn = Split<axis=0>(rb, gates)")
    for at in range(steps):
        lines.append(f"at{at} = Constant<value=int64[1]{{{at}}}>() to{at} = Constant<value=int64[1]{{{at + 1}}}>()")
        lines.append(f"cut{at} = Slice(xb, at{at}, to{at}, first) x{at} = Squeeze(cut{at}, first)")
        lines.append(_CELLS[kind + ("_after" if after and kind == "GRU" else "")].format(at=at, to=at + 1))
        lines.append(f"u{at} = Unsqueeze(h{at + 1}, first) y{at} = Unsqueeze(u{at}, first)")
    every = ", ".join(f"y{at}" for at in range(steps))
    lines.append(f"Y = Concat<axis=0>({every}) Yh = Unsqueeze(h{steps}, first)")
    outputs = "Y, Yh"
    if kind == "LSTM":
        lines.append(f"Yc = Unsqueeze(c{steps}, first)")
        outputs += ", Yc"
    head = '<domain: "stepwise", opset_import: ["" : 13]>'
    return parser.parse_function(f"{head} layer (X, W, R, B, lengths, H, C) => ({outputs}) {{ {' '.join(lines)} }}")


_CELLS = {
    "LSTM": "p{at} = MatMul(h{at}, rt) q{at} = Add(p{at}, rb) s{at} = Add(x{at}, q{at}) "
    "i{at}, o{at}, f{at}, n{at} = Split<axis=1>(s{at}, gates) "
    "si{at} = Sigmoid(i{at}) so{at} = Sigmoid(o{at}) sf{at} = Sigmoid(f{at}) tn{at} = Tanh(n{at}) "
    "kept{at} = Mul(sf{at}, c{at}) new{at} = Mul(si{at}, tn{at}) c{to} = Add(kept{at}, new{at}) "
    "tc{at} = Tanh(c{to}) h{to} = Mul(so{at}, tc{at})",
    "RNN": "p{at} = MatMul(h{at}, rt) q{at} = Add(p{at}, rb) s{at} = Add(x{at}, q{at}) h{to} = Tanh(s{at})",
    "GRU_after": "p{at} = MatMul(h{at}, rt) q{at} = Add(p{at}, rb) "
    "xz{at}, xr{at}, xn{at} = Split<axis=1>(x{at}, gates) hz{at}, hr{at}, hn{at} = Split<axis=1>(q{at}, gates) "
    "az{at} = Add(xz{at}, hz{at}) ar{at} = Add(xr{at}, hr{at}) z{at} = Sigmoid(az{at}) g{at} = Sigmoid(ar{at}) "
    "gn{at} = Mul(g{at}, hn{at}) an{at} = Add(xn{at}, gn{at}) n{at} = Tanh(an{at}) "
    "d{at} = Sub(h{at}, n{at}) k{at} = Mul(z{at}, d{at}) h{to} = Add(n{at}, k{at})",
    "GRU": "xz{at}, xr{at}, xn{at} = Split<axis=1>(x{at}, gates) "
    "pz{at} = MatMul(h{at}, rz) qz{at} = Add(pz{at}, bz) "
    "pr{at} = MatMul(h{at}, rg) qr{at} = Add(pr{at}, bg) az{at} = Add(xz{at}, qz{at}) ar{at} = Add(xr{at}, qr{at}) "
    "z{at} = Sigmoid(az{at}) g{at} = Sigmoid(ar{at}) gh{at} = Mul(g{at}, h{at}) pn{at} = MatMul(gh{at}, rn) "
    "qn{at} = Add(pn{at}, bn) an{at} = Add(xn{at}, qn{at}) n{at} = Tanh(an{at}) "
    "d{at} = Sub(h{at}, n{at}) k{at} = Mul(z{at}, d{at}) h{to} = Add(n{at}, k{at})",
}
"""One step of each layer, from its input ``x`` and its states ``h`` and ``c``, with gates in ONNX's order."""
