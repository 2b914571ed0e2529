"""The command that checks designs: a gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import NET, Known, one_of
from convscope.cli.common import INPUT, JSON, cli, dumped, show
from convscope.cli.numbers import AMOUNT, whole
from convscope.cli.outputs import deliver, listing, out, reported
from convscope.cli.settings import CONFIG
from convscope.streams import present

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convscope.checks import Report
    from convscope.cli.common import Size
    from convscope.cli.outputs import Make, Out

SCHEMA = "convscope/checks/1"
"""Schema of the reports of several nets."""

COLUMNS = ("net", "code", "level", "node", "what", "why", "do", "change")
"""Suffix of a file of findings."""

DTYPES = ("float32", "bfloat16", "float16", "int8", "float64")


@dataclass(frozen=True)
class Reports:
    """The reports of one net or several; prints itself."""

    reports: tuple[Report, ...]

    @property
    def passed(self) -> bool:
        """Whether no net has an error or a warning."""
        return all(report.passed for report in self.reports)

    def to_json(self) -> dict[str, Any]:
        """Return the plain data of the only net, or of all."""
        if len(self.reports) == 1:
            return self.reports[0].to_json()
        return {"schema": SCHEMA, "passed": self.passed, "nets": [report.to_json() for report in self.reports]}

    def to_sarif(self) -> dict[str, Any]:
        """SARIF 2.1.0."""
        from convscope.checks import sarif

        return sarif(self.reports)

    def rows(self) -> Iterator[dict[str, str]]:
        """Return a table with a row for each finding."""
        for report in self.reports:
            yield from ({"net": report.name, **finding.to_json()} for finding in report.findings)

    def __str__(self) -> str:
        """Return one report unchanged, or several under their names with a summary."""
        if len(self.reports) == 1:
            return str(self.reports[0])
        failed = sum(not report.passed for report in self.reports)
        named = [f"{report.name}\n\n{report}" for report in self.reports]
        told = f"{failed} failed" if failed else "all passed"
        return "\n\n".join([*named, f"{len(self.reports)} nets: {told}"])


FORMS: dict[str, Make] = reported("Check") | {
    ".csv": listing(*COLUMNS, rows=Reports.rows),
    ".sarif": lambda found: dumped(found.to_sarif()),
}


def _codes() -> Iterable[str]:
    from convscope.checks import CHECKS

    return CHECKS


CODE = Known("CODE", lambda _, __: _codes())


@cli.command()
@click.argument("nets", nargs=-1, metavar="NET...", type=NET)
@INPUT
@click.option("--object", "target", metavar="HxW", help="Size of the objects that a unit must cover.")
@click.option("--max-params", type=AMOUNT, metavar="N", help="Most parameters allowed, such as 20k or 20,000.")
@click.option("--max-macs", type=AMOUNT, metavar="N", help="Most multiply-adds (MACs) allowed, such as 2M.")
@click.option("--max-memory", type=AMOUNT, metavar="BYTES", help="Most memory allowed in inference, such as 64KiB.")
@click.option(
    "--max-weights", type=AMOUNT, metavar="BYTES", help="Most memory allowed for weights, such as 1MiB of flash."
)
@click.option(
    "--max-activations", type=AMOUNT, metavar="BYTES", help="Most memory allowed for activations at their peak."
)
@click.option(
    "--dtype",
    type=one_of("data type", *DTYPES),
    default="float32",
    show_default=True,
    help="Data type in which bytes are counted.",
)
@click.option(
    "--min-rf", type=whole(0), metavar="N", help="Smallest receptive field allowed for the last spatial layer."
)
@click.option("--ignore", multiple=True, type=CODE, help="Code of a check to leave out; repeat it for more.")
@click.option("--explain", type=CODE, help="Explain a check or a limit, and stop.")
@CONFIG
@click.option("--sarif", is_flag=True, help="Print SARIF 2.1.0, for code hosts.")
@out(FORMS)
@JSON
def check(
    nets: tuple[str, ...],
    size: Size,
    target: str | None,
    explain: str | None,
    out: Out | None,
    *,
    sarif: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    r"""Find design faults and check limits.

    Each finding says what is wrong, with its numbers, why it matters, what to do and what that would change. Limits
    and other options can be set in [tool.convscope] of the nearest pyproject.toml: max-params = "20k".

    Exit status 1 if there is an error or a warning in any of the nets; notes do not count.

    \b
    Examples:
      convscope check net.cnn --object 20x20
      convscope check net.cnn --max-params 20k --max-macs 2M --max-memory 64KiB --min-rf 28
      convscope check net.cnn --dtype int8 --max-weights 1MiB --max-activations 256KiB
      convscope check small.cnn large.cnn --ignore CS002 -o findings.sarif
      convscope check --explain CS011
    """
    from convscope.checks import page

    if sarif and (as_json or out):
        raise click.UsageError("give only one of --json, --sarif and --out")
    if explain and (nets or sarif or as_json or out):
        raise click.UsageError(
            "--explain prints the page of a check: it cannot be used with NET, --json, --sarif or --out"
        )
    if explain:
        present(page(explain))
        return 0
    if not nets:
        raise click.UsageError("Missing argument 'NET'.")
    found = Reports(tuple(_report(net, size, target, settings) for net in nets))
    if sarif:
        show(found.to_sarif())
    else:
        deliver(found, out, as_json=as_json)
    return 0 if found.passed else 1


def _report(net: str, size: Size, target: str | None, settings: dict[str, Any]) -> Report:
    from convscope.checks import check as ask
    from convscope.frontends import read

    return replace(ask(read(net, input=size), object=target, **settings), name=net)
