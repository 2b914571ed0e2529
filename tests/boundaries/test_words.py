"""Words that no user reads: each has a better one, which the glossary of the field's terms or plain English gives.

Read are all texts of the code that are not its own documentation (errors, notes, labels, help), the docstrings that
users see (commands, checks, public names), and every page. All other docstrings and comments are read for turns of
phrase that are foreign to technical English.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import convscope

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "convscope"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

WORDS = {
    # the field's term, and what it was called
    r"pictures?": "image",
    r"learned (numbers?|tensors?)": "parameter",
    r"(whole|real) numbers?": "integer, float",
    r"stored (numbers?|tensors?)": "constant, buffer",
    r"kinds? of numbers?|numbers? of (an unknown|the|a) kind": "dtype",
    r"numbers of (an?|the|that|its) (image|input|model|net|tensor|weights?|constant|kernel)": "values",
    r"(without|has no|have no) numbers": "without values; on the meta device",
    r"misread|read wrongly": "misclassified",
    r"judge[ds]?|judging": "evaluate",
    r"said": "predicted, stated",
    r"told(?! apart|\()": "reported, given, stated",
    r"worked out": "computed",
    r"brought out": "exported",
    r"wiped out|taken away": "removed",
    r"looked into": "inspected",
    r"taken in": "fused, folded",
    r"by chance|of chance": "random",
    r"strangers?": "untrusted",
    r"seen? whole|sees? (it|(an?|the) \w+) whole|sees? a whole": "covered by the receptive field",
    r"many processes": "data-parallel, distributed",
    r"hulls?": "upper bound",
    r"share right": "accuracy",
    r"(?<!reasons )(?<!lag )behind": "after",
    r"go(es)? on(?! forever)": "resume, continue",
    r"comes? back": "repeat, return",
    r"numbers that are": "values that are",
    # plain English
    r"(?<!there )(is|are|was|were) no (?!longer|more|less|larger|smaller|deeper|fewer)\w+": "is not a",
    r"none of that name": 'there is no … "name"',
    r"as one that": "as an opaque layer",
    r"so many-th": "every n-th",
    r"to be meant|are meant|is meant": "too large; valid",
    r"in the position of": "in place of",
    r"go(es)? together": "match, are compatible",
    r"goes with(out)?|go with": "requires; cannot be used with",
    r"leave out files": "skip",
    r"instead of (that|those) of the recipe": "by default",
    r"vouched for": "verified",
    r"stand(s|ing)? over": "overhang",
    r"of nothing|from nothing": "empty",
    r"for itself": "by itself, independently",
    r"so many": "that many; say how many",
    r"slope of the gradient|length of the gradient": "gradient norm",
}
"""What is not written, as a regular expression of words, and what is."""

DIALECT = {
    r"anew": "again; computed on each call",
    r"whoever|somebody|nobody": "name the code or the person that acts",
    r"work(s|ed)? out": "compute",
    r"look(s|ed)? into|looked (at|for)": "inspect, examine, search",
    r"so many|so large a|so high": "a number of; the most …",
    r"is told|are told|told (by|from|apart|of)": "reported, determined, distinguished",
    r"(each|one|it) (for|by) itself": "independently",
    r"what (is|must be) known": "the state, the facts",
    r"in (its|their|the) stead": "in place of, instead",
    r"(loses?|lost|keeps?|have|has) (its|their) place": "position",
    r"(is|are) taken for": "counts as",
    r"the most of it|seen otherwise": "a sentence that says what is meant",
}
"""What is not written in any documentation of the code either, public or not, and in no comment."""


def compiled(words: dict[str, str]) -> dict[re.Pattern[str], str]:
    """Each pattern, with what is written instead."""
    return {re.compile(rf"\b(?:{word})\b", re.IGNORECASE): better for word, better in words.items()}


FORBIDDEN, INTERNAL = compiled(WORDS), compiled(DIALECT)


def text_of(node: ast.AST) -> str | None:
    """A literal text; what is put into it is shown as braces."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "" if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def documented(tree: ast.Module, names: frozenset[str], *, module: bool) -> Iterator[str]:
    """The docstrings that users see: those of commands, of public names and, of a check, of its module."""
    if module:
        yield ast.get_docstring(tree) or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            command = any("command" in ast.unparse(one) or "group" in ast.unparse(one) for one in node.decorator_list)
            if command or node.name in names:
                yield ast.get_docstring(node) or ""


def texts(source: str, names: frozenset[str] = frozenset(), *, module: bool = False) -> Iterator[str]:
    """What users may read of a file of code."""
    tree = ast.parse(source)
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in bare or (id(node) in inner and isinstance(node, ast.Constant)):
            continue
        text = text_of(node)
        if text and " " in text.strip():
            yield text
    yield from documented(tree, names, module=module)


def prose(page: str) -> str:
    """A page without the names in it that stand as code."""
    return re.sub(r"`[^`\s]+`", "", page)


def remarks(source: str) -> Iterator[str]:
    """All documentation and comments of a file of code, without examples."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield re.split(r"^\s*>>> ", node.value.value, maxsplit=1, flags=re.MULTILINE)[0]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def hits(text: str, forbidden: dict[re.Pattern[str], str] = FORBIDDEN) -> list[str]:
    """Each word of a text that is not written, with what surrounds it and what to write."""
    flat = " ".join(text.split())
    return [
        f"{flat[max(0, found.start() - 30) : found.end() + 30]!r}: say {better}"
        for words, better in forbidden.items()
        for found in words.finditer(flat)
    ]


def found() -> dict[str, list[str]]:
    """The words by file."""
    names = frozenset(convscope.__all__)
    all_texts = {
        path: list(texts(path.read_text(encoding="utf-8"), names, module=path.parent.name == "checks"))
        for path in sorted(SOURCE.rglob("*.py"))
    } | {path: [prose(path.read_text(encoding="utf-8"))] for path in PAGES}
    assert sum(map(len, all_texts.values())) > 2000
    return {
        str(path.relative_to(ROOT)): [one for text in texts for one in hits(text)] for path, texts in all_texts.items()
    }


def test_texts_are_written_in_the_words_of_the_field() -> None:
    wrong = {path: words for path, words in found().items() if words}
    assert not wrong, "\n".join(f"{path}: {word}" for path, words in wrong.items() for word in words)


def test_documentation_of_the_code_is_plain_english() -> None:
    all_remarks = {
        path.relative_to(ROOT): list(remarks(path.read_text(encoding="utf-8"))) for path in sorted(SOURCE.rglob("*.py"))
    }
    assert sum(map(len, all_remarks.values())) > 5000
    wrong = [f"{path}: {hit}" for path, some in all_remarks.items() for text in some for hit in hits(text, INTERNAL)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "planted",
    [
        'def _f():\n    """How many there are, worked out anew each time."""',
        '"""Bytes, told by its header."""',
        "x = 1  # whoever reads it, looks for it there",
    ],
)
def test_a_foreign_turn_of_phrase_would_be_found(planted: str) -> None:
    assert any(hits(text, INTERNAL) for text in remarks(planted))
    assert not [
        hit
        for text in remarks('def f():\n    """Return it.\n\n    >>> "told by"\n    """')
        for hit in hits(text, INTERNAL)
    ]


@pytest.mark.parametrize(
    "planted",
    [
        'raise DataError(f"{path} is no file")',
        'raise ShapeError("groups", expected="a whole number")',
        'note = f"what {name} said"',
        'raise UsageError("--strict goes with --resume")',
        '@main.command()\ndef look():\n    """Judge a run by its pictures."""',
        'def read():\n    """Layers that cannot be looked into."""',
    ],
)
def test_a_bad_word_would_be_found(planted: str) -> None:
    assert any(hits(text) for text in texts(planted, frozenset({"read"})))


def test_names_in_code_and_internal_documentation_are_left_alone() -> None:
    source = 'said = {"picture": 1}\n\ndef _f():\n    """The picture behind."""\n'
    assert not [one for text in texts(source) for one in hits(text)]
    assert not hits(prose("`PictureError` is called `ImageError`; there is no file; no longer than 5"))
