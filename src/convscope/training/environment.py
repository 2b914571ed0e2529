"""The environment of a run: versions, processor, threads, device. It describes a run and affects no result.

Bit-equal weights are guaranteed only if all of these are the same, so a run that resumes elsewhere reports differences.
Facts that ``env.json`` does not state, or that cannot be read, are unknown: ``null`` there, "unknown" in print.
"""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import torch

from convscope import files
from convscope.backends.device import CPU, find
from convscope.backends.machine import cores, cpu_name
from convscope.errors import ConvscopeError, RunError
from convscope.training import contents
from convscope.training.contents import ENV
from convscope.training.decode import Count, from_json
from convscope.training.loop import uses_bfloat16
from convscope.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from convscope.backends.device import Device
    from convscope.training.recipe import Recipe
    from convscope.training.run import Job

Word = Annotated[str, msgspec.Meta(max_length=200)]
FACTS: dict[str, Any] = {
    "convscope": Word,
    "python": Word,
    "torch": Word,
    "numpy": Word,
    "system": Word,
    "cpu": Word,
    "cores": Count,
    "threads": Count,
    "precision": Word,
    "device": Word,
}
"""The facts that are kept, with their types."""

ALWAYS = {"device": CPU.name}
"""Facts that runs of earlier versions do not state, as there was nothing else."""

RESUMED = "resumed"
"""The environments in which the run was resumed elsewhere, as a list of the same facts."""

Environment = dict[str, str | int | None]
"""A value for each fact; None means unknown."""


def here(recipe: Recipe, device: Device = CPU) -> Environment:
    """Return the environment of this process."""
    return {
        "convscope": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "precision": "bfloat16" if uses_bfloat16(recipe.precision, device) else "float32",
        "device": device.described(),
    }


def shown(value: object) -> str:
    """Return a fact as text.

    >>> shown(2), shown(None)
    ('2', 'unknown')
    """
    return "unknown" if value is None else str(value)


def noted(run: Path) -> tuple[Environment, list[Environment], str]:
    """Return where a run began, where it was resumed, and what is wrong with ``env.json`` (empty if nothing is)."""
    try:
        read = contents.read(run, ENV)
        found: dict[str, Any] = {} if read is None else from_json(read, dict[str, Any], run / ENV)
    except RunError as error:
        return _known({}), [], error.what
    began, later = _known(found), found.get(RESUMED, [])
    on = [_known(one) for one in later if isinstance(one, dict)] if isinstance(later, list) else []
    if read is None:
        return began, on, f"{run / ENV} is missing"
    lacking = ", ".join(name for name, value in began.items() if value is None)
    return began, on, f"{run / ENV} does not state {lacking}" if lacking else ""


def _known(found: dict[str, Any]) -> Environment:
    """Return the facts in a file that have the right type."""
    stated = {**ALWAYS, **found} if found else {}
    return {name: _as(stated.get(name), kind) for name, kind in FACTS.items()}


def _as(value: object, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


def content(began: Environment, on: Sequence[Environment] = ()) -> bytes:
    """Return ``env.json`` of a run that began in one environment and was resumed in others."""
    told: dict[str, Any] = {**began, **({RESUMED: list(on)} if on else {})}
    return (json.dumps(told, indent=1) + "\n").encode()


def accelerator(name: str | torch.device | None) -> str:
    """Describe the device of that name; empty for the CPU.

    Raises:
        UnknownNameError, FieldError: as for :func:`convscope.backends.device.find`.
    """
    place = find(name)
    return "" if place is CPU else place.described()


def began_on(run: Path) -> Device:
    """Return the device on which a run began, or the default one if this machine does not have it."""
    name, _, _ = str(noted(run)[0]["device"]).partition(",")
    try:
        return find(name)
    except ConvscopeError:
        return find()


def go_on(job: Job, device: Device = CPU) -> list[str]:
    """Record where a run resumes; return the facts that differ from where it began or are unknown.

    Raises:
        RunError: the folder cannot be written.
    """
    now = here(job.recipe, device)
    began, on, damage = noted(job.path)
    differ = [f"{name} was {began[name]}, is {now[name]}" for name in now if began[name] not in {None, now[name]}]
    told = [*([damage] if damage else []), *differ]
    if told:
        with files.Folder(job.path) as folder:
            folder.write(ENV, content(began, [*on, now]))
    moved = "the weights will differ, since each device rounds sums in its own order"
    return [
        f"{what}: {moved if what.startswith('device was') else 'the weights may differ in the last bits'}"
        for what in told
    ]
