"""The one table of what a run folder consists of."""

from pathlib import Path

from convscope.training import contents
from convscope.training.run import Run

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "never-lose-a-run.md"


def test_the_page_shows_the_table() -> None:
    assert contents.to_markdown() in PAGE.read_text(encoding="utf-8")


def test_every_file_of_a_run_stands_in_the_table(short_run: Run) -> None:
    assert {path.name for path in short_run.path.iterdir()} <= set(contents.FILES)


def test_what_decides_is_sealed_and_what_describes_is_not() -> None:
    assert contents.SETTINGS == ("net.cnn", "recipe.toml", "data.json")
    assert all(content.decides == (content.sealed != "nothing") for content in contents.CONTENTS)
