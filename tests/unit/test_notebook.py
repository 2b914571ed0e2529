"""What a result shows in a notebook: what a terminal shows, or more; a fragment without scripts."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import convscope as cs
from convscope import notebook as watched
from convscope.inert import in_html
from convscope.progress import Progress, shown_where_watched
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
    """Stands in for IPython: what it shows, each time in the place of what it showed before."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.display = SimpleNamespace(display=self.shown)

    def get_ipython(self) -> ZMQInteractiveShell:
        return ZMQInteractiveShell()

    def shown(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> SimpleNamespace:
        assert display_id
        self.update(bundle, raw=raw)
        return SimpleNamespace(update=self.update)

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.seen.append(bundle)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    found = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", found)
    monkeypatch.setitem(sys.modules, "IPython.display", found.display)
    return found


def test_curves_follow_a_training_in_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notebook: Notebook
) -> None:
    monkeypatch.setattr(watched, "EVERY", 0.0)
    cs.train(TRAINED, epochs=0.05, out=tmp_path)
    first, *middle, last = notebook.seen
    assert first["text/plain"] == "loading"
    assert len(middle) > 1
    assert all("<progress" in one["text/html"] for one in middle)
    assert middle[0]["text/plain"].startswith("epoch 0.02  step 10/23  train loss")
    assert last["text/plain"].startswith("epoch 0.0491/0.0491  train ")
    html = shown(SimpleNamespace(_repr_html_=lambda: last["text/html"]))
    assert html.count('stroke-width="1.8"') == 2  # loss and accuracy
    assert "<progress" not in html
    assert in_html(last["text/plain"]) in html


def test_a_notebook_is_updated_every_half_second_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, notebook: Notebook
) -> None:
    clock = [100.0]
    monkeypatch.setattr(watched, "seconds", lambda: clock[0])
    with shown_where_watched() as report:
        for step in range(1, 101):
            clock[0] += 0.1
            validation: dict[str, Any] = {"ends": step % 10 == 0, "val_loss": 1.0, "val_accuracy": 0.4}
            report(Progress(step, 200, step / 10, 1 / step, 0.5, 0.01, step / 10, step * 64, 20, **validation))
        before = len(notebook.seen)
        assert before in range(18, 23)
        assert "step 100/200" not in notebook.seen[-1]["text/plain"]
    assert len(notebook.seen) == before + 1
    assert "step 100/200" in notebook.seen[-1]["text/plain"]
    assert "validation" in notebook.seen[-1]["text/html"]


def test_a_drawing_of_a_long_training_stays_small() -> None:
    found = watched.Curves(1000.0)
    for at in range(20_000):
        found.add(at / 20, (1.0, 0.5), (1.0, 0.5))
    assert len(found.figure("").to_html()) < 60_000


def test_kernels_that_derive_from_that_of_jupyter_are_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shell(ZMQInteractiveShell):
        """As in Colab."""

    for shell, expected in ((Shell(), True), (None, False), (object(), False)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert watched.is_here() is expected
    monkeypatch.delitem(sys.modules, "IPython")
    assert not watched.is_here()


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
