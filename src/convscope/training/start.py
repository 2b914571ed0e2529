"""What a run starts from: a net, its weights, the data and the settings, made to fit each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convscope.core.net import Net
from convscope.core.shape import to_text
from convscope.data import registry
from convscope.data.classes import listed
from convscope.data.facts import name_of
from convscope.data.spelled import spelled
from convscope.errors import FieldError, unknown
from convscope.files import is_run
from convscope.frontends import named
from convscope.training import freezing, head
from convscope.training.brought import INITS, bring
from convscope.training.contents import INITIAL
from convscope.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset
    from convscope.training.brought import Brought
    from convscope.training.recipe import Recipe
    from convscope.training.run import Job

SCALES = {"data": None, "unit": (0.0, 1.0), "raw": (0.0, 1 / 255)}
"""How images are scaled: by mean and deviation of the data, to 0 … 1, or not at all, 0 … 255."""

SHOWN = 6
"""The most frozen layers that a note lists."""

SCALED = "scale"
"""The note of a data set whose mean and deviation are not those of its own images."""


@dataclass(frozen=True)
class Asked:
    """What a user asks of the start of a run.

    Attributes:
        net: a run, or anything that :func:`convscope.read` takes; None for the net of the recipe.
        input: size of the input, for a net that does not state it.
        init: start from the weights of the ``model``, if it has any, or from ``random`` ones.
        weights: a file of weights for the net.
        scale: one of :data:`SCALES`, or mean and standard deviation of the pixels, 0 to 1; None for that of the run
            that brings the weights, or else of the data.
        skip_bad: skip files of the data set that are not images.
        seed: for everything that is random.
        prepared: called with images prepared and all images, while those of a folder are read the first time.
    """

    net: object = None
    input: object = None
    init: str = "model"
    weights: str | Path | None = None
    scale: str | tuple[Any, Any] | None = None
    skip_bad: bool = False
    seed: int = 0
    prepared: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class Opened:
    """A net with what it brings, and the data set, scaled as the net expects."""

    brought: Brought
    dataset: Dataset


@dataclass(frozen=True)
class Start:
    """What a run starts from.

    Attributes:
        net: the net.
        dataset: the data set.
        recipe: the settings, with the net, the data and the frozen layers.
        tensors: the weights by ``layer.tensor``; None for random ones.
        notes: what a user should know, a sentence each.
    """

    net: Net
    dataset: Dataset
    recipe: Recipe
    tensors: Mapping[str, NDArray[Any]] | None = None
    notes: tuple[str, ...] = ()

    def packed(self) -> bytes | None:
        """Return the content of ``initial.safetensors``; None for random weights.

        Raises:
            ModelError: the weights are not those of the net.
        """
        from convscope.training import initial  # which loads torch

        return None if self.tensors is None else initial.packed(self.net, self.tensors)


def start(asked: Asked, recipe: Recipe) -> Start:
    """Find the net, its weights and the data of a run.

    Raises:
        FieldError: a setting has an invalid value, or a pattern names no layer.
        UnknownNameError: there is no such data set, ``init`` or ``scale``.
        ShapeError: the net does not fit the data.
        ModelError: the weights do not belong to the net.
        DataError: the data set cannot be used.
    """
    if asked.init not in INITS:
        raise unknown("start", str(asked.init), INITS)
    found = opened(asked, recipe)
    return _fitted(found.brought, found.dataset, recipe, asked.seed)


def opened(asked: Asked, recipe: Recipe) -> Opened:
    """Open a net and a data set.

    Raises:
        ConvscopeError: as for :func:`start`.
    """
    source = recipe.net if asked.net is None else asked.net
    size, found = _size(source, asked, recipe)
    brought = bring(source, input=size, weights=asked.weights, seed=asked.seed)
    brought = brought.without() if asked.init == "random" else brought
    dataset = found or registry.find(recipe.data, brought.net.input, skip_bad=asked.skip_bad, report=asked.prepared)
    return Opened(brought, _scaled(dataset, asked.scale, brought))


def again(job: Job, weights: int) -> Start:
    """Return the start of a run that repeats another, with its net, data, settings and initial weights.

    Args:
        job: the other run.
        weights: the size of its weights [byte].

    Raises:
        RunError: its initial weights are damaged.
        DataError: its data cannot be used.
    """
    dataset = registry.find(name_of(job.dataset), job.net.input)
    if SCALED in job.dataset.notes:
        dataset = _scaled_as(dataset, job.dataset.mean, job.dataset.std)
    settings = job.recipe.changed(net=str(job.net), data=dataset.name)
    if INITIAL not in job.seals:
        return Start(job.net, dataset, settings)
    from convscope.training import initial

    found = {name: one.numpy() for name, one in initial.tensors(job.path, job.seals, weights).items()}
    return Start(job.net, dataset, settings, found, (f"training starts from the weights that {job.path} started from",))


def _size(source: object, asked: Asked, recipe: Recipe) -> tuple[object, Dataset | None]:
    """Return the size of the input, and the data set if it states the size."""
    if asked.input is not None or isinstance(source, Net | Run) or _states_size(source):
        return asked.input, None
    if isinstance(source, str):
        kind = recipe.data.partition(":")[0]
        shape = registry.DATASETS[kind].shape if kind in registry.DATASETS else spelled(recipe.data).shape
        if shape is not None or not named.is_own(source):
            return (to_text(shape) if shape else None), None
    dataset = registry.find(recipe.data, None, skip_bad=asked.skip_bad, report=asked.prepared)
    return to_text(dataset.shape), dataset


def _states_size(source: object) -> bool:
    """Return whether a source states the size of its input: a text or a file, or a model of Keras."""
    if isinstance(source, str):
        return is_run(source) or not named.is_name(source)
    return not any(f"{kind.__module__}.{kind.__qualname__}" == _MODULE for kind in type(source).__mro__)


_MODULE = "torch.nn.modules.module.Module"
"""The class of models that do not state the size of their input."""


def _scaled(dataset: Dataset, scale: object, brought: Brought) -> Dataset:
    """Return the data set with the scale that the net expects."""
    if scale is None:
        run = brought.run
        same = run is not None and brought.tensors is not None and run.dataset.shape[0] == dataset.shape[0]
        return _scaled_as(dataset, run.dataset.mean, run.dataset.std) if run and same else dataset
    if isinstance(scale, str):
        if scale not in SCALES:
            raise unknown("scale", scale, SCALES)
        pair: Any = SCALES[scale]
        return dataset if pair is None else _scaled_as(dataset, *pair)
    return _scaled_as(dataset, *_pair(scale, dataset.shape[0]))


def _scaled_as(dataset: Dataset, mean: Any, std: Any) -> Dataset:
    """Return the data set with another scale, which its facts state."""
    if (mean, std) == (dataset.mean, dataset.std):
        return dataset
    return replace(dataset, mean=mean, std=std, notes={**dataset.notes, SCALED: "not that of these images"})


def _pair(scale: object, channels: int) -> tuple[Any, Any]:
    """Return mean and deviation, each a number or one for each channel."""
    what, expected = f"the scale {scale!r:.80}", f"mean and standard deviation, 0 to 1, or {channels} of each"
    if not isinstance(scale, tuple | list) or len(scale) != 2:
        raise FieldError(what, expected=expected)
    found: list[Any] = []
    for one in scale:
        values = one if isinstance(one, tuple | list) else [one] * channels
        if len(values) != channels or not all(isinstance(value, int | float) and 0 <= value <= 1 for value in values):
            raise FieldError(what, expected=expected)
        found.append(tuple(map(float, values)) if len(set(values)) > 1 else float(values[0]))
    lists = any(isinstance(one, tuple) for one in found)
    mean, std = ((one if isinstance(one, tuple) or not lists else (one,) * channels) for one in found)
    if 0 in (std if isinstance(std, tuple) else (std,)):
        raise FieldError("the scale divides by 0", expected=expected)
    return mean, std


def _fitted(brought: Brought, dataset: Dataset, recipe: Recipe, seed: int) -> Start:
    """Return the start, with a head for the classes of the data set."""
    net, notes, tensors = brought.net, list(brought.notes), brought.tensors
    frozen: tuple[str, ...] = ()
    if tensors is not None:
        net.check_single("outputs", "training")
        from convscope.training import initial

        known = brought.run.dataset.classes if brought.run else None
        fit = head.fitted(net, dataset.classes, known)
        values = sum(one.size for one in tensors.values())
        notes.insert(0, f"training starts from the weights of {brought.source}: {values:,} values")
        notes += [fit.note] * bool(fit.note)
        net, tensors = fit.net, initial.with_head(fit, tensors, seed)
        notes += _skipped(recipe)
        frozen = _frozen(brought, net, notes)
    elif brought.left:
        net.check_single("outputs", "training")
        fit = head.fitted(net, dataset.classes)
        net = fit.net
        notes += [fit.note] * bool(fit.note)
    settings = recipe.changed(net=str(net), data=dataset.name, freeze=(*recipe.freeze, *frozen))
    if settings.freeze:
        names = freezing.frozen(net, settings.freeze)
        layers = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
        notes.append(f"frozen: {listed(layers, most=SHOWN)}")
    return Start(net, dataset, settings, tensors, tuple(notes))


def _skipped(recipe: Recipe) -> list[str]:
    """Describe settings of a recipe that only concern random weights."""
    left = [name for name in ("dirac", "whiten") if getattr(recipe, name)]
    return [f"{' and '.join(left)} of the recipe would replace these weights, so they are left out"] if left else []


def _frozen(brought: Brought, net: Net, notes: list[str]) -> tuple[str, ...]:
    """Return the tensors that stay frozen because they are so in the model."""
    names = [f"{layer.node.name}.{one}" for layer in net for one in freezing.trained(layer)]
    frozen = [name for name in brought.frozen if name in names]
    if frozen and len(frozen) == len(names):
        notes.append("every layer is frozen in the model: all of them are trained")
        return ()
    return tuple(frozen)
