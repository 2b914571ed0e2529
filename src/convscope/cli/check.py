"""The command that checks designs: a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.common import INPUT, JSON, cli, show
from convscope.cli.numbers import AMOUNT, whole
from convscope.cli.settings import CONFIG
from convscope.streams import present

if TYPE_CHECKING:
    from convscope.checks import Report
    from convscope.cli.common import Size

SCHEMA = "convscope/checks/1"
"""Of the reports of several nets."""

DTYPES = ("float32", "bfloat16", "float16", "int8", "float64")


@cli.command()
@click.argument("nets", nargs=-1, metavar="NET...")
@INPUT
@click.option("--object", "target", metavar="HxW", help="Size of the objects that must be seen whole.")
@click.option("--max-params", type=AMOUNT, metavar="N", help="The most params, such as 20k or 20,000.")
@click.option("--max-macs", type=AMOUNT, metavar="N", help="The most multiply-adds, such as 2M.")
@click.option("--max-memory", type=AMOUNT, metavar="BYTES", help="The most memory in inference, such as 64KiB.")
@click.option("--max-weights", type=AMOUNT, metavar="BYTES", help="The most memory for weights, such as 1MiB of flash.")
@click.option("--max-activations", type=AMOUNT, metavar="BYTES", help="The most memory for activations at their peak.")
@click.option(
    "--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Type in which bytes are counted."
)
@click.option("--min-rf", type=whole(0), metavar="N", help="The smallest receptive field of the last map.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave a check out; may be given again.")
@click.option("--explain", metavar="CODE", help="Print the page of a check or a limit and stop.")
@CONFIG
@click.option("--sarif", is_flag=True, help="SARIF 2.1.0, for code hosts.")
@JSON
def check(
    nets: tuple[str, ...],
    size: Size,
    target: str | None,
    explain: str | None,
    *,
    sarif: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    r"""Find design faults and check limits.

    Each finding says what is wrong, with its numbers, why it matters, what to do and what that would change. Limits,
    and the other options, may stand in [tool.convscope] of the nearest pyproject.toml: max-params = "20k".

    Exit status 1 when there is an error or a warning in any of the nets; notes do not count.

    \b
    Examples:
      convscope check net.cnn --object 20x20
      convscope check net.cnn --max-params 20k --max-macs 2M --max-memory 64KiB --min-rf 28
      convscope check net.cnn --dtype int8 --max-weights 1MiB --max-activations 256KiB
      convscope check small.cnn large.cnn --ignore CS002 --sarif > findings.sarif
      convscope check --explain CS011
    """
    from convscope.checks import page
    from convscope.checks import sarif as findings

    if sarif and as_json:
        raise click.UsageError("give one of --json and --sarif")
    if explain:
        present(page(explain))
        return 0
    if not nets:
        raise click.UsageError("Missing argument 'NET'.")
    reports = [_report(net, size, target, settings) for net in nets]
    passed = all(report.passed for report in reports)
    if sarif:
        show(findings(reports))
    elif not as_json:
        present(_text(reports))
    elif len(reports) == 1:
        show(reports[0].to_json())
    else:
        show({"schema": SCHEMA, "passed": passed, "nets": [report.to_json() for report in reports]})
    return 0 if passed else 1


def _report(net: str, size: Size, target: str | None, settings: dict[str, Any]) -> Report:
    from convscope.checks import check as ask
    from convscope.frontends import read

    return replace(ask(read(net, input=size), object=target, **settings), name=net)


def _text(reports: list[Report]) -> str:
    """One report as it is; several under their names, with a last line for all."""
    if len(reports) == 1:
        return str(reports[0])
    failed = sum(not report.passed for report in reports)
    named = [f"{report.name}\n\n{report}" for report in reports]
    return "\n\n".join([*named, f"{len(reports)} nets: {f'{failed} failed' if failed else 'all passed'}"])
