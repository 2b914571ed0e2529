"""The base of the structs of the explorer's document."""

from __future__ import annotations

import msgspec


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the document: frozen, complete, and without unknown fields."""
