"""A net as the bytes of an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.core.graph import KINDS, is_position
from convscope.core.order import BATCH, moves, moves_back, pattern_of
from convscope.errors import ConvscopeError
from convscope.version import __version__
from convscope.writers import onnx_tensor_ops  # noqa: F401 -- registers its emitters
from convscope.writers.onnx_build import Builder
from convscope.writers.onnx_ops import emit
from convscope.writers.weights import checked, initial, refuse_large, size_of, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from convscope.core.graph import Input
    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape

OPSET = 21
"""The first operator-set version with per-channel group normalisation."""

IR_VERSION = 10


def onnx_bytes(net: Net, tensors: Mapping[str, NDArray[Any]] | None = None, seed: int = 0) -> bytes:
    """Return an ONNX model in float32, with the inputs and outputs, and their layouts, that the net states.

    The default layout is ``n c h w``; integer and boolean inputs are int64 and bool.

    Args:
        net: the net.
        tensors: weights by ``layer.tensor``; by default those of the net, or random ones.
        seed: seed of random weights.

    Raises:
        WriteError: an op has no spelling, a tensor is missing, or the file would be larger than 2 GiB.
        MissingExtraError: the library is not installed.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    refuse_large(size_of(net))
    found = tensors if tensors is not None else stored(net)
    builder = Builder(checked(net, initial(net, seed) if found is None else found))
    names = {one.name: _arrived(one, builder) for one in net.inputs}
    for layer in net:
        names[layer.node.name] = _emitted(layer, tuple(names[source] for source in layer.node.inputs), builder)
    made = _returned(net, names, builder)
    refuse_large(sum(array.nbytes for array in builder.stored.values()))
    kinds = {"float": TensorProto.FLOAT, "int": TensorProto.INT64, "bool": TensorProto.BOOL}
    given = [
        helper.make_tensor_value_info(one.name, kinds[one.kind], _sizes(one.order, one.shape)) for one in net.inputs
    ]
    results = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, _sizes(one.order, net.shape(one.node)))
        for name, one in zip(made, net.outputs, strict=True)
    ]
    arrays = [numpy_helper.from_array(array, name) for name, array in builder.stored.items()]
    graph = helper.make_graph(builder.nodes, "net", given, results, arrays)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="convscope",
        producer_version=__version__,
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _sizes(order: str, shape: Shape) -> list[int | str]:
    """Return the sizes for the file, with an open batch."""
    if not order:
        return ["n", *shape]
    pattern = pattern_of(order)
    return ["n" if BATCH in axis else pattern.size(axis) for axis in pattern.output]


def _arrived(given: Input, builder: Builder) -> str:
    """Convert an input for the layers: float32, ``n c h w``."""
    from onnx import TensorProto

    builder.end(f"{given.name}/in")
    name = given.name if given.kind == KINDS[0] else builder.node("Cast", given.name, to=TensorProto.FLOAT)
    return builder.moved(name, moves_back(given.order, range(len(given.shape) + 1))) if given.order else name


def _returned(net: Net, names: Mapping[str, str], builder: Builder) -> list[str]:
    """Return the names of the outputs: their titles, or those of their layers."""
    inputs = {one.name for one in net.inputs}
    taken = inputs | set(names.values())
    found: list[str] = []
    for number, one in enumerate(net.outputs):
        keys = [step for step in one.path if isinstance(step, str) and not is_position(step)]
        wanted = one.title or (one.name if keys or one.order else one.node)
        builder.end(f"{wanted}/out{number}")
        made = names[one.node]
        if one.order:
            made = builder.moved(made, moves(one.order, range(len(net.shape(one.node)) + 1)))
        if made == wanted and made not in {*inputs, *found}:
            found.append(made)
            continue
        tries = (wanted, *(f"{wanted}_{number}" for number in range(1, len(net.outputs) + len(taken) + 1)))
        name = next(word for word in tries if word not in taken)
        if made == names[one.node]:
            made = builder.node("Identity", made)
        builder.nodes[-1].output[0] = name
        taken.add(name)
        found.append(name)
    return found


def _emitted(layer: Layer, inputs: tuple[str, ...], builder: Builder) -> str:
    """Write a layer, and name its output after it, unless it is an identity."""
    builder.begin(layer)
    before = len(builder.nodes)
    try:
        name = emit(layer.node.op, layer, inputs, builder)
    except ConvscopeError as error:
        written, excerpt = (str(layer.node.origin), layer.node.origin.excerpt()) if layer.node.origin else ("", "")
        raise error.add(subject=layer.node.name, written=written, excerpt=excerpt) from None
    if len(builder.nodes) == before:  # an identity
        name = builder.node("Identity", name)
    assert builder.nodes[-1].output[0] == name, "what a layer makes comes last"
    builder.nodes[-1].output[0] = layer.node.name
    return layer.node.name
