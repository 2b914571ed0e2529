"""What is shown passes one place: the streams for a terminal, ``convscope.inert`` for pages and drawings."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "convscope"
PRINTERS = {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}
ALLOWED = {"streams.py": {"click.echo"}, "cli/__init__.py": {"sys.stderr.write"}, "inert.py": {"html.escape"}}
"""By file; a command that is interrupted while it is loaded has no streams yet."""


def printers(tree: ast.AST) -> Iterator[str]:
    """What a file prints or escapes with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PRINTERS | {"html.escape"}:
            yield ast.unparse(node.func)
        elif isinstance(node, ast.ImportFrom) and node.module == "html":
            yield "html.escape"


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_is_printed_elsewhere(path: Path) -> None:
    found = set(printers(ast.parse(path.read_text(encoding="utf-8"))))
    assert found <= ALLOWED.get(path.relative_to(SOURCE).as_posix(), set())


@pytest.mark.parametrize("code", ["print('a')", "import click\nclick.echo(x)", "from html import escape"])
def test_a_planted_print_is_found(code: str) -> None:
    assert list(printers(ast.parse(code)))
