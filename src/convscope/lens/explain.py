"""Attribution of a score to pixels by four methods, each with two checks of its trustworthiness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from convscope.errors import FieldError
from convscope.lens.attribution import Attribution
from convscope.lens.choose import Choice, before, with_map
from convscope.lens.drawing.saliency import draw
from convscope.lens.gradcam import gradcam, on_image, why_empty
from convscope.lens.image import nothing
from convscope.lens.integrated import STEPS, integrated
from convscope.lens.occlusion import occlusion, window
from convscope.lens.saliency import gradient, strongest
from convscope.lens.score import classes_of, score_of, target
from convscope.lens.span import number
from convscope.lens.trust import Trust, deletion, randomised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from convscope.backends.torch import TorchNet
    from convscope.lens.image import InputImage
    from convscope.lens.score import Score, Target
    from convscope.lens.subject import Subject
    from convscope.view.figure import Figure


@dataclass(frozen=True, eq=False)
class Saliency:
    """The attributions of a score to pixels; prints itself.

    Attributes:
        source: the run or net that is shown.
        weights: the origin of the weights, in words.
        image: the input image.
        target: the class whose score is explained.
        score: the score before any softmax.
        probability: probability of the class.
        nothing: description of the value that replaces a removed pixel.
        found: the attribution of each method.
        trust: the two checks of each, in the same order.
        classes: the true and the predicted class of the image, in words; empty if neither is known.
    """

    source: str
    weights: str
    image: InputImage
    target: Target
    score: float
    probability: float
    nothing: str
    found: tuple[Attribution, ...]
    trust: tuple[Trust, ...]
    classes: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/lens-saliency/4``."""
        return {
            "schema": "convscope/lens-saliency/4",
            "source": self.source,
            "weights": self.weights,
            "image": self.image.name,
            "class": self.target.name,
            "predicted": self.target.predicted,
            "classes": self.classes,
            "at": list(self.target.position),
            "score": self.score,
            "probability": self.probability,
            "nothing": self.nothing,
            "methods": [
                {**one.to_json(), "trust": trust.to_json()} for one, trust in zip(self.found, self.trust, strict=True)
            ],
        }

    def figure(self) -> Figure:
        """The drawing."""
        return draw(self)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __str__(self) -> str:
        lines = [
            f"attributions for {self.target}, weights {self.weights}",
            f"image      {self.image.name}, {self.image.scale}",
            *([f"classes    {self.classes}"] if self.classes else []),
            f"score      {number(self.score)}, probability {100 * self.probability:.1f} %",
            f"removed    pixels become {self.nothing}",
        ]
        for one, trust in zip(self.found, self.trust, strict=True):
            lines += ["", str(one), f"  {one.meaning}", *(f"  {line}" for line in str(trust).splitlines())]
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True)
class _Case:
    """The question to explain: why this score for this image?"""

    subject: Subject
    x: Tensor
    target: Target
    empty: Tensor
    layer: Choice | None
    layer_note: str
    batch: int

    def score(self, model: TorchNet) -> Score:
        return score_of(self.subject, self.target, model)

    def gradient(self, model: TorchNet) -> Attribution:
        values = gradient(self.score(model), self.x)
        heat = strongest(values)[0].cpu().numpy()
        return Attribution(
            "gradient", heat, values[0].cpu().numpy(), "absolute gradient of the score with respect to each pixel"
        )

    def integral(self, model: TorchNet) -> Attribution:
        score = self.score(model)
        values = integrated(score, self.x, self.empty, batch=self.batch)
        with torch.inference_mode():
            change = float((score(self.x) - score(self.empty.expand_as(self.x))).item())
        missed = abs(float(values.cpu().sum(dtype=torch.float64)) - change)
        return Attribution(
            "integrated gradients",
            values.sum(1)[0].cpu().numpy(),
            values[0].cpu().numpy(),
            f"each pixel's contribution to the score on the path from the baseline, {STEPS} steps",
            note=f"the score changes by {number(change)}; the contributions differ from that by {number(missed)}",
        )

    def cam(self, model: TorchNet) -> Attribution:
        assert self.layer
        units = gradcam(model, self.x, self.target, self.layer.name)[0].cpu().numpy()
        heat = on_image(self.subject.net, self.layer.name, units.clip(0))
        return Attribution(
            "Grad-CAM", heat, units, "feature maps weighted by their gradients, negative values set to 0",
            layer=self.layer.name, why=self.layer.why, note=self.layer_note,
        )  # fmt: skip

    def covered(self, model: TorchNet) -> Attribution:
        sides = [window(side) for side in self.x.shape[2:]]
        size, step = (sides[0][0], sides[1][0]), (sides[0][1], sides[1][1])
        found = occlusion(self.score(model), self.x, self.empty, size, step, batch=self.batch).cpu().numpy()
        meaning = f"drop in score when a {size[0]}x{size[1]} patch is covered, stride {step[0]}x{step[1]}"
        return Attribution("occlusion", found, found[None], meaning)

    def probability(self, x: Tensor) -> Tensor:
        """Return the probability of the class; for a single score, its logistic function."""
        scores = self.target.all(self.subject.model(x))
        return torch.sigmoid(scores[:, 0]) if scores.shape[1] == 1 else scores.softmax(1)[:, self.target.number]


def explain(  # noqa: PLR0913 -- the parts of the question
    subject: Subject,
    image: InputImage,
    layer: str | None = None,
    *,
    at: Sequence[int] | None = None,
    name: str | None = None,
    seed: int = 0,
) -> Saliency:
    """Explain the score of the predicted class, or of another one.

    Args:
        subject: the net.
        image: the input image.
        layer: the layer for Grad-CAM; by default the last one before the scores with a map larger than 1x1. Without
            such a layer, Grad-CAM is omitted.
        at: position in the output if that is a map.
        name: name of the class; by default the predicted class.
        seed: for the random parts of the checks.

    Raises:
        UnknownNameError: there is no such layer or class.
        FieldError: the layer has no map, or ``at`` lies outside the output.
    """
    wanted, (empty, words) = target(subject, image, name, at), nothing(subject)
    chosen, note = _shown(subject, image, wanted, _layer(subject, layer))
    case = _Case(subject, image.taken, wanted, empty, chosen, note, subject.batch())
    methods = [case.gradient, case.integral, *([case.cam] if chosen else []), case.covered]
    found = tuple(method(subject.model) for method in methods)
    trust = tuple(_trust(case, method, one, seed) for method, one in zip(methods, found, strict=True))
    with torch.inference_mode():
        score, share = case.score(subject.model)(image.taken).item(), case.probability(image.taken).item()
    return Saliency(
        subject.name, subject.weights, image, wanted, score, share, words, found, trust, classes_of(subject, image)
    )


def _layer(subject: Subject, name: str | None) -> Choice | None:
    try:
        return with_map(subject.net, name)
    except FieldError:
        if name is not None:
            raise
        return None


def _shown(subject: Subject, image: InputImage, wanted: Target, chosen: Choice | None) -> tuple[Choice | None, str]:
    """Return the layer, at or before the chosen one, on which Grad-CAM is not empty, and the reason for choosing it."""
    if chosen is None:
        return None, ""
    why = why_empty(subject.model, image.taken, wanted, chosen.name)
    if not why:
        return chosen, ""
    for name in before(subject.net, chosen.name):
        if not why_empty(subject.model, image.taken, wanted, name):
            words = f"the layer before {chosen.name}, where Grad-CAM is empty: {why}"
            return Choice(subject.net[name], words), ""
    return chosen, f"Grad-CAM is empty, also on every layer before: {why}"


def _trust(case: _Case, method: Callable[[TorchNet], Attribution], found: Attribution, seed: int) -> Trust:
    return Trust(
        randomised(case.subject.copy(), lambda model: method(model).heat, seed=seed),
        deletion(case.probability, case.x, case.empty, found.heat, batch=case.batch, seed=seed),
    )
