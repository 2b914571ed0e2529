"""The page about a run or a net: its numbers are the run's, and it needs nothing from outside of the file."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import convscope as cs
from convscope.cli import run as command
from convscope.errors import WriteError
from convscope.explorer import page as built
from convscope.reporting.of_net import ribbons
from convscope.reporting.report import LARGEST, Report
from convscope.training.run import Run

SECTIONS = [
    "The net", "Training", "Mistakes", "Kernels", "Feature maps", "Receptive field", "Layers", "Checks",
    "Provenance",
]  # fmt: skip
NET = "input 8x8x1, conv 4 3x3 p1, relu, conv 8 3x3, gap, linear 3"


class Page(HTMLParser):
    """Tags, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


TRAINED = "input 28x28x1, conv 4 5x5 s4 relu, linear 10"
"""What is trained where only the page counts."""


@pytest.fixture(scope="module")
def report(short_run: Run) -> Report:
    return cs.report(short_run)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(report.to_html())


def test_all_sections_are_there_and_linked(page: Page) -> None:
    headings = [at for at, (tag, _) in enumerate(page.tags) if tag == "h2"]
    ids = [page.tags[at][1]["id"] for at in headings]
    links = [told["href"] for tag, told in page.tags if tag == "a"]
    assert ids == ["-".join(title.lower().split()) for title in SECTIONS]
    assert links == [f"#{name}" for name in ids]


def test_nothing_comes_from_outside_and_nothing_runs(page: Page) -> None:
    for tag, told in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}
        assert not [name for name in told if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            value = told.get(name)
            assert value is None or value.startswith(("#", "data:image/png;base64,"))
    policy = [told["content"] for tag, told in page.tags if told.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_the_numbers_are_those_of_the_run(page: Page, report: Report, short_run: Run) -> None:
    facts = dict(report.facts)
    assert facts["test accuracy"] == f"{100 * short_run.result.accuracy:.2f} %"
    assert facts["params"].startswith(f"{short_run.result.params:,}")
    text = " ".join(page.words)
    for value in (*facts.values(), *short_run.result.sha256.values(), str(short_run.net)):
        assert value in text
    matrix = cs.evaluate(short_run).confusion
    drawn = [int(word.replace(",", "")) for word in page.words if re.fullmatch(r"[\d,]+", word)]
    for at, row in enumerate(matrix):
        assert row[at] in drawn


def test_it_is_light_and_dark_and_small(report: Report, tmp_path: Path) -> None:
    path = report.save(tmp_path / "r.html")
    text = path.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert path.stat().st_size < 1_000_000


def test_a_bar_is_as_tall_as_its_cost_and_nothing_joins_layers() -> None:
    net = cs.read(NET)
    paths = re.findall(r'<path d="([^"]*)" fill="#', ribbons(net).to_svg())
    assert len(paths) == 3
    rows = net.table().rows
    for path, costs in zip(
        paths, zip(*((r.params, r.macs, r.activation_bytes) for r in rows), strict=True), strict=True
    ):
        bars = re.findall(r"M[\d.]+ [\d.]+v-([\d.]+)h[\d.]+v([\d.]+)Z", path)
        assert path.count("M") == len(bars) == sum(cost > 0 for cost in costs)
        tall = [float(up) for up, down in bars if up == down]
        assert tall == pytest.approx([max(1, 54 * cost / max(costs)) for cost in costs if cost], abs=0.03)


def test_a_net_alone_has_a_page_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["report", NET, "-o", str(tmp_path / "n.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sections"] == ["The net", "Layers", "Checks"]
    assert Path(told["path"]).read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.usefixtures("bundle")
def test_training_ends_in_two_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["train", TRAINED, "--epochs", "0.01", "--out", str(tmp_path), "--quiet"]
    assert command(asked) == 0
    made = tmp_path / "mnist-fast-seed0"
    last = capsys.readouterr().out.splitlines()[-2:]
    assert last == [f"report {made / 'report.html'}", f"explorer {made / 'explorer.html'}"]
    assert all(Path(line.partition(" ")[2]).is_file() for line in last)
    assert (made / "explorer.html").stat().st_size < 5_000_000
    assert command([*asked, "--no-report", "--name", "plain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["report"] is told["explorer"] is None
    assert not [path for path in (tmp_path / "plain").iterdir() if path.suffix == ".html"]


def test_a_page_that_is_not_built_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(built, "BUNDLE", tmp_path / "nowhere")
    built.part.cache_clear()
    assert command(["train", TRAINED, "--epochs", "0.01", "--out", str(tmp_path / "runs"), "--quiet"]) == 0
    built.part.cache_clear()
    told = capsys.readouterr()
    assert "note: explorer.html is left out: MissingExtraError: the explorer's page is not built" in told.err
    assert told.out.splitlines()[-1].startswith("report ")


def test_a_run_stands_even_where_its_page_cannot_be_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Path:
        raise WriteError("no room")

    monkeypatch.setattr(Report, "save", full)
    assert command(["train", TRAINED, "--epochs", "0.01", "--out", str(tmp_path), "--quiet"]) == 0
    told = capsys.readouterr()
    assert "warning: no report: WriteError: no room" in told.err
    assert cs.load_run(tmp_path / "mnist-fast-seed0").result.accuracy > 0


def test_a_page_that_is_too_large_is_not_written(tmp_path: Path) -> None:
    made = cs.report(NET)
    large = Report("x" * LARGEST, made.subtitle, made.facts, made.sections)
    with pytest.raises(WriteError, match="5,000,000 at most"):
        large.save(tmp_path / "x.html")
    with pytest.raises(WriteError, match="cannot be written"):
        made.save(tmp_path / "no" / "x.html")
    assert list(tmp_path.iterdir()) == []


def test_what_the_user_wrote_is_escaped() -> None:
    made = Report("<b>&", "<i>", (("<u>", "<s>"),), cs.report(NET).sections)
    found = {tag for tag, _ in Page(made.to_html()).tags}
    assert not found & {"b", "i", "u", "s"}
