"""Models that nobody here wrote, each with what it computes: modules of zoos, nets of Keras, files of packages."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from convscope.backends.torch import arranged
from peers import zoo
from peers.counted import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.net import Net

LISTED = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))

WHEELS = "CONVSCOPE_WHEELS"
"""The environment variable that names a folder with unpacked packages, one folder each."""


class Truth(NamedTuple):
    """What is known without the net; None where it is not."""

    params: int | None
    macs: int | None


@dataclass(frozen=True)
class Source:
    """A model and how it is asked.

    Attributes:
        name: of the model.
        package: that it comes from.
        model: what ``convscope.read`` takes.
        input: likewise.
        run: its outputs for inputs as they lie in the model, flat, in its own order.
        truth: params and MACs, counted otherwise.
        channels_last: maps without an order of their own have their channels last.
        expected: what is listed of it.
    """

    name: str
    package: str
    model: Any
    input: Any
    run: Callable[[Net, list[Tensor]], list[Tensor]]
    truth: Callable[[Net], Truth]
    channels_last: bool = False
    expected: dict[str, Any] = field(default_factory=dict)


def given(net: Net, seed: int = 0) -> list[Tensor]:
    """One random sample from 0 to 1 for each input, as it lies in the source, channels first if nothing is said."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for one in net.inputs:
        if one.kind == "float":
            tensor = torch.rand(1, *one.shape, generator=random)
        else:
            tensor = torch.randint(0, 2, (1, *one.shape), generator=random)
            tensor = tensor.bool() if one.kind == "bool" else tensor
        made.append(arranged(tensor, one.order))
    return made


def module(package: str, name: str, side: int | None = None) -> Source:
    """A module of torchvision or timm with random weights, no two tensors alike, norms fitted to random images."""
    torch.manual_seed(0)
    made = zoo.made(package, name, numbers=True)
    shape = zoo.sizes(package, name, made)
    shape = shape if side is None else (shape[0], side, side)
    stirred(made, shape)

    def run(_: Net, inputs: list[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return [one for one in pytree.tree_leaves(made(*inputs)) if isinstance(one, Tensor)]

    def truth(_: Net) -> Truth:
        params = sum(parameter.numel() for parameter in made.parameters())
        return Truth(params, zoo.multiply_adds(zoo.made(package, name), shape))

    return Source(name, package, made, "x".join(map(str, (*shape[1:], shape[0]))), run, truth)


def stirred(made: nn.Module, shape: tuple[int, ...]) -> None:
    """Noise on every float, and statistics of norms that fit, so that no layer is hidden by zeros or drowned."""
    with torch.no_grad():
        for key, tensor in {**dict(made.named_parameters()), **dict(made.named_buffers())}.items():
            if tensor.is_floating_point() and "running" not in key:
                size = 0.02 if tensor.dim() > 1 else 0.1
                tensor.add_(
                    torch.randn_like(tensor)
                    * min(size, 1 / math.sqrt(max(1, tensor[0].numel()) if tensor.dim() else 1))
                )
        made.eval()
        norms = [one for one in made.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
        kept = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 1.0
            norm.train()
        try:
            if norms:
                made(torch.rand(2, *shape))
        finally:
            for norm, momentum in zip(norms, kept, strict=True):
                norm.momentum = momentum
                norm.eval()
                if norm.running_var is not None:  # a channel that hardly varies would be blown up
                    norm.running_var.clamp_(min=0.1 * float(norm.running_var.mean()))


def keras_net(name: str, side: int | None = None) -> Source:
    """One of the nets that come with Keras, all weights and statistics different numbers."""
    from keras_twin import keras

    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    shape = None if side is None else (side, side, 3)
    live = _nasnet(keras) if name == "NASNetMobile" else _application(keras, name, shape)
    rng = np.random.default_rng(0)
    for variable in live.weights:
        if variable.dtype == "float32":
            old = np.array(variable.value.detach())
            variable.assign((old + rng.normal(0, 0.05, old.shape) * (old.ndim < 2)).astype("float32"))
    size = None if None not in live.input_shape[1:] else "224x224x3"
    sizes = [224 if one is None else one for one in live.input_shape[1:]]
    _fit(keras, live, sizes)
    _soften(live, sizes)

    def run(net: Net, inputs: list[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            literal = [
                x.movedim(1, -1) if x.dim() > 2 and not one.order else x
                for x, one in zip(inputs, net.inputs, strict=True)
            ]
            return list(keras.tree.flatten(live(literal[0] if len(literal) == 1 else literal, training=False)))

    def truth(net: Net) -> Truth:
        params = sum(math.prod(one.shape) for one in live.trainable_weights)
        with FlopCounterMode(display=False) as counter:
            run(net, given(net))
        return Truth(params, int(counter.get_total_flops() // 2))

    return Source(name, "keras", live, size, run, truth, channels_last=True)


def _application(keras: Any, name: str, shape: tuple[int, ...] | None) -> Any:
    extra = {} if shape is None else {"input_shape": shape}
    return getattr(keras.applications, name)(weights=None, **extra)


def _fit(keras: Any, live: Any, shape: list[int]) -> None:
    """Statistics of norms as random images have them, so that values neither vanish nor grow."""
    layers = [layer for layer in live._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    kept = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    if layers:
        with torch.no_grad():
            live(torch.rand(2, *shape), training=True)
    for layer, momentum in zip(layers, kept, strict=True):
        layer.momentum = momentum
        spread = np.array(layer.moving_variance.value.detach())
        layer.moving_variance.assign(np.maximum(spread, 0.1 * spread.mean()))


def _soften(live: Any, shape: list[int]) -> None:
    """Smaller weights before the softmax, until it does not choose one class outright."""
    last = [variable for variable in live.trainable_weights if len(variable.shape) > 1][-1]
    with torch.no_grad():
        for _ in range(5):
            if float(live(torch.rand(1, *shape), training=False).max()) < 0.5:
                return
            last.assign(0.1 * np.array(last.value.detach()))


def _nasnet(keras: Any) -> Any:
    """Which Keras refuses to train on torch; it can be built."""
    sizes = {"penultimate_filters": 1056, "num_blocks": 4, "stem_block_filters": 32, "filter_multiplier": 2}
    made = keras.src.applications.nasnet.NASNet
    return made((224, 224, 3), **sizes, skip_reduction=False, weights=None, default_size=224, classes=1000)


def file(listed: dict[str, Any]) -> Source | None:
    """A file of a package, where it is found; its bytes are those that are listed."""
    path = place(listed)
    if path is None:
        return None
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == listed["sha256"], f"{path} is another file than the one that is listed"
    path = _filled(path, listed["made"]) if "made" in listed else path
    said = listed.get("input")

    def fed(net: Net, inputs: list[Tensor]) -> dict[str, np.ndarray[Any, Any]]:
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        wanted = {one.name: one.type for one in session.get_inputs()}
        constant = (
            {key: np.asarray(one, np.int64) for key, one in said.items() if isinstance(one, int)}
            if isinstance(said, dict)
            else {}
        )
        left = [name for name in wanted if name not in constant]
        names = left if len(net.inputs) == 1 else [one.name for one in net.inputs]
        return constant | {name: x.contiguous().numpy() for name, x in zip(names, inputs, strict=True)}

    def run(net: Net, inputs: list[Tensor]) -> list[Tensor]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return [torch.from_numpy(np.asarray(one)) for one in session.run(None, fed(net, inputs))]

    def truth(net: Net) -> Truth:
        found = counted(path, fed(net, given(net)))
        return Truth(found.params and found.params + listed.get("shared", 0), found.macs)

    return Source(Path(listed["path"]).stem, listed["package"], path, said, run, truth, expected=listed)


def _filled(path: Path, gain: float) -> Path:
    """A copy with random weights in the place of those that the graph makes alike."""
    model = onnx.load(path)
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    rng = np.random.default_rng(0)
    kept = []
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape":
            shape = tuple(map(int, stored[node.input[0]]))
            low, high = (0.5, 1.5) if len(shape) < 2 else (-1.0, 1.0)
            scale = 1.0 if len(shape) < 2 else math.sqrt(gain / math.prod(shape[1:]))
            array = (rng.uniform(low, high, shape) * scale).astype(np.float32)
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, node.output[0]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    made = Path(tempfile.gettempdir()) / f"filled-{os.getpid()}-{path.name}"
    made.write_bytes(model.SerializeToString())
    return made


def place(listed: dict[str, Any]) -> Path | None:
    """Where a listed file lies: in the installed package, or in a folder of unpacked ones."""
    inside = listed["path"]
    spec = importlib.util.find_spec(Path(inside).parts[0]) if listed.get("installed") else None
    roots = [Path(one).parent for one in (spec and spec.submodule_search_locations) or ()]
    if WHEELS in os.environ:
        roots.append(Path(os.environ[WHEELS]) / f"{listed['package']}-{listed['version']}")
    return next((root / inside for root in roots if (root / inside).is_file()), None)
