"""The command that lists available recipes, data sets and so on."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import one_of, ops
from convscope.cli.common import JSON, cli
from convscope.cli.outputs import deliver, out, tabled
from convscope.docstrings import documentation
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convscope.cli.outputs import Out

    Row = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """Entries of one kind; prints itself as a table.

    Attributes:
        kind: their kind.
        rows: a value for each column, with the same columns in every row.
    """

    kind: str
    rows: tuple[Row, ...]

    def grid(self) -> Grid:
        """Return the table as a figure part."""
        columns = tuple(Column(name, right=name in NUMBERS, widest=70) for name in self.rows[0])
        return Grid(columns, tuple(tuple(_cell(value) for value in row.values()) for row in self.rows))

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/list/1``."""
        return {"schema": "convscope/list/1", "kind": self.kind, "rows": list(self.rows)}

    def __str__(self) -> str:
        return self.grid().to_text()


NUMBERS = {"epochs", "params", "classes", "train", "test"}
"""The columns with numbers."""


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def _recipes() -> Iterator[Row]:
    """List the recipes, with the accuracy that their files state."""
    from importlib import import_module

    from convscope.training.recipe import RECIPES, find

    for name, module in RECIPES.items():
        recipe, told = find(name), documentation(import_module(module))
        accuracy = re.search(r"Measured\b.*?(\d+\.\d+ ± \d+\.\d+ %)", told, re.DOTALL)
        what = " ".join(told.partition("\n\n")[0].split()).partition(": ")[2].removesuffix(".")
        yield {"name": name, "data": recipe.data, "epochs": recipe.epochs,
               "accuracy": accuracy[1] if accuracy else None, "what": what}  # fmt: skip


def _data() -> Iterator[Row]:
    """List the named data sets, then the kinds of users' own sets."""
    from convscope.core.shape import to_text
    from convscope.data.kinds import kinds
    from convscope.data.registry import DATASETS

    for name, found in DATASETS.items():
        yield {"name": name, "size": to_text(found.shape), "classes": len(found.classes),
               "train": found.counts["train"], "test": found.counts["test"], "licence": found.licence}  # fmt: skip
    unknown = dict.fromkeys(("size", "classes", "train", "test", "licence"))
    yield from ({"name": f"{kind.name}:{kind.what}", **unknown} for kind in kinds().values())


def _ops() -> Iterator[Row]:
    """List the ops of the notation."""
    from convscope.core.op import REGISTRY, usage

    for name in ops():
        what = documentation(REGISTRY[name]).partition("\n")[0].replace("``", "")
        yield {"name": name, "written": usage(REGISTRY[name]), "what": what.removesuffix(".")}


def _checks() -> Iterator[Row]:
    """List the checks of a design."""
    from convscope.checks.registry import CHECKS, title

    return ({"code": code, "what": title(code)} for code in CHECKS)


def _formats() -> Iterator[Row]:
    """List the formats of nets, by suffix."""
    from convscope.cli.write import SUFFIXES
    from convscope.frontends import READERS

    reads = {".cnn": "notation", ".py": "a function in it, FILE.py:FUNCTION"}
    reads |= {suffix: module.rpartition(".")[2] for suffix, module in READERS.items()}
    for suffix in dict.fromkeys([*reads, *SUFFIXES]):
        yield {"suffix": suffix, "read": reads.get(suffix), "written": " or ".join(SUFFIXES.get(suffix, ())) or None}


def _models() -> Iterator[Row]:
    """List the packages whose models are read by name."""
    from convscope.frontends.named import PACKAGES

    examples = {"torchvision": "resnet18", "timm": "convnext_tiny", "keras": "ResNet50"}
    for name in PACKAGES:
        installed = importlib.util.find_spec(name) is not None
        yield {"name": f"{name}:MODEL", "installed": installed, "example": f"{name}:{examples.get(name, 'MODEL')}"}


KINDS: dict[str, Callable[[], Iterator[Row]]] = {
    "recipes": _recipes,
    "data": _data,
    "ops": _ops,
    "checks": _checks,
    "formats": _formats,
    "models": _models,
}
"""The kinds that can be listed."""


@cli.command("list")
@click.argument("kind", type=one_of("kind of thing to list", *KINDS), metavar=f"[{'|'.join(KINDS)}]")
@out(tabled("List", Listing.grid))
@JSON
def list_(kind: str, out: Out | None, *, as_json: bool) -> None:
    r"""List recipes, data sets, ops and more.

    \b
    recipes  the settings that train a net, with the accuracy that was measured
    data     data sets with a name, and how your own are named
    ops      the layers of the notation, and how each is written
    checks   the faults that convscope check finds
    formats  the files that nets are read from and written to
    models   the packages whose models are read by name

    \b
    Examples:
      convscope list recipes
      convscope list ops --json
      convscope list checks -o checks.md
    """
    deliver(Listing(kind, tuple(KINDS[kind]())), out, as_json=as_json)
