"""A copy of a run for others: a complete run folder in which no path of the user's machine occurs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from convscope import files
from convscope.data.dataset import title_of
from convscope.data.facts import Facts
from convscope.errors import RunError
from convscope.training import contents, metrics, seal
from convscope.training import run as runs
from convscope.training.contents import CARD, DATA, ENV, METRICS, MODEL, NET, RECIPE, REPORT
from convscope.training.decode import from_json
from convscope.training.recipe import to_toml

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.training.run import Run

SHORT = 4
"""Texts of fewer letters are not searched for: ``/`` is in every address."""

LARGEST = 2**26
"""Limit for the files that describe a run [byte]."""


def copied(run: Run, folder: Path, note: Callable[[str], None]) -> tuple[str, ...]:
    """Write a copy of a finished run into an empty folder, and return the names of its files.

    The data set is named without the folders above it, file names are left out of its facts, and weights that the
    training started from are not copied. The copy has seals of its own and is read once, as a check.

    Args:
        run: the run.
        folder: an empty folder.
        note: called with what is left out.

    Raises:
        RunError: the run is not finished, or a file of it cannot be read.
    """
    if run.step:
        raise RunError(f"{run.path} is not finished", attempt=f"convscope train --resume {run.path}")
    held = _held(run)
    written = _settings(run, held)
    texts = {name: contents.read(run.path, name, LARGEST) for name in (CARD, REPORT, ENV)}
    texts[METRICS] = b"".join(line + b"\n" for _, line in metrics.read(run.path).lines)
    for name, content in texts.items():
        if content and any(one.encode() in content for one in held):
            note(f"{name} is left out: it holds a path of this machine")
        elif content:
            written[name] = content
    with files.Folder(run.path) as source, source.opened(MODEL) as file:
        written[MODEL] = file.read()
    with files.Folder(folder) as made:
        for name, content in written.items():
            made.write(name, content)
    seals = {name: files.sha256(written[name]) for name in (NET, RECIPE, DATA)}
    whole = {**seals, MODEL: files.sha256(written[MODEL])}
    seal.write(folder, seals, replace(run.result, sha256=whole))
    runs.load(folder)
    return tuple(sorted(one.name for one in folder.iterdir()))


def _held(run: Run) -> tuple[str, ...]:
    """Return the paths of this machine that must not leave it."""
    _, mark, data = run.dataset.name.partition(":")
    places = [Path.home(), Path.cwd(), run.path.resolve(), run.path.resolve().parent]
    named = [data] if mark and Path(data).is_absolute() else []
    found = {str(one) for one in places} | set(named) | {str(Path(one).parent) for one in named}
    return tuple(one for one in found if len(one) >= SHORT)


def _settings(run: Run, held: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files that decide the result, without paths."""
    title = title_of(run.dataset.name)
    recipe = to_toml(msgspec.structs.asdict(run.recipe.changed(data=title_of(run.recipe.data))))
    content = contents.read(run.path, DATA) or b""
    facts = from_json(content, Facts, run.path / DATA)
    clean = msgspec.structs.replace(facts, name=title, notes=_without(facts.notes, held))
    return {
        NET: f"{run.net}\n".encode(),
        RECIPE: f"{to_toml({'seed': run.seed})}\n\n[recipe]\n{recipe}\n".encode(),
        DATA: clean.to_json(),
    }


def _without(value: Any, held: tuple[str, ...]) -> Any:
    """Return plain data without texts that hold a path, and without the entries whose names do.

    >>> _without({"skipped": ["/home/me/a.png"], "ink": True, "size": "28x28"}, ("/home/me",))
    {'skipped': [], 'ink': True, 'size': '28x28'}
    """
    if isinstance(value, dict):
        return {key: _without(one, held) for key, one in value.items() if not _holds(key, held)}
    if isinstance(value, list | tuple):
        return [_without(one, held) for one in value if not _holds(one, held)]
    return None if _holds(value, held) else value


def _holds(value: Any, held: tuple[str, ...]) -> bool:
    return isinstance(value, str) and (any(one in value for one in held) or Path(value).is_absolute())
