"""Preprocessing in an ONNX model: scaling is prepended, so that it takes unscaled images, and metadata is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def takes_images(model: bytes, mean: Sequence[float], std: Sequence[float], told: Mapping[str, str]) -> bytes:
    """Return the model with ``(images - 255 mean) / (255 std)`` prepended and a row of scores for each image as output.

    Args:
        model: the result of :func:`convscope.writers.onnx_file.onnx_bytes`.
        mean: mean of each channel, 0 to 1.
        std: standard deviation of each channel, 0 to 1.
        told: metadata by name.

    Raises:
        ModuleNotFoundError: ``onnx`` is not installed.
    """
    import onnx
    from onnx import helper, numpy_helper

    found = onnx.load_model_from_string(model)
    graph = found.graph
    rank = len(graph.input[0].type.tensor_type.shape.dim)
    shape = (len(mean), *(1,) * (rank - 2))
    given = graph.input[0].name
    centre, scale = f"{given}/centre", f"{given}/scale"
    values = {centre: 255 * np.asarray(mean), scale: 1 / (255 * np.asarray(std))}
    graph.initializer.extend(
        numpy_helper.from_array(value.astype(np.float32).reshape(shape), name) for name, value in values.items()
    )
    for node in graph.node:
        for at, name in enumerate(node.input):
            if name == given:
                node.input[at] = f"{given}/scaled"
    graph.node.insert(0, helper.make_node("Sub", [given, centre], [f"{given}/centred"], name=f"{given}/Sub"))
    graph.node.insert(1, helper.make_node("Mul", [f"{given}/centred", scale], [f"{given}/scaled"], name=f"{given}/Mul"))
    _flatten(graph)
    for key, value in told.items():
        found.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(found)
    return bytes(found.SerializeToString())


def _flatten(graph: Any) -> None:
    """Flatten final maps of 1x1 to a row."""
    from onnx import TensorProto, helper

    last = graph.output[0]
    if len(last.type.tensor_type.shape.dim) == 2:
        return
    classes = last.type.tensor_type.shape.dim[1].dim_value
    name = f"{last.name}/Flatten"
    graph.node.append(helper.make_node("Flatten", [last.name], [name], name=name, axis=1))
    graph.output[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", classes]))
