"""The command that prints a net layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from convscope.cli.common import INPUT, JSON, OF, cli, dumped
from convscope.cli.outputs import refuse_own
from convscope.cli.rows import Shown, row_options
from convscope.core.shape import to_text
from convscope.errors import FieldError
from convscope.files import put
from convscope.inert import inert_lines
from convscope.streams import present, say
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
@row_options
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
    **rows: Any,
) -> None:
    r"""Shapes, parameters, multiply-adds, memory and receptive field of every layer.

    Of a file of weights (.safetensors, .pt, .pth): names, shapes and sizes of its tensors.

    \b
    %        share of all params, of all MACs (multiply-adds; a MAC is two FLOPs)
    local    what a unit reads of the layer before: the local receptive field
    RF       input pixels that a unit depends on: the global receptive field
    stride   input pixels between neighbouring units
    start    first pixel of the receptive field of the first unit
    centre   its middle

    In a terminal, columns are left out until the rows fit, from the last ones on; --wide keeps them all. In a pipe or a
    file, all columns are there, unless COLUMNS is set.

    --to netron writes the metrics that Netron (8.3 or newer) shows beside a model whose nodes have the names of our
    layers: start Netron without a file, open the model there, then this file in the same window.

    \b
    Examples:
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope table net.cnn --depth 1
      convscope table net.cnn --sort macs --top 10 --columns name,op,macs,macs%
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
    shown = Shown(**rows)
    shown.check(wanted)
    refuse_own(file, net)
    from convscope.cli.weights import weights_text
    from convscope.frontends.weights import read_weights

    layers = _layers(net, size, of=of, trust=trust)
    if layers is None and not shown.is_plain:
        raise click.UsageError("--depth, --sort, --top and --columns are for nets; this is a file of weights")
    if file is None and wanted == "text":
        present(shown.of(layers) if layers else read_weights(net), wide=shown.wide)
        return
    text = FORMATS[wanted](shown.of(layers)) if layers else weights_text(net, wanted)
    if file is None:
        say(text)
    else:
        put(file, f"{inert_lines(text)}\n".encode())


def _layers(net: str, size: Size, *, of: str | None, trust: bool) -> LayerTable | None:
    """The table of a net; None for a file of weights."""
    from convscope.cli.weights import trusted_table
    from convscope.frontends import is_weights, read

    if not is_weights(net):
        if trust:
            raise click.UsageError("--trust is for files of torch: .pt, .pth, .pt2, .ckpt")
        return read(net, input=size).table(of=of)
    return trusted_table(net, size) if trust else None
