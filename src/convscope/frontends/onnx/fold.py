"""Constant folding: most such operations compute sizes.

Each operation has two parts: the sizes of its results, from the sizes of its inputs, and the values. Small results are
computed eagerly, large ones on demand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from convscope.budget import hold
from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import MOST, Known, count, known, lazy, roots_of, work_of
from convscope.frontends.tensors.values import Const

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from convscope.frontends.onnx.call import Call

    Numbers = NDArray[Any]
    Sizes = tuple[int, ...]

SMALL = 2**16
"""The most values of a result that is computed eagerly."""


class Fold(NamedTuple):
    """A foldable operation.

    Attributes:
        sizes: returns the sizes of the results.
        work: computes the results from the values of the inputs; None for a missing one.
        macs: multiply-adds, from the sizes of the first result.
        heavy: values that are processed besides inputs and results, from the sizes of the first result.
    """

    sizes: Callable[[Call], Sequence[Sizes]]
    work: Callable[[Call, Sequence[Any]], Any]
    macs: Callable[[Call, Sizes], int] = lambda _call, _sizes: 0
    heavy: Callable[[Call, Sizes], int] = lambda _call, _sizes: 0


def folded(call: Call, folds: dict[str, Fold]) -> list[Const]:
    """The results of an operation on constants.

    Raises:
        ShapeError: the operation is not in the list, does not fit, or its result is too large.
    """
    fold = folds.get(call.op)
    if fold is None:
        raise ShapeError("the operator cannot be computed on constants")
    sizes = list(fold.sizes(call))
    if any(min(one, default=1) < 0 or math.prod(one) > MOST for one in sizes):
        raise ShapeError(f"a constant has more than {MOST:,} values, or a negative size")
    parents = [one for one in call.inputs if isinstance(one, Const)]
    total = sum(max(1, math.prod(one)) for one in sizes)
    macs = fold.macs(call, sizes[0])
    heavy = macs + fold.heavy(call, sizes[0])
    effort = total + heavy + sum([math.prod(one.sizes) for one in parents])
    if total <= SMALL and all(isinstance(one, Known) for one in parents) and call.ahead.take(effort):
        count(effort)
        found = _results(call, fold, [one.numbers for one in parents if isinstance(one, Known)])
        return at_once(found, parents)
    return [
        lazy(
            one,
            parents,
            lambda arrays, at=at: _results(call, fold, arrays)[at],  # type: ignore[misc] # bound now
            0 if at else macs,
            total - math.prod(one) + heavy,
        )
        for at, one in enumerate(sizes)
    ]


def at_once(found: Sequence[Numbers], parents: Sequence[Const], macs: int = 0) -> list[Const]:
    """Compute results eagerly and keep them until the model is read."""
    hold(sum([one.nbytes for one in found]))
    roots, work = roots_of(parents), work_of(parents, macs)
    return [known(one, roots, work) for one in found]


def _results(call: Call, fold: Fold, arrays: Sequence[Numbers]) -> list[Numbers]:
    left = iter(arrays)
    given = [next(left) if isinstance(one, Const) else None for one in call.inputs]
    with np.errstate(all="ignore"):
        made = fold.work(call, given)
    return list(made) if isinstance(made, list) else [np.asarray(made)]


def sizes_at(call: Call, at: int = 0) -> Sizes:
    """Return the sizes of an input."""
    return call.const(at).sizes


def same(call: Call) -> list[Sizes]:
    """Return the sizes of the first input."""
    return [sizes_at(call)]


def together(call: Call) -> list[Sizes]:
    """Return the broadcast sizes of all inputs."""
    return [np.broadcast_shapes(*(one.sizes for one in call.inputs if isinstance(one, Const)))]


def _unary(change: Callable[[Any], Any], times: int = 0) -> Fold:
    return Fold(same, lambda _, given: change(given[0]), heavy=lambda _, sizes: times * math.prod(sizes))


def _joined(join: Callable[[Any, Any], Any]) -> Fold:
    def work(_: Call, given: Sequence[Any]) -> Any:
        found = given[0]
        for other in given[1:]:
            found = join(found, other)
        return found

    return Fold(together, work, heavy=_again)


def _again(call: Call, sizes: Sizes) -> int:
    """Count intermediate values if inputs are joined one after the other."""
    return max(0, len(call.inputs) - 2) * 2 * math.prod(sizes)


def _divided(x: Any, y: Any) -> Any:
    """Divide; integers are truncated towards zero."""
    if not np.issubdtype(x.dtype, np.integer):
        return x / y
    down = x // y
    return np.asarray(down + ((x % y != 0) & ((x < 0) != (y < 0))))


CURVE, SLOW = 16, 256
"""Cost of a value relative to moving one: in a NumPy function, and in a Python function."""


def _erf(x: Numbers) -> Numbers:
    return np.vectorize(math.erf, otypes=[x.dtype])(x) if x.size else x


def _clip(call: Call, given: Sequence[Any]) -> Any:
    low = given[1] if len(given) > 1 else call.attrs.get("min")
    high = given[2] if len(given) > 2 else call.attrs.get("max")
    found = given[0] if low is None else np.maximum(given[0], low)
    return found if high is None else np.minimum(found, high)


KINDS = {2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 9: "?", 12: "u4", 13: "u8"}
"""Integer and boolean dtypes, by their number in onnx.proto; all others are real."""


def _cast(call: Call, given: Sequence[Any]) -> Any:
    return np.asarray(given[0].astype(KINDS.get(call.whole("to", 1), "f4")))


def _mean(_: Call, given: Sequence[Any]) -> Any:
    return np.asarray(sum(given) / len(given))


def _axes(call: Call) -> tuple[int, ...] | None:
    """Return the dimensions of a reduction; none for a no-op."""
    found = call.listed("axes", 1)
    rank = len(sizes_at(call))
    if not found:
        return () if call.whole("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(at % rank for at in found)


def _reduced_sizes(call: Call) -> list[Sizes]:
    gone = _axes(call) or ()
    keep = call.whole("keepdims", 1)
    pairs = enumerate(sizes_at(call))
    return [tuple(1 if at in gone else size for at, size in pairs if keep or at not in gone)]


def _reduce(stat: Callable[..., Any]) -> Fold:
    def work(call: Call, given: Sequence[Any]) -> Any:
        return stat(given[0], axis=_axes(call), keepdims=bool(call.whole("keepdims", 1)))

    return Fold(_reduced_sizes, work)


def _l2(x: Numbers, axis: Any, *, keepdims: bool) -> Any:
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def _extreme(stat: Callable[..., Any]) -> Fold:
    def sizes(call: Call) -> list[Sizes]:
        at, rank = call.whole("axis", 0), len(sizes_at(call))
        keep = call.whole("keepdims", 1)
        return [tuple(1 if i == at % rank else n for i, n in enumerate(sizes_at(call)) if keep or i != at % rank)]

    return Fold(sizes, lambda c, g: stat(g[0], axis=c.whole("axis", 0), keepdims=bool(c.whole("keepdims", 1))))


def _matmul_sizes(call: Call) -> list[Sizes]:
    x, y = sizes_at(call, 0), sizes_at(call, 1)
    if not x or not y or x[-1] != (y[-2] if len(y) > 1 else y[0]):
        raise ShapeError(f"matrices of sizes {x} and {y} cannot be multiplied")
    lead = np.broadcast_shapes(x[:-2], y[:-2])
    return [(*lead, *(x[-2:-1] if len(x) > 1 else ()), *(y[-1:] if len(y) > 1 else ()))]


def _per_axis(given: Numbers, rank: int, axis: int) -> Numbers:
    return given.reshape([-1 if at == axis % rank else 1 for at in range(rank)]) if given.ndim == 1 else given


NUMBERS: dict[str, Fold] = {
    "Identity": _unary(lambda x: x),
    "Dropout": _unary(lambda x: x),
    "Neg": _unary(np.negative),
    "Abs": _unary(np.abs),
    "Sign": _unary(np.sign),
    "Sqrt": _unary(np.sqrt),
    "Exp": _unary(np.exp, CURVE),
    "Log": _unary(np.log, CURVE),
    "Sin": _unary(np.sin, CURVE),
    "Cos": _unary(np.cos, CURVE),
    "Tanh": _unary(np.tanh, CURVE),
    "Erf": _unary(_erf, SLOW),
    "Floor": _unary(np.floor),
    "Ceil": _unary(np.ceil),
    "Round": _unary(np.rint),
    "Reciprocal": _unary(np.reciprocal),
    "Sigmoid": _unary(lambda x: 1 / (1 + np.exp(-x)), CURVE),
    "Relu": _unary(lambda x: np.maximum(x, 0)),
    "Not": _unary(np.logical_not),
    "IsNaN": _unary(np.isnan),
    "IsInf": _unary(np.isinf),
    "Clip": Fold(same, _clip),
    "Cast": Fold(same, _cast),
    "CastLike": Fold(same, lambda _, g: g[0].astype(g[1].dtype)),
    "Add": _joined(np.add),
    "Sub": _joined(np.subtract),
    "Mul": _joined(np.multiply),
    "Div": _joined(_divided),
    "Pow": Fold(
        together,
        lambda _, g: np.power(g[0], g[1].astype(np.result_type(*g))).astype(g[0].dtype),
        heavy=lambda _, sizes: CURVE * math.prod(sizes),
    ),
    "Mod": Fold(together, lambda c, g: np.fmod(*g) if c.whole("fmod", 0) else np.mod(*g)),
    "Max": _joined(np.maximum),
    "Min": _joined(np.minimum),
    "Sum": _joined(np.add),
    "Mean": Fold(together, _mean, heavy=_again),
    "And": _joined(np.logical_and),
    "Or": _joined(np.logical_or),
    "Xor": _joined(np.logical_xor),
    "Equal": _joined(np.equal),
    "Greater": _joined(np.greater),
    "GreaterOrEqual": _joined(np.greater_equal),
    "Less": _joined(np.less),
    "LessOrEqual": _joined(np.less_equal),
    "Where": Fold(together, lambda _, g: np.where(*g)),
    "ReduceMean": _reduce(np.mean),
    "ReduceSum": _reduce(np.sum),
    "ReduceMax": _reduce(np.max),
    "ReduceMin": _reduce(np.min),
    "ReduceProd": _reduce(np.prod),
    "ReduceL2": _reduce(_l2),
    "ArgMax": _extreme(np.argmax),
    "ArgMin": _extreme(np.argmin),
    "MatMul": Fold(_matmul_sizes, lambda _, g: np.matmul(*g), lambda c, s: math.prod(s) * sizes_at(c)[-1]),
}
"""Arithmetic operations by the name of the operator."""
