"""The published schema and the types of the page are those of the structs."""

import json
from pathlib import Path

import msgspec
import pytest

from convscope.explorer import schema
from convscope.explorer.struct import Struct

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", schema.FILES)
def test_generated_files_are_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == schema.FILES[name](), "run scripts/schema"


def test_another_field_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Input(Struct, frozen=True):
        """Another.

        Attributes:
            name: its name.
            width: a new field.
        """

        name: str
        width: int

    before = schema.types_text()
    monkeypatch.setattr(schema, "parts", lambda: [Input])
    made = schema.types_text()
    assert made != before
    assert "  /** a new field. */\n  width: number;" in made


@pytest.mark.parametrize("struct", schema.parts(), ids=lambda struct: struct.__name__)
def test_every_field_is_described(struct: type[msgspec.Struct]) -> None:
    head, fields = schema.described(struct)
    assert head.endswith(".")
    assert tuple(fields) == struct.__struct_fields__
    assert all(words.endswith(".") for words in fields.values())


def test_the_schema_is_closed() -> None:
    """A field that nobody knows is an error, and every field is required: nothing is silently left out."""
    found = json.loads(schema.json_text())
    for name, one in found["$defs"].items():
        if "properties" in one:
            assert one["additionalProperties"] is False, name
            assert set(one["required"]) == set(one["properties"]), name
