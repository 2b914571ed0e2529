"""The sections about a trained net in a report: mistakes, kernels, feature maps, receptive field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.errors import ConvscopeError
from convscope.lens.choose import along_the_net
from convscope.lens.features import features
from convscope.lens.field import reach
from convscope.lens.image import input_image
from convscope.lens.kernels import kernels
from convscope.lens.mistakes import mistakes
from convscope.lens.worst import worst
from convscope.reporting.page import Section
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.lens.subject import Subject
    from convscope.training.evaluate import Predicted
    from convscope.view.figure import Figure


MAPS = 24
"""The most channels of a layer that are drawn, since a page shows six layers."""


ABSENT = "The images of the run are not where they were, or have changed: --data names them."


def seen_sections(seen: Subject, predicted: Predicted | None) -> tuple[Section, ...]:
    """Return the sections in order; one that cannot be shown for this net, or without its images, says why."""
    shown = _section("Kernels", lambda: [kernels(seen, None).figure()])
    if predicted is None:
        return Section("Mistakes", text_html(ABSENT)), shown, Section("Feature maps", text_html(ABSENT))
    return (
        _section(
            "Mistakes",
            lambda: [mistakes(seen, predicted=predicted).figure(), worst(seen, predicted=predicted).figure()],
        ),
        shown,
        _section(
            "Feature maps",
            lambda: [
                features(seen, input_image(seen, f"test:{at}"), layer).figure(MAPS)
                for at in chosen(predicted)
                for layer in along_the_net(seen.net)
            ],
        ),
        _section("Receptive field", lambda: [reach(seen, f"test:{chosen(predicted)[0]}", None, None, seed=0).figure()]),
    )


def chosen(predicted: Predicted) -> tuple[int, ...]:
    """Return the first correctly classified test image, and the misclassified one with the highest confidence."""
    right, wrong = predicted.right.nonzero()[0], (~predicted.right).nonzero()[0]
    found = [int(right[0])] if len(right) else []
    if len(wrong):
        found.append(int(wrong[predicted.confidence[wrong].argmax()]))
    return tuple(found)


def _section(title: str, draw: Callable[[], list[Figure]]) -> Section:
    try:
        return Section(title, "".join(figure.to_html() for figure in draw()))
    except ConvscopeError as error:  # a net without kernels, a run without mistakes: the other sections are unaffected
        return Section(title, text_html(error.told()))
