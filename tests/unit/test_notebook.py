"""What a result shows in a notebook: what a terminal shows, or more; a fragment without scripts."""

from typing import Any

import pytest

import convscope as cs
from convscope.training.run import Run

NET = cs.read("input 8x8x1, conv 4 3x3, relu, conv 2 3x3")
RESULTS: dict[str, Any] = {
    "net": NET,
    "table": NET.table(),
    "field": NET.field("conv2", at=(1, 1)),
    "support": cs.support(NET, "conv2", at=(1, 1)),
    "effective": cs.effective(NET, "conv2"),
    "depth": cs.depth(28),
    "memory": cs.memory(NET),
    "check": cs.check(NET),
    "compare": cs.compare(NET, NET),
    "verify": cs.verify(NET),
    "kernels": cs.look(NET, "kernels"),
    "activations": cs.activations(["relu"]),
}


def shown(result: Any) -> str:
    html = result._repr_html_()
    assert isinstance(html, str)
    for word in ("<script", " src=", "onload", "onclick", "@import", "url("):
        assert word not in html
    return html


@pytest.mark.parametrize("name", RESULTS)
def test_results_show_themselves(name: str) -> None:
    html = shown(RESULTS[name])
    numbers = [word for word in str(RESULTS[name]).replace(",", " ").split() if word.isdigit() and len(word) > 1]
    assert [number for number in numbers if number not in html.replace(",", " ")] == []


def test_runs_and_what_they_say(short_run: Run) -> None:
    assert short_run.score() in shown(short_run)
    judged = cs.evaluate(short_run)
    assert judged.score() in shown(judged)
    shown(cs.report(short_run))
    for what in ("features", "field", "saliency", "mistakes"):
        assert "<svg" in shown(cs.look(short_run, what))
