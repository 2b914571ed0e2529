"""``convscope.look``: one call for every figure of a net."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.analyze.support import places
from convscope.backends.device import CPU, find
from convscope.data.pixels import for_net
from convscope.errors import FieldError, unknown
from convscope.lens.explain import Saliency, explain
from convscope.lens.features import Features, features
from convscope.lens.field import Reach, reach
from convscope.lens.image import input_image
from convscope.lens.kernels import Kernels, kernels
from convscope.lens.kinds import LENSES, LISTS
from convscope.lens.mistakes import Mistakes, mistakes
from convscope.lens.subject import subject
from convscope.lens.worst import Worst, labels, worst
from convscope.training.run import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from convscope.analyze.support import At
    from convscope.lens.subject import Subject
    from convscope.training.session import Report

Looked = Kernels | Features | Reach | Saliency | Mistakes | Worst


def look(  # noqa: PLR0913 -- the options, by keyword
    source: object,
    what: str = "features",
    *,
    image: object = None,
    layer: str | None = None,
    at: At | None = None,
    classes: str | None = None,
    top: int | None = None,
    folds: int | None = None,
    data: object = None,
    input: object = None,  # noqa: A002 -- the word of the notation
    seed: int = 0,
    device: str | torch.device = CPU.name,
    progress: Report | None = None,
) -> Looked:
    """Show what a net has learned: kernels, feature maps, receptive field, attributions, mistakes, or images to check.

    Args:
        source: a run, a run folder, a net, or anything that :func:`convscope.read` takes.
        what: ``kernels``, ``features``, ``field``, ``saliency``, ``mistakes``, ``worst`` (the test images with the
            highest loss) or ``labels`` (images whose label is likely wrong).
        image: an image file, ``test:N`` for the N-th test image of the run, an image of Pillow, or an array or a
            tensor ``c h w`` or ``h w``: uint8, or values as the net expects them. For a run, its first test image by
            default.
        layer: name of a layer; by default, chosen by a rule that the result states.
        at: the unit of ``field``, as for :func:`convscope.support` (``(5, 5)`` or ``"5,5"``); the position in a map of
            scores for ``saliency``.
        classes: the class to explain for ``saliency``; a cell, ``true,predicted``, for ``mistakes``.
        top: the number of images of ``worst`` and ``labels``; 20 by default.
        folds: for ``labels``, search the training images as well: the net is trained that many times, 2 to 20, each
            time without a fold of them, which it then predicts.
        data: name of the run's data set, for a run that this user did not train here.
        input: size of the input, for models that do not state it.
        seed: for random weights, if the net has none, and for the random orders of the checks.
        device: where to compute, as for :func:`convscope.train`; one image takes less time than the start of a GPU.
        progress: called every few steps while nets are trained for ``folds``; by default a terminal or a notebook shows
            it.

    Raises:
        UnknownNameError: there is no such kind of figure, layer, class or device.
        FieldError: an option does not apply to this kind of figure, or the layer lacks what it needs.
        ImageError: the image cannot be read, does not fit the net, or is missing.
        RunError: the run is damaged or not finished.
        ShapeError: the net does not take images, or its images need more memory than is free.

    >>> look("input 9x9x1, conv 1 3x3, relu, gap", "field", at=(0, 6)).layer
    'relu1'
    """
    if what not in LENSES:
        raise unknown("lens", what, LENSES)
    taken = for_net(image)
    asked = {"image": taken, "layer": layer, "at": at, "classes": classes, "top": top, "folds": folds}
    for name, value in asked.items():
        if value is not None and name not in LENSES[what]:
            raise FieldError(f"{what} does not depend on {name}", expected=f"only {', '.join(LENSES[what])}")
    unit, place = None if at is None else places(at), find(device)
    given = source if data is None else load(str(source), data=data)
    seen = subject(given, input=input, seed=seed, device=place)
    with place.exact():
        if what in LISTS:
            return worst(seen, top) if what == "worst" else labels(seen, top, folds=folds, progress=progress)
        return _looked(seen, what, taken, layer, unit, classes, seed)


def _looked(  # noqa: PLR0913 -- the options
    seen: Subject,
    what: str,
    image: str | Path | NDArray[Any] | None,
    layer: str | None,
    unit: Sequence[int | tuple[int, int]] | None,
    classes: str | None,
    seed: int,
) -> Looked:
    if what == "kernels":
        return kernels(seen, layer)
    if what == "mistakes":
        return mistakes(seen, image, classes)
    if what == "field":
        return reach(seen, image, layer, unit, seed=seed)
    if what == "features":
        return _features(seen, image, layer)
    return explain(seen, input_image(seen, image), layer, at=_unit(unit), name=classes, seed=seed)


def _features(seen: Subject, image: str | Path | NDArray[Any] | None, layer: str | None) -> Features:
    seen.batch()  # refuses nets that do not fit into memory
    return features(seen, input_image(seen, image), layer)


def _unit(given: Sequence[int | tuple[int, int]] | None) -> tuple[int, ...] | None:
    if given is None:
        return None
    if not isinstance(given, tuple | list) or not all(isinstance(one, int) for one in given):
        raise FieldError("saliency explains one position of a map of scores", expected="at y,x")
    return tuple(one for one in given if isinstance(one, int))
