"""The command that checks designs: a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.common import INPUT, JSON, cli, show
from convscope.cli.numbers import AMOUNT, whole
from convscope.streams import say

if TYPE_CHECKING:
    from convscope.cli.common import Size


@cli.command()
@click.argument("net", required=False)
@INPUT
@click.option("--object", "target", metavar="HxW", help="Size of the objects that must be seen whole.")
@click.option("--max-params", type=AMOUNT, metavar="N", help="The most params, such as 20k.")
@click.option("--max-macs", type=AMOUNT, metavar="N", help="The most multiply-adds, such as 2M.")
@click.option(
    "--max-memory", type=AMOUNT, metavar="BYTES", help="The most memory in inference, such as 64k (64,000 bytes)."
)
@click.option("--min-rf", type=whole(0), metavar="N", help="The least field of the last layer that keeps its place.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave a check out; may be given again.")
@click.option("--explain", metavar="CODE", help="Print the page of a check and stop.")
@click.option("--sarif", is_flag=True, help="SARIF 2.1.0, for code hosts.")
@JSON
def check(
    net: str | None,
    size: Size,
    target: str | None,
    max_params: int | None,
    max_macs: int | None,
    max_memory: int | None,
    min_rf: int | None,
    ignore: tuple[str, ...],
    explain: str | None,
    *,
    sarif: bool,
    as_json: bool,
) -> int:
    r"""Find design faults: each with its numbers, why it matters, what to do and what that would change.

    Exit status 1 when there is an error or a warning; notes do not count.

    \b
    Examples:
      convscope check net.cnn --object 20x20
      convscope check net.cnn --max-params 20k --max-macs 2M --max-memory 64k --min-rf 28
      convscope check net.cnn --ignore CS007 --sarif > findings.sarif
      convscope check --explain CS011
    """
    from convscope.checks import check as ask
    from convscope.checks import page
    from convscope.core.shape import parse_numbers
    from convscope.frontends import read

    if sarif and as_json:
        raise click.UsageError("give one of --json and --sarif")
    if explain:
        say(page(explain))
        return 0
    if net is None:
        raise click.UsageError("Missing argument 'NET'.")
    report = ask(
        read(net, input=size),
        object_size=None if target is None else parse_numbers(target),
        max_params=max_params,
        max_macs=max_macs,
        max_memory=max_memory,
        min_rf=min_rf,
        ignore=ignore,
    )
    if sarif or as_json:
        show(report.to_sarif() if sarif else report.to_json())
    else:
        say(str(report))
    return 0 if report.passed else 1
