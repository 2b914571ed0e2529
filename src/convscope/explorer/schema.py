"""The JSON Schema of the document and the TypeScript types of the page, both generated from the structs.

``scripts/schema`` writes both files; a test fails if either differs from what the structs say.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from textwrap import wrap
from typing import Any, Literal

import msgspec

from convscope.explorer import document, document_lesson, document_net, document_reads, document_run
from convscope.explorer.struct import Struct

WIDE = 120
"""The longest line of the generated types."""

MODULES = (document_reads, document_net, document_run, document_lesson, document)
"""The files with the structs, in order."""

ALIASES: dict[str, Any] = {
    "Read": document_reads.Read,
    "Setting": document_net.Setting,
    "Condition": document_lesson.Condition,
    "Question": document_lesson.Question,
}
"""Unions that have a name."""

PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def parts() -> list[type[msgspec.Struct]]:
    """Return the structs of the document in the order of the files."""
    found = (
        one for module in MODULES for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__
    )
    return [one for one in found if isinstance(one, type) and issubclass(one, Struct)]


def described(struct: type[msgspec.Struct]) -> tuple[str, dict[str, str]]:
    """Return what the docstring of a struct says of it, and of each field.

    >>> described(document.Origin)[1]["words"]
    'the source in words, for a reader; never a path of this machine.'
    """
    text = inspect.cleandoc(struct.__doc__ or "")
    head, _, attributes = text.partition("\nAttributes:\n")
    entries = re.split(r"\n(?=    \w+: )", f"\n{attributes.rstrip()}")[1:]
    pairs = (entry.strip().partition(": ") for entry in entries)
    return _line(head), {name: _line(words) for name, _, words in pairs}


def _line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document, with the description of each field."""
    schema = msgspec.json.schema(document.Document)
    for struct in parts():
        own = schema["$defs"].get(struct.__name__)
        if own:
            head, fields = described(struct)
            own["description"] = head
            own["required"] = list(own["properties"])  # what has a default in the file of a lesson is written out here
            for name, words in fields.items():
                own["properties"][name]["description"] = words
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": document.SCHEMA, **schema}


def json_text() -> str:
    """Return the file of the JSON Schema."""
    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode() + "\n"


def type_text(hint: Any) -> str:
    """Return a type in TypeScript.

    >>> type_text(tuple[int, ...]), type_text(tuple[int, str] | None), type_text(dict[str, Literal["a", "b"]])
    ('number[]', '[number, string] | null', 'Record<string, "a" | "b">')
    """
    named = next((name for name, alias in ALIASES.items() if alias == hint), None)
    if named:
        return named
    if hint in PLAIN:
        return PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint.__name__
    return _composed(typing.get_origin(hint), typing.get_args(hint))


def _composed(origin: Any, inner: tuple[Any, ...]) -> str:
    """Return a type that consists of others in TypeScript."""
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in inner)
    if origin in {types.UnionType, typing.Union}:
        return _union(inner)
    if origin is dict:
        return f"Record<string, {type_text(inner[1])}>"
    if origin is tuple and inner[-1] is not Ellipsis:
        return f"[{', '.join(map(type_text, inner))}]"
    if origin is tuple:
        element = type_text(inner[0])
        return f"({element})[]" if " | " in element else f"{element}[]"
    raise TypeError(f"{origin} has no counterpart in TypeScript")


def _union(inner: tuple[Any, ...]) -> str:
    return " | ".join(dict.fromkeys(map(type_text, inner)))


def _comment(words: str, pad: str) -> list[str]:
    """Return a comment in one or more lines."""
    if len(pad) + len(words) + 7 <= WIDE:
        return [f"{pad}/** {words} */"]
    lines = wrap(words, WIDE - len(pad) - 3, break_long_words=False, break_on_hyphens=False)
    return [f"{pad}/**", *(f"{pad} * {line}" for line in lines), f"{pad} */"]


def _interface(struct: type[msgspec.Struct]) -> list[str]:
    """Return the lines of an interface."""
    head, fields = described(struct)
    hints = typing.get_type_hints(struct)
    tag = struct.__struct_config__.tag
    lines = [*_comment(head, ""), f"export interface {struct.__name__} {{"]
    lines += [f'  {struct.__struct_config__.tag_field}: "{tag}";'] if tag else []
    for name in struct.__struct_fields__:
        lines += [*_comment(fields[name], "  "), f"  {name}: {type_text(hints[name])};"]
    return [*lines, "}", ""]


def types_text() -> str:
    """Return the file of the TypeScript types."""
    lines = ["// Generated from src/convscope/explorer/document*.py by scripts/schema; never edited.", ""]
    lines += [*_comment("The version of the document that this page reads.", "")]
    lines += [f'export const SCHEMA = "{document.SCHEMA}";', ""]
    for struct in parts():
        lines += _interface(struct)
    for name, alias in ALIASES.items():
        lines += [f"export type {name} = {_union(typing.get_args(alias))};", ""]
    return "\n".join(lines)


FILES = {
    "docs/reference/explorer.schema.json": json_text,
    "src/convscope/explorer/page/document.ts": types_text,
}
"""The generated files, relative to the checkout, and what makes each."""
