"""The sweep of the learning rate: ``convscope train --find-lr``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from convscope.cli.outputs import Out, deliver, drawn, plain, refuse_own, suffix_in
from convscope.streams import tell

TAKEN = ("data", "recipe", "seed", "batch", "freeze", "init", "weights", "scale", "balance", "skip_bad", "threads")
"""Options of ``train`` that a sweep takes by the same names."""

MORE = ("net", "size", "out", "device", "find_lr", "quiet", "as_json")
"""The others that may be given with it."""

FORMS = drawn(lambda found: found.figure()) | {".json": plain}


def swept(context: click.Context, given: dict[str, Any], *, as_json: bool) -> int:
    """Sweep the learning rate and deliver the result.

    Raises:
        UsageError: an option is given that only concerns a training.
        ConvscopeError: as for :func:`convscope.find_lr`.
    """
    stated = {name for name in context.params if _is_stated(context, name)}
    refused = sorted(stated - set(TAKEN) - set(MORE))
    if refused:
        names = {one.name: one.opts[-1] for one in context.command.params}
        raise click.UsageError(f"--find-lr cannot be used with {', '.join(str(names[name]) for name in refused)}")
    out = Out(given["out"], suffix_in(given["out"], FORMS), FORMS) if "out" in stated else None
    refuse_own(out, *(given[name] for name in ("net", "data", "recipe", "weights") if isinstance(given[name], str)))
    from convscope.training.environment import accelerator
    from convscope.training.find_lr import find_lr

    if place := accelerator(given["device"]):
        tell(f"training on {place}")
    kept = {name: given[name] for name in TAKEN}
    found = find_lr(given["net"], input=given["size"], device=given["device"], note=tell, prepared=_prepared, **kept)
    deliver(found, out, as_json=as_json, drawing=out is not None and Path(out.path).suffix.lower() != ".json")
    return 0


def _is_stated(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _prepared(done: int, total: int) -> None:
    tell(f"prepared {done:,} of {total:,} images")
