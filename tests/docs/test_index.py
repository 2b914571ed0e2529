"""The index of the documentation names every page, and every link between pages leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "README.md"
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def links(page: Path, text: str) -> list[Path]:
    """The files that the relative links of a page lead to."""
    return [(page.parent / link).resolve() for link in LINK.findall(text)]


def unlisted(text: str) -> list[Path]:
    """Pages that the index does not name; of the folder of checks, the folder counts."""
    listed = set(links(INDEX, text))
    pages = [page for page in PAGES if page.is_relative_to(ROOT / "docs") and page != INDEX]
    return [page for page in pages if not {page, page.parent} & listed]


def test_the_index_names_every_page() -> None:
    assert not unlisted(INDEX.read_text(encoding="utf-8"))


def test_a_page_that_is_missing_in_the_index_would_be_found() -> None:
    text = INDEX.read_text(encoding="utf-8").replace("(howto/look.md)", "(howto/data.md)")
    assert unlisted(text) == [ROOT / "docs" / "howto" / "look.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not [str(path) for path in links(page, text) if not path.exists()]
