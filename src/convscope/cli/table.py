"""The command that prints a net layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import NET, one_of
from convscope.cli.common import INPUT, JSON, OF, cli, dumped
from convscope.cli.outputs import out
from convscope.cli.rows import Shown, row_options
from convscope.core.shape import to_text
from convscope.errors import FieldError
from convscope.streams import present, say
from convscope.view.cells import table_figure
from convscope.view.parts import page_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.analyze.table import LayerTable
    from convscope.cli.common import Size
    from convscope.cli.outputs import Out
    from convscope.view.figure import Figure

SUFFIXES = {
    ".txt": "text",
    ".json": "json",
    ".md": "markdown",
    ".csv": "csv",
    ".html": "html",
    ".svg": "svg",
    ".png": "png",
}
"""The format of a table for each suffix."""


def _title(table: LayerTable) -> str:
    return f"Layers, input {to_text(table.input)}"


def _figure(table: LayerTable) -> Figure:
    return table_figure(_title(table), table.grid(), str(table.stack().parts[-1]))


FORMATS: dict[str, Callable[[LayerTable], str | bytes]] = {
    "text": lambda table: table.to_text(),
    "json": lambda table: dumped(table.to_json()),
    "markdown": lambda table: table.to_markdown(),
    "csv": lambda table: table.to_csv(),
    "html": lambda table: page_html(_title(table), table.to_html()),
    "svg": lambda table: _figure(table).to_svg(),
    "png": lambda table: _figure(table).to_png(),
    "netron": lambda table: dumped(table.to_netron()),
}
"""The formats of a table."""

PRINTED = ("text", "json", "markdown", "csv", "html", "netron")


@cli.command()
@click.argument("net", type=NET)
@INPUT
@OF
@click.option("--to", "form", type=one_of("format", *PRINTED), help="Format; by default text, or that of FILE.")
@out(SUFFIXES, "Write to FILE")
@row_options
@JSON
@click.option(
    "--trust", is_flag=True, help="Load the whole model in a .pt, .pth or .pt2: this runs code from the file."
)
def table(
    net: str,
    size: Size,
    of: str | None,
    form: str | None,
    out: Out | None,
    *,
    as_json: bool,
    trust: bool,
    **rows: Any,
) -> None:
    r"""List the layers of a net, and what each costs.

    Shows shapes, parameters, multiply-adds, memory and receptive field of every layer. For a file of weights
    (.safetensors, .pt, .pth) it shows names, shapes and sizes of the tensors.

    \b
    %        share of all params, of all MACs (multiply-adds; a MAC is two FLOPs)
    local    units of the layer before that a unit reads: the local receptive field
    RF       input pixels that a unit depends on: the global receptive field
    stride   input pixels between neighbouring units
    start    first pixel of the receptive field of the first unit
    centre   its middle

    In a terminal, columns are omitted, from the last ones on, until the rows fit; --wide keeps them all. Output to a
    pipe or a file has all columns, unless COLUMNS is set.

    --to netron writes the metrics that Netron (8.3 or newer) shows beside a model whose nodes have the names of our
    layers: start Netron without a file, open the model there, then this file in the same window.

    \b
    Examples:
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope table net.cnn --depth 1
      convscope table net.cnn --sort macs --top 10 --columns name,op,macs,macs%
      convscope table net.cnn --json
      convscope table net.cnn -o net.html
      convscope table net.cnn --to netron -o net.metrics.json
      echo "input 400x400x3, (3x3x3)x32, (3x3x32)x64" | convscope table - --to markdown
      convscope table weights.safetensors
      convscope table mine.pt --trust --input 224x224x3
    """
    wanted = _wanted(form, out, as_json=as_json)
    shown = Shown(**rows)
    shown.check(wanted)
    from convscope.cli.weights import weights_text
    from convscope.frontends.weights import read_weights

    layers = _layers(net, size, of=of, trust=trust)
    if layers is None and (size or of or not shown.is_plain):
        read_weights(net)  # a whole model, which only --trust opens, has an error of its own
        told = "--input, --of, --depth, --sort, --top and --columns are for nets; this is a file of weights"
        raise click.UsageError(told)
    if out is None and wanted == "text":
        present(shown.of(layers) if layers else read_weights(net), wide=shown.wide)
        return
    made = FORMATS[wanted](shown.of(layers)) if layers else weights_text(net, wanted)
    if out:
        out.put(made)
    else:
        say(str(made))


def _wanted(form: str | None, out: Out | None, *, as_json: bool) -> str:
    """Return the requested format.

    Raises:
        UsageError: two formats are requested.
        FieldError: the file has the suffix of another format.
    """
    if form and as_json:
        raise click.UsageError("give only one of --to and --json")
    form = "json" if as_json else form
    if out is None:
        return form or "text"
    written = SUFFIXES[out.suffix]
    if form not in {None, written} and (form, written) != ("netron", "json"):
        suffix = next((end for end, name in SUFFIXES.items() if name == form), ".json")
        raise FieldError(f"{out} is not a file name for {form}", expected=f"a name that ends in {suffix}")
    return form or written


def _layers(net: str, size: Size, *, of: str | None, trust: bool) -> LayerTable | None:
    """Return the table of a net; None for a weights file."""
    from convscope.cli.weights import trusted_table
    from convscope.frontends import is_weights, read

    if not is_weights(net):
        if trust:
            raise click.UsageError("--trust is for files of torch: .pt, .pth, .pt2, .ckpt")
        return read(net, input=size).table(of=of)
    return trusted_table(net, size) if trust else None
