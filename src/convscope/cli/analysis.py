"""Commands that answer questions about a net; none of them loads torch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from convscope.cli.common import INPUT, JSON, OF, cli, dumped, show
from convscope.cli.numbers import whole
from convscope.cli.outputs import refuse_own
from convscope.core.shape import to_text
from convscope.errors import FieldError
from convscope.files import put
from convscope.inert import inert_lines
from convscope.streams import say
from convscope.view.numbers import shortened
from convscope.view.parts import page_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.analyze.table import LayerTable
    from convscope.cli.common import Size

FORMATS: dict[str, Callable[[LayerTable], str]] = {
    "text": lambda table: table.to_text(),
    "json": lambda table: dumped(table.to_json()),
    "markdown": lambda table: table.to_markdown(),
    "csv": lambda table: table.to_csv(),
    "html": lambda table: page_html(f"convscope table, input {to_text(table.input)}", table.to_html()),
    "netron": lambda table: dumped(table.to_netron()),
}
"""What a table can be written as."""


@cli.command()
@click.argument("net")
@INPUT
@OF
@click.option("--to", "form", type=click.Choice(list(FORMATS)), help="What to write; text by default.")
@click.option("-o", "--output", "file", metavar="FILE", help="Write to a file, not to standard output.")
@JSON
@click.option("--markdown", is_flag=True, help="A table for a README; the same as --to markdown.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values; the same as --to csv.")
@click.option(
    "--trust", is_flag=True, help="Load the whole model in a .pt, .pth or .pt2: this runs code from the file."
)
def table(
    net: str,
    size: Size,
    of: str | None,
    form: str | None,
    file: str | None,
    *,
    as_json: bool,
    markdown: bool,
    as_csv: bool,
    trust: bool,
) -> None:
    r"""Shapes, parameters, multiply-adds, memory and receptive field of every layer.

    Of a file of weights (.safetensors, .pt, .pth): names, shapes and sizes of its tensors.

    \b
    local    what a unit reads of the layer before (the course notes' local receptive field)
    field    input pixels that a unit depends on (the notes' global receptive field)
    stride   input pixels between neighbouring units;  start, centre: of the field of the first unit

    --to netron writes the metrics that Netron (8.3 or newer) shows beside a model whose nodes have the names of our
    layers: start Netron without a file, open the model there, then this file in the same window.

    \b
    Examples:
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope table net.cnn --json
      convscope table net.cnn --to html -o net.html
      convscope table net.cnn --to netron -o net.metrics.json
      echo "input 400x400x3, (3x3x3)x32, (3x3x32)x64" | convscope table - --markdown
      convscope table weights.safetensors
      convscope table mine.pt --trust --input 224x224x3
    """
    flags = {"json": as_json, "markdown": markdown, "csv": as_csv}
    asked = [*filter(None, [form]), *(name for name, given in flags.items() if given)]
    if len(asked) > 1:
        raise click.UsageError("give one of --to, --json, --markdown and --csv")
    wanted = asked[0] if asked else "text"
    if wanted == "netron" and file and not file.lower().endswith(".json"):
        raise FieldError(f"--output {file}", expected="a name that ends in .json; Netron knows its metrics by that")
    refuse_own(file, net)
    text = _table(net, size, wanted, of=of, trust=trust)
    if file is None:
        say(text)
    else:
        put(file, f"{inert_lines(text)}\n".encode())


def _table(net: str, size: Size, form: str, *, of: str | None, trust: bool) -> str:
    """The table of a net, or of a file of weights."""
    from convscope.cli.weights import trusted_table, weights_text
    from convscope.frontends import is_weights, read

    if not is_weights(net):
        if trust:
            raise click.UsageError("--trust is for files of torch: .pt, .pth, .pt2, .ckpt")
        return FORMATS[form](read(net, input=size).table(of=of))
    layers = trusted_table(net, size) if trust else None
    return weights_text(net, form) if layers is None else FORMATS[form](layers)


@cli.command()
@click.argument("size", type=whole())
@click.option("--kernel", default=3, type=whole(), show_default=True, help="Height and width of the kernels.")
@click.option("--channels", default=1, type=whole(), show_default=True, help="Channels of the image.")
@click.option("--filters", default=1, type=whole(), show_default=True, help="Channels of every convolution.")
@click.option("--object", "target", type=whole(), help="Height and width of an object that must be seen whole.")
@click.option(
    "--pool-every", default=0, type=whole(0), metavar="M", help="A 2x2 max-pooling after every M convolutions."
)
@JSON
def depth(
    size: int, kernel: int, channels: int, filters: int, target: int | None, pool_every: int, *, as_json: bool
) -> None:
    r"""How many KxK convolutions bring a SIZExSIZE image to 1x1, and how many see an object whole.

    \b
    Examples:
      convscope depth 199
      convscope depth 28 --object 20 --filters 32
      convscope depth 224 --object 100 --pool-every 2 --channels 3 --json
    """
    from convscope.analyze.depth import depth as ask

    result = ask(size, kernel=kernel, channels=channels, filters=filters, object_size=target, pool_every=pool_every)
    if as_json:
        show(result.to_json())
    else:
        say(str(result))


def places(text: str) -> tuple[int | tuple[int, int], ...]:
    """``3,4`` or ``0:7,0:7``: a unit or a first and last one along each axis."""
    found: list[int | tuple[int, int]] = []
    for part in text.split(","):
        ends = part.split(":")
        if not 1 <= len(ends) <= 2 or not all(end.strip().isdecimal() and len(end) < 12 for end in ends):
            raise FieldError(f'"{shortened(text)}" is not a place', expected="y,x or y0:y1,x0:x1")
        found.append(int(ends[0]) if len(ends) == 1 else (int(ends[0]), int(ends[1])))
    return tuple(found)


@cli.command()
@click.argument("net")
@INPUT
@OF
@click.option("--node", metavar="N", help="Layer; the last one by default.")
@click.option("--at", metavar="Y,X", help="Unit, or patch as Y0:Y1,X0:X1; the middle unit by default.")
@click.option("--no-gates", is_flag=True, help="Leave gates and statistics of norms out.")
@click.option("--mask", metavar="FILE", help="Write the pixels that are read as a PNG image.")
@JSON
def field(
    net: str,
    size: Size,
    of: str | None,
    node: str | None,
    at: str | None,
    mask: str | None,
    *,
    no_gates: bool,
    as_json: bool,
) -> None:
    r"""The exact pixels that a unit depends on: box, holes, coverage, and how the weight spreads over them.

    \b
    Examples:
      convscope field "input 32x32x1, 2*( conv 8 3x3 d2 p2 )" --at 16,16
      convscope field net.cnn --node conv3 --at 0,0 --json
      convscope field net.cnn --at 4:6,4:6 --mask support.png
    """
    from convscope.analyze.unit import unit_field
    from convscope.frontends import read

    refuse_own(mask, net)
    found = unit_field(read(net, input=size), node, None if at is None else places(at), gates=not no_gates, of=of)
    if mask:
        found.save_mask(mask)
    if as_json:
        show(found.to_json())
    else:
        say(str(found))


@cli.command()
@click.argument("net")
@INPUT
@click.option("--batch", default=1, type=whole(), show_default=True, help="Samples at a time.")
@click.option(
    "--dtype",
    default="float32",
    show_default=True,
    help="float32, bfloat16 (bf16), float16 (fp16), int8, float64.",
)
@click.option("--optimizer", default="adam", show_default=True, help="sgd, momentum, adam, adamw or rmsprop.")
@JSON
def memory(net: str, size: Size, batch: int, dtype: str, optimizer: str, *, as_json: bool) -> None:
    r"""Memory: weights, the peak of live activations in inference and where it is, and what training needs.

    \b
    Examples:
      convscope memory net.cnn
      convscope memory net.cnn --batch 128 --dtype bfloat16 --json
    """
    from convscope.analyze.memory import memory as ask
    from convscope.frontends import read

    found = ask(read(net, input=size), batch=batch, dtype=dtype, optimizer=optimizer)
    if as_json:
        show(found.to_json())
    else:
        say(str(found))


def _amount(text: str | None) -> int | None:
    """``20k``, ``2M``, ``1.5G``: powers of 1000; ``64KiB``: of 1024."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)([kmg]?)(i?b)?", text.lower())
    if not found:
        raise FieldError(
            f'"{shortened(text)}" is not an amount', expected="a number such as 20000, 20k, 2M, 1.5G or 64KiB"
        )
    unit = 1024 if found[3] == "ib" else 1000
    return round(float(found[1]) * float(unit ** " kmg".index(found[2] or " ")))


@cli.command()
@click.argument("net", required=False)
@INPUT
@click.option("--object", "target", metavar="HxW", help="Size of the objects that must be seen whole.")
@click.option("--max-params", metavar="N", help="The most params, such as 20k.")
@click.option("--max-macs", metavar="N", help="The most multiply-adds, such as 2M.")
@click.option("--max-memory", metavar="BYTES", help="The most memory in inference, such as 64k (64,000 bytes).")
@click.option("--min-rf", type=whole(0), metavar="N", help="The least field of the last layer that keeps its place.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave a check out; may be given again.")
@click.option("--explain", metavar="CODE", help="Print the page of a check and stop.")
@click.option("--sarif", is_flag=True, help="SARIF 2.1.0, for code hosts.")
@JSON
def check(
    net: str | None,
    size: Size,
    target: str | None,
    max_params: str | None,
    max_macs: str | None,
    max_memory: str | None,
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
        max_params=_amount(max_params),
        max_macs=_amount(max_macs),
        max_memory=_amount(max_memory),
        min_rf=min_rf,
        ignore=ignore,
    )
    if sarif or as_json:
        show(report.to_sarif() if sarif else report.to_json())
    else:
        say(str(report))
    return 0 if report.passed else 1
