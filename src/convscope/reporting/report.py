"""A report about a net or a run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.core.shape import to_text
from convscope.errors import FieldError, WriteError
from convscope.files import put
from convscope.inert import in_html
from convscope.lens.subject import Subject, subject_on
from convscope.reporting.of_net import net_facts, net_sections
from convscope.reporting.of_run import course, provenance, run_facts
from convscope.reporting.page import Section, page
from convscope.reporting.seen import seen_sections
from convscope.training.contents import REPORT
from convscope.training.evaluate import Evaluation
from convscope.training.evaluate_run import has_images, predictions_of
from convscope.view.parts import fragment

if TYPE_CHECKING:
    from convscope.lens.subject import Place

LARGEST = 5_000_000
"""Limit for the size of a report [byte]."""


@dataclass(frozen=True)
class Report:
    """A page; a notebook shows its title, its facts and a small figure.

    Attributes:
        title: title of the page.
        subtitle: the line below it.
        facts: names and values at the top.
        sections: the sections in order.
        run: folder of the run, if it is about one.
    """

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    run: Path | None = None

    def to_html(self) -> str:
        """Return the complete page."""
        return page(self.title, self.subtitle, self.facts, self.sections)

    def save(self, path: str | Path) -> Path:
        """Write the page.

        Raises:
            FieldError: it is not a path.
            WriteError: the file cannot be written, or the page is larger than 5 MB.
        """
        if not isinstance(path, str | os.PathLike):
            raise FieldError(f"{path!r:.60} is not a path", expected="the name of a file")
        path, made = Path(path), self.to_html().encode()
        if len(made) > LARGEST:
            raise WriteError(f"the report would take {len(made):,} bytes", expected=f"{LARGEST:,} at most")
        put(path, made)
        return path

    def __str__(self) -> str:
        told = "\n".join(f"{name}: {value}" for name, value in self.facts)
        return f"{self.title}\n{self.subtitle}\n\n{told}\n\nsections: {', '.join(part.title for part in self.sections)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the title, the main facts, a small figure, and a link to the page if it has been written."""
        facts = "; ".join(f"{name} {value}" for name, value in self.facts)
        drawn = [part.html for part in self.sections[: 2 if self.run else 1] if "<svg" in part.html]
        small = re.search(r"<svg.*?</svg>", drawn[-1], re.DOTALL) if drawn else None
        thumbnail = f'<div style="overflow-x:auto">{small[0]}</div>' if small else ""
        page = self.run / REPORT if self.run else None
        if page and page.is_file():
            link = f'<a href="{in_html(str(page))}" target="_blank">{in_html(str(page))}</a>'
        else:
            link = "write the page: <code>.save(&quot;report.html&quot;)</code>"
        return fragment(f"<p><b>{in_html(self.title)}</b></p><p>{in_html(facts)}</p>{thumbnail}<p>{link}</p>")


def report(
    source: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    device: Place = None,
) -> Report:
    """Make a page about a run or a net.

    Args:
        source: a run, a run folder, a net, or anything that :func:`convscope.read` takes.
        input: size of the input, for models that do not state it.
        device: where a run is evaluated, as for :func:`convscope.train`.

    Raises:
        UnknownNameError: there is no such kind of device.
        FieldError: this machine does not have it.
        RunError: a run folder is damaged, or is not finished and has no checkpoint.
        DataError: the user named images, and they are not those of the run.
        ConvscopeError: as for :func:`convscope.read`.
    """
    seen = subject_on(device, source, input=input)
    with seen.device.exact():
        return _of_run(seen) if seen.run else _of_net(seen)


def _of_net(seen: Subject) -> Report:
    title = f"A net of {len(seen.net)} layers"
    return Report(title, f"input {to_text(seen.net.input)}", net_facts(seen.net), net_sections(seen.net))


def _of_run(seen: Subject) -> Report:
    run = seen.run
    assert run
    predicted = predictions_of(run, run.dataset, device=seen.device) if has_images(run) else None
    evaluation = Evaluation.of(predicted, run.dataset.classes, run.dataset.title) if predicted else None
    trained = f"trained on {run.dataset.count('train'):,} images"
    evaluated = f"evaluated on {evaluation.count:,}" if evaluation else "whose images are not at hand now"
    return Report(
        f"{run.dataset.slug}, recipe {run.recipe.name}, seed {run.seed}",
        f"run {run.path.resolve().name}: {trained}, {evaluated}",
        (*run_facts(run, evaluation), *net_facts(run.net)),
        (
            *net_sections(run.net)[:1],
            course(run),
            *seen_sections(seen, predicted),
            *net_sections(run.net)[1:],
            provenance(run),
        ),
        run.path,
    )
