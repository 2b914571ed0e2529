"""Export of a run as one file for other programs, checked against the run before it is written."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from convscope import files
from convscope.backends.device import CPU, find
from convscope.backends.torch import TorchNet, weights_in, weights_out
from convscope.core.graph import Graph
from convscope.core.net import Net
from convscope.data.facts import at_hand
from convscope.data.preparation import Preparation
from convscope.errors import WriteError
from convscope.extras import missing_extra
from convscope.ops.act import Softmax
from convscope.training.evaluate import logits
from convscope.training.exported import PREPARATION
from convscope.training.formats import format_of
from convscope.training.loop import lay_out
from convscope.training.run import Run, load
from convscope.training.train import model_of
from convscope.version import __version__
from convscope.view.numbers import bytes_text
from convscope.writers import write
from convscope.writers.onnx_preprocess import takes_images

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.registry import Dataset

IMAGES = 100
"""Number of random images, and of test images, that a file is checked on."""

TOLERANCE = 1e-4
"""The largest difference of a score that counts as rounding, relative to the largest score."""

KEY = "convscope"
"""The key of the metadata in a .safetensors and a .pt2 file; one entry, so that equal runs give equal files."""


@dataclass(frozen=True)
class Export:
    """An exported file in memory, with the result of its check.

    Attributes:
        form: ``onnx``, ``torch-export`` or ``safetensors``.
        data: the bytes of the file.
        metadata: the metadata in the file.
        runner: the library that ran the file.
        random: number of images of random pixels.
        test: number of test images.
        difference: the largest difference from the run in any score of any image.
        largest: the largest magnitude of a score of the run.
        without: why there are no test images; empty if there are.
    """

    form: str
    data: bytes = field(repr=False)
    metadata: dict[str, Any]
    runner: str
    random: int
    test: int
    difference: float
    largest: float
    without: str = ""

    @property
    def relative(self) -> float:
        """The difference relative to the largest score."""
        return self.difference / self.largest if self.largest else float(self.difference > 0)

    @property
    def passed(self) -> bool:
        """Whether the file gives the same scores as the run; False if a score is NaN."""
        return self.relative <= TOLERANCE

    def facts(self) -> str:
        """Describe size, input and output."""
        return f"{bytes_text(len(self.data))}\ninput   {self.metadata['input']}\noutput  {self.metadata['output']}"

    def checked(self) -> str:
        """Describe the check and its result."""
        tested = f" and {self.test} test" if self.test else ""
        text = (
            f"{self.runner} on {self.random} random{tested} images: "
            f"largest difference {self.difference:.1e} ({self.relative:.1e} of the largest score)"
        )
        text += f"\nnot on test images: {self.without}" if self.without else ""
        return text if self.passed else f"{text}, more than {TOLERANCE:g}: no file was written"

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/export/2``."""
        return {
            "schema": "convscope/export/2",
            "form": self.form,
            "bytes": len(self.data),
            "sha256": files.sha256(self.data),
            "metadata": self.metadata,
            "runner": self.runner,
            "random_images": self.random,
            "test_images": self.test,
            **({"no_test_images": self.without} if self.without else {}),
            "largest_difference": self.difference if isfinite(self.difference) else None,
            "largest_score": self.largest if isfinite(self.largest) else None,
            "passed": self.passed,
        }


def export(run: Run | str | Path, *, to: str, device: str | torch.device = CPU.name) -> Export:
    """Export a run to a file in memory; it is not written yet.

    Args:
        run: the run, or its folder.
        to: ``onnx`` (images ``n c h w`` of 0 to 255 in float32 -> logits ``n classes``), ``torch-export`` (the
            same), or ``safetensors`` (the weights; the net, classes, mean and std as metadata).
        device: where the run computes the scores that the file must reproduce, as for :func:`convscope.train`. The file
            itself does not depend on it.

    Raises:
        UnknownNameError: there is no such format.
        RunError: the folder is not a run, or the weights are not those of the net.
        WriteError: the format cannot express an op of the net.
        MissingExtraError: a library that the format needs is not installed.
    """
    form, place = format_of(to, None), find(device)
    run = run if isinstance(run, Run) else load(run)
    model = model_of(run, place)
    images, without = check_images(run.dataset)
    metadata = _metadata(run, form.name)
    made = _WAYS[form.name](run, model, metadata)
    with place.exact():
        true = logits(model, torch.from_numpy(images), run.dataset).numpy()
    difference = float(np.abs(made.scores(images) - true).max())
    return Export(
        form=form.name,
        data=made.data,
        metadata=metadata,
        runner=made.runner,
        random=IMAGES,
        test=len(images) - IMAGES,
        difference=difference,
        largest=float(np.abs(true).max()),
        without=without,
    )


def check_images(dataset: Dataset) -> tuple[NDArray[np.uint8], str]:
    """Return random images, the same each time, then the first images of the test set: uint8 ``n c h w``.

    Without test images at hand, a file is checked on the random ones, and the second value says why.

    Raises:
        DataError: the user named images, and they are not those of the run.
    """
    random = np.random.default_rng(0).integers(0, 256, (IMAGES, *dataset.shape), dtype=np.uint8)
    found = at_hand(dataset, "test", few=True)
    if isinstance(found, str):
        return random, found
    return np.concatenate([random, found.images[:IMAGES]]), ""


def channel_scale(dataset: Dataset) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel, 0 to 1.

    >>> from convscope.data import registry
    >>> channel_scale(registry.DATASETS["mnist"])
    ([0.1307], [0.3081])
    """
    channels = dataset.shape[0]
    mean, std = (
        np.broadcast_to(np.asarray(value, dtype=np.float64), channels) for value in (dataset.mean, dataset.std)
    )
    return mean.tolist(), std.tolist()


def _metadata(run: Run, form: str) -> dict[str, Any]:
    mean, std = channel_scale(run.dataset)
    size = " ".join(map(str, run.dataset.shape))
    plain = form == "safetensors"
    pixels = "(0 to 255 - 255 mean) / (255 std)" if plain else "0 to 255, scaled inside"
    return {
        "net": str(run.net),
        "data": run.dataset.title,
        "classes": list(run.dataset.classes),
        PREPARATION: Preparation.of(run.dataset).to_json(),
        "mean": mean,
        "std": std,
        "input": f"images n {size}, float32, {pixels}",
        "output": f"logits n {len(run.dataset.classes)}",
        "test_accuracy": None if run.step else run.result.accuracy,
        **({"stopped_after_step": run.step} if run.step else {}),
        "producer": f"convscope {__version__}",
    }


@dataclass(frozen=True)
class Made:
    """Return the bytes of a file and a function that runs them: uint8 images ``n c h w`` -> scores ``n classes``."""

    runner: str
    data: bytes
    scores: Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def _onnx(run: Run, model: TorchNet, metadata: dict[str, Any]) -> Made:
    try:
        import onnxruntime
    except ImportError:
        raise missing_extra("onnxruntime, which checks the file,", "onnx") from None
    tensors = {name: value.numpy() for name, value in weights_out(model).items()}
    plain = write(without_softmax(run.net), to="onnx", tensors=tensors)
    assert isinstance(plain, bytes)
    mean, std = channel_scale(run.dataset)
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    data = takes_images(plain, mean, std, told)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (name,) = (entry.name for entry in session.get_inputs())
    return Made("onnxruntime", data, lambda images: np.asarray(session.run(None, {name: images.astype(np.float32)})[0]))


def without_softmax(net: Net) -> Net:
    """Return the net up to its scores, without a final softmax, like the model of a run."""
    last = net.layer()
    if not isinstance(last.node.op, Softmax):
        return net
    nodes = tuple(layer.node for layer in net if layer is not last)
    outputs = tuple(replace(output, node=last.node.inputs[0]) for output in net.outputs)
    return Net.at(Graph(nodes, tuple(one.name for one in net.inputs), outputs), net.inputs)


class TakesImages(nn.Module):
    """A model with the scaling included: float32 images ``n c h w`` of 0 to 255 -> logits ``n classes``."""

    def __init__(self, model: nn.Module, dataset: Dataset) -> None:
        super().__init__()
        self.model: nn.Module = model
        self.centre: Tensor
        self.scale: Tensor
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in channel_scale(dataset))
        shape = (-1, *(1,) * (len(dataset.shape) - 1))
        self.register_buffer("centre", (255 * mean).float().view(shape))
        self.register_buffer("scale", (1 / (255 * std)).float().view(shape))

    def forward(self, images: Tensor) -> Tensor:
        """Scale, then run the net."""
        scores: Tensor = self.model((images - self.centre) * self.scale)
        return scores.flatten(1)


def _torch_export(run: Run, model: TorchNet, metadata: dict[str, Any]) -> Made:
    example = torch.zeros(2, *run.dataset.shape)
    sizes = {"images": {0: torch.export.Dim("n")}}
    plain = TakesImages(_with(weights_out(model), run), run.dataset).eval().requires_grad_(requires_grad=False)
    try:
        program = torch.export.export(plain, (example,), dynamic_shapes=sizes)
    except Exception as error:  # noqa: BLE001 -- the tracer raises many kinds of errors for what it cannot follow
        raise WriteError(f"torch.export cannot export this net: {str(error).strip().splitlines()[0]}") from None
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={f"{KEY}.json": json.dumps(metadata)})
    again = torch.export.load(io.BytesIO(file.getvalue())).module()
    return Made("torch.export", file.getvalue(), lambda images: np.asarray(again(torch.from_numpy(images).float())))


def _safetensors(run: Run, model: TorchNet, metadata: dict[str, Any]) -> Made:
    data = save_tensors(weights_out(model), metadata={KEY: json.dumps(metadata)})
    fresh = _with(load_tensors(data), run)
    lay_out(fresh)
    return Made("safetensors", data, lambda images: logits(fresh, torch.from_numpy(images), run.dataset).numpy())


def _with(tensors: dict[str, Tensor], run: Run) -> TorchNet:
    """Return a new model whose weights have torch's own memory order, in which files are written."""
    fresh = TorchNet(run.net, logits=True)
    weights_in(fresh, tensors)
    return fresh.eval()


_WAYS = {"onnx": _onnx, "torch-export": _torch_export, "safetensors": _safetensors}
