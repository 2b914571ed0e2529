"""Every code block of README and docs runs; a folder without blocks fails."""

import doctest
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import convscope as cs
from convscope.cli import run
from convscope.training.recipe import find

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, kind: str) -> list[str]:
    return [text for name, text in BLOCK.findall(page.read_text(encoding="utf-8")) if name == kind]


def pages_with(kind: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, kind)]


def test_there_is_something_to_run() -> None:
    for kind, least in (("python", 2), ("console", 1), ("text", 1)):
        assert len(pages_with(kind)) >= least, kind


@pytest.mark.parametrize("page", pages_with("python"), ids=lambda page: page.name)
def test_python(page: Path) -> None:
    names: dict[str, object] = {"__name__": page.stem}
    for text in blocks(page, "python"):
        exec(compile(text, str(page), "exec"), names)  # noqa: S102 -- our own pages


def test_the_recipe_on_its_page_is_one_and_says_what_fast_says(tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "reference" / "recipes.md", "toml")
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    fast, mine = find("fast"), find(str(path))
    assert mine == fast.changed(name="mine", epochs=2.0, net=mine.net)
    assert cs.read(mine.net).output == (10,)


def commands(text: str) -> Iterator[tuple[list[str], str]]:
    """Each ``$ command`` with the output below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield shlex.split(command), output


@pytest.mark.parametrize("page", pages_with("console"), ids=lambda page: page.name)
def test_console(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    for text in blocks(page, "console"):
        for (program, *arguments), expected in commands(text):
            assert program == "convscope"
            run(arguments)
            said = "".join(capsys.readouterr())
            assert like(expected, said), f"{arguments}: the page says\n{expected}\nbut it prints\n{said}"


def like(expected: str, said: str) -> bool:
    """Equal, where an ellipsis stands for anything."""
    same = doctest.OutputChecker().check_output(expected.replace("…", "..."), said, doctest.ELLIPSIS)
    return same or said.startswith(expected.removesuffix("…\n")) if expected.endswith("…\n") else same


def test_a_wrong_page_would_be_found() -> None:
    assert like("a … c\n", "a b c\n")
    assert not like("a … d\n", "a b c\n")


NETS = [(page, line) for page in pages_with("text") for text in blocks(page, "text") for line in text.splitlines()]


@pytest.mark.parametrize(("page", "line"), NETS, ids=[line[:20] for _, line in NETS])
def test_nets_in_the_notation(page: Path, line: str) -> None:
    assert page.suffix == ".md"
    net = re.split(r" {3,}", line)[0]
    assert len(cs.read(net if net.startswith("input") else f"input 32x32x64, {net}")) >= 1
