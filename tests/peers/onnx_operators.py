"""The onnx package's own tests of operators, one model each: read, written back, and run by ONNX Runtime.

The first input of a test is the image; the others are stored in the model. What comes back is ``equal``, ``differs``,
``opaque`` (it is read, and a layer cannot be inspected), ``unwritten`` or ``refused``, each with a reason.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

import convscope as cs

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NEAR = 1e-4
"""How near outputs have to be, of their largest number."""


@dataclass(frozen=True)
class Result:
    """What became of a test.

    Attributes:
        name: of the test.
        kind: ``equal``, ``differs``, ``opaque``, ``unwritten`` or ``refused``.
        why: what was said, or how the outputs differ.
    """

    name: str
    kind: str
    why: str = ""


@cache
def cases() -> dict[str, Any]:
    """The tests with a first input of numbers, by name."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        every = load_model_tests(kind="node")
    return {case.name: case for case in every if case.data_sets and _is_image(case)}


def _is_image(case: Any) -> bool:
    first = case.data_sets[0][0][:1]
    graph = case.model.graph
    return bool(
        first
        and isinstance(first[0], np.ndarray)
        and first[0].dtype == np.float32
        and first[0].ndim
        and 0 not in first[0].shape
        and all(isinstance(one, np.ndarray) for one in case.data_sets[0][0])
        and graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    )


def stored(case: Any) -> onnx.ModelProto:
    """The model of a test with all inputs but the first stored in it."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    given = case.data_sets[0][0]
    for info, numbers in zip(model.graph.input[1:], given[1:], strict=True):
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(numbers), info.name))
    del model.graph.input[1:]
    return model


def tried(name: str, folder: Path, *, batch: bool) -> Result:
    """One test; its first axis is the batch, or the test has none."""
    case = cases()[name]
    path = folder / "model.onnx"
    path.write_bytes(stored(case).SerializeToString())
    x, wanted = case.data_sets[0][0][0], case.data_sets[0][1]
    try:
        net = cs.read(path, input=None if batch else f"{'x'.join(map(str, x.shape))} nobatch")
    except cs.ConvscopeError as error:
        return Result(name, "refused", _line(error))
    unknown = [layer.node.name for layer in net if layer.node.op.keyword == "opaque"]
    if unknown:
        return Result(name, "opaque", ", ".join(unknown))
    try:
        data = cs.write(net, to="onnx", tensors=net.tensors() if net.tensors else None)
    except cs.ConvscopeError as error:
        return Result(name, "unwritten", _line(error))
    assert isinstance(data, bytes)
    return Result(name, *compared(_run(data, x), wanted))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _run(data: bytes, x: NDArray[Any]) -> list[NDArray[Any]] | Exception:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        return list(session.run(None, {session.get_inputs()[0].name: x}))
    except Exception as error:  # noqa: BLE001 -- whatever ONNX Runtime raises
        return error


def compared(found: list[NDArray[Any]] | Exception, wanted: list[Any]) -> tuple[str, str]:
    """All outputs against those of the test: how many there are, their shapes, their numbers."""
    if isinstance(found, Exception):
        return "differs", _line(found)
    if len(found) != len(wanted):
        return "differs", f"{len(found)} outputs, {len(wanted)}"
    said = [one for one in map(_difference, found, wanted) if one]
    return ("differs", said[0]) if said else ("equal", "")


def _difference(mine: Any, true: Any) -> str:
    """How two outputs differ; nothing where they are equal."""
    if mine.shape != np.shape(true):
        return f"shape {mine.shape}, {np.shape(true)}"
    mine, true = np.asarray(mine, np.float64), np.asarray(true, np.float64)
    largest = max(1.0, float(np.abs(true[np.isfinite(true)]).max(initial=0)))
    if np.allclose(mine, true, rtol=0, atol=NEAR * largest, equal_nan=True):
        return ""
    return f"by {np.nanmax(np.abs(mine - true)):.3g} of {largest:.3g}"
