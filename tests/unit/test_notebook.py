"""What a result shows in a notebook: what a terminal shows, or more; a fragment without scripts."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
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
    html = shown(cs.report(short_run))
    assert html.count("<svg") == 1
    assert "<section" not in html
    assert ".save(" in html
    for what in ("features", "field", "saliency", "mistakes", "worst"):
        assert "<svg" in shown(cs.look(short_run, what))


FIVE = Path(__file__).parents[2] / "docs" / "images" / "five.png"


def test_predictions_are_a_table_with_images(short_run: Run) -> None:
    found = cs.predict(short_run, [FIVE, FIVE])
    html = shown_with_images(found)
    assert html.count("<img") == 2
    assert f"<b>{found[0].label}</b>" in html
    assert "%" in html
    assert len(found) == 2
    assert [one.label for one in found] == [one.label for one in found[:2]]


def test_an_image_that_is_gone_is_shown_as_the_net_saw_it(short_run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "five<b>.png"
    copy.write_bytes(FIVE.read_bytes())
    found = cs.predict(short_run, copy)
    copy.unlink()
    html = shown_with_images(found)
    assert html.count("<img") == 1
    assert "five&lt;b&gt;.png" in html


def shown_with_images(result: Any) -> str:
    html = result._repr_html_()
    assert isinstance(html, str)
    assert "<script" not in html
    assert html.count(" src=") == html.count(' src="data:image/png;base64,')
    return html


def test_a_written_report_is_linked(short_run: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(short_run.path, tmp_path / "run")
    found = cs.report(copy)
    found.save(copy / "report.html")
    assert f'<a href="{copy}/report.html"' in found._repr_html_()


class ZMQInteractiveShell:
    """The name by which Jupyter's kernel is known."""


TRAINED = "input 28x28x1, maxpool 4, linear 10"


class Notebook:
    """What IPython shows."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.display = SimpleNamespace(display=self.shown, HTML=str)

    def get_ipython(self) -> ZMQInteractiveShell:
        return ZMQInteractiveShell()

    def shown(self, html: str, *, display_id: bool) -> SimpleNamespace:
        assert display_id
        self.seen.append(html)
        return SimpleNamespace(update=self.seen.append)


def test_training_shows_its_progress_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", notebook.display)
    cs.train(TRAINED, epochs=0.05, out=tmp_path)
    assert len(notebook.seen) > 2
    assert '<progress max="23" value="23"' in notebook.seen[-1]
    assert "train loss" in notebook.seen[-1]


def test_training_shows_its_progress_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cs.train(TRAINED, epochs=0.02, out=tmp_path, name="quiet")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    cs.train(TRAINED, epochs=0.02, out=tmp_path, name="watched")
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch" in err
