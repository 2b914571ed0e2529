"""The command that writes a page about a net or a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convscope.cli.choices import NET
from convscope.cli.common import DEVICE, INPUT, JSON, OWN_DATA, THREADS, cli, note_state, show, with_data
from convscope.cli.outputs import out, refuse_own
from convscope.inert import inert
from convscope.streams import say
from convscope.training.contents import REPORT

if TYPE_CHECKING:
    from convscope.cli.common import Size
    from convscope.cli.outputs import Out


@cli.command()
@click.argument("source", metavar="RUN|NET", type=NET)
@THREADS
@OWN_DATA
@DEVICE
@INPUT
@out((".html",), f"Write the page to FILE, by default {REPORT} in the run folder, or here for a net")
@JSON
def report(source: str, data: str | None, device: str | None, size: Size, out: Out | None, *, as_json: bool) -> None:
    r"""Write a page about a run or a net.

    The page is one file that needs no network and no script, and can be mailed.

    \b
    Examples:
      convscope report runs/mnist-fast-seed0
      convscope report runs/mnist-fast-seed0 -o for-the-teacher.html
      convscope report "input 28x28x1, conv 8 3x3 bn relu, gap, linear 10" -o net.html
    """
    from convscope.reporting.report import report as made

    note_state(source, images=data is None)
    found = made(with_data(source, data), input=size, device=device)
    path = Path(out.path) if out else Path(source if found.run else "", REPORT)
    refuse_own(path, source, data)
    found.save(path)
    if as_json:
        show({"schema": "convscope/report/1", "path": str(path), "facts": dict(found.facts),
              "sections": [part.title for part in found.sections]})  # fmt: skip
    else:
        say(inert(str(path)))
