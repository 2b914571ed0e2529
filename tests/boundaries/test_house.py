"""Sizes, public names, docstrings."""

import ast
import statistics
from pathlib import Path

import convscope

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "src").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION, MEDIAN, P90 = 400, 60, 6, 25


def function_lengths(tree: ast.Module) -> list[int]:
    """Lines of each function, its docstring not counted."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            found.append((node.end_lineno or 0) - node.lineno + 1 - (text.count("\n") + 1 if text else 0))
    return found


def test_files_and_functions_are_small() -> None:
    assert FILES
    lengths = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= LONGEST_FILE, path
        lengths += function_lengths(ast.parse(text))
    assert max(lengths) <= LONGEST_FUNCTION
    assert statistics.median(lengths) <= MEDIAN
    assert statistics.quantiles(lengths, n=10)[-1] <= P90


def test_a_long_function_would_be_found() -> None:
    assert function_lengths(ast.parse("def f():\n" + "    x = 1\n" * 70)) == [71]


def test_public_names_are_sorted_and_there() -> None:
    assert convscope.__all__ == sorted(convscope.__all__)
    for name in convscope.__all__:
        assert getattr(convscope, name) is not None
    assert set(convscope.__all__) <= set(dir(convscope))


def test_every_module_says_what_it_is() -> None:
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
