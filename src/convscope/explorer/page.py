"""The page in one file: its script, its styles and a document, which opens from disk without a network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.errors import MissingExtraError
from convscope.inert import in_html

if TYPE_CHECKING:
    from collections.abc import Iterable

BUNDLE = Path(__file__).with_name("bundle")
"""What ``scripts/page`` builds; it is in every wheel and sdist."""

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; worker-src blob:; "
    "font-src 'none'; form-action 'none'; base-uri 'none'"
)
"""Content security policy of a saved page: it reaches nothing outside of itself."""


@cache
def part(name: str) -> str:
    """Return a file of the bundle.

    Args:
        name: ``page.js`` or ``page.css``.

    Raises:
        MissingExtraError: the page has not been built, as in a checkout that was installed without a network.
    """
    path = BUNDLE / name
    if not path.is_file():
        raise MissingExtraError("the explorer's page is not built", attempt="pip install deno, then scripts/page")
    return path.read_text(encoding="utf-8")


def one_file(title: str, document: bytes) -> str:
    """Return the page as one file.

    Args:
        title: title of the page.
        document: a document as JSON.

    Raises:
        MissingExtraError: the page has not been built.
    """
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{in_html(title)}</title>",
            f"<style>{part('page.css')}</style></head><body>",
            f'<script type="application/json" id="convscope-document">{quoted(document)}</script>',
            f'<script type="module" id="convscope-page">{part("page.js")}</script>',
            "</body></html>",
            "",
        ]
    )


def served(title: str, capabilities: Iterable[str]) -> str:
    """Return the page of a server, which has its parts and the document from there.

    >>> "<script>" in served("<script>", ["confirm"])
    False
    """
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta name="convscope-link" content="http" data-capabilities="{in_html(" ".join(capabilities))}">',
            f'<title>{in_html(title)}</title><link rel="icon" href="data:,">',
            '<link rel="stylesheet" href="page.css"></head><body>',
            '<script type="module" src="page.js"></script>',
            "</body></html>",
            "",
        ]
    )


def quoted(document: bytes) -> str:
    r"""Return JSON without a ``<``, which only its strings have, so that no name ends the script that it stands in.

    >>> print(quoted(b'["</script><b>"]'))
    ["\u003c/script>\u003cb>"]
    """
    return document.decode().replace("<", "\\u003c")
