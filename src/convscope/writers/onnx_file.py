"""A net as the bytes of an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.core.graph import INPUT
from convscope.errors import ConvscopeError, WriteError
from convscope.version import __version__
from convscope.writers import onnx_tensor_ops  # noqa: F401 -- registers its emitters
from convscope.writers.onnx_build import Builder
from convscope.writers.onnx_ops import emit
from convscope.writers.weights import checked, initial, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from convscope.core.net import Layer, Net

OPSET = 21
"""The first version with group normalisation for each channel."""

IR_VERSION = 10

MAX_BYTES = 2**31 - 2**20
"""The most that fits in one file."""


def onnx_bytes(net: Net, tensors: Mapping[str, NDArray[Any]] | None = None, seed: int = 0) -> bytes:
    """An ONNX model with one input ``n c h w`` and one output, in float32.

    Args:
        net: what to write.
        tensors: weights by ``layer.tensor``; where there are none, those of the net, or random ones.
        seed: of the random ones.

    Raises:
        WriteError: an op has no spelling, a tensor is missing, or the file would be larger than 2 GiB.
        MissingExtraError: the library is not installed.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    found = tensors if tensors is not None else stored(net)
    builder = Builder(checked(net, initial(net, seed) if found is None else found))
    names = {INPUT: INPUT}
    for layer in net:
        names[layer.node.name] = _emitted(layer, tuple(names[source] for source in layer.node.inputs), builder)
    size = sum(array.nbytes for array in builder.stored.values())
    if size > MAX_BYTES:
        raise WriteError(f"the weights take {size:,} bytes", expected="at most 2 GiB in one file")
    shapes = ((INPUT, net.input), (names[net.layers[-1].node.name], net.output))
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape]) for name, shape in shapes)
    arrays = [numpy_helper.from_array(array, name) for name, array in builder.stored.items()]
    graph = helper.make_graph(builder.nodes, "net", [given], [made], arrays)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="convscope",
        producer_version=__version__,
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _emitted(layer: Layer, inputs: tuple[str, ...], builder: Builder) -> str:
    """Write a layer; what it makes is called by its name, if it makes anything."""
    builder.begin(layer)
    before = len(builder.nodes)
    try:
        name = emit(layer.node.op, layer, inputs, builder)
    except ConvscopeError as error:
        written, excerpt = (str(layer.node.origin), layer.node.origin.excerpt()) if layer.node.origin else ("", "")
        raise error.add(subject=layer.node.name, written=written, excerpt=excerpt) from None
    if len(builder.nodes) == before:  # it changes nothing
        name = builder.node("Identity", name)
    assert builder.nodes[-1].output[0] == name, "what a layer makes comes last"
    builder.nodes[-1].output[0] = layer.node.name
    return layer.node.name
