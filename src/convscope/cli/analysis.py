"""Commands that answer questions about a net; none of them loads torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import LAYER, NET, Chosen
from convscope.cli.common import INPUT, JSON, OF, cli
from convscope.cli.numbers import whole
from convscope.cli.outputs import deliver, out, reported

if TYPE_CHECKING:
    from convscope.cli.common import Size
    from convscope.cli.outputs import Out


def _known(name: str) -> Any:
    """Names that the memory estimate accepts."""
    from convscope.analyze import memory as known

    return getattr(known, name)


DTYPE = Chosen("data type", lambda: _known("ITEMSIZE"), lambda: _known("OTHER_NAMES"))
OPTIMIZER = Chosen("optimizer", lambda: _known("OPTIMIZERS"))


@cli.command()
@click.argument("size", type=whole())
@click.option("--kernel", default=3, type=whole(), show_default=True, help="Height and width of the kernels.")
@click.option("--channels", default=1, type=whole(), show_default=True, help="Channels of the image.")
@click.option("--filters", default=1, type=whole(), show_default=True, help="Channels of every convolution.")
@click.option("--object", "target", type=whole(), help="Height and width of an object that a unit must cover.")
@click.option(
    "--pool-every", default=0, type=whole(0), metavar="M", help="Put a 2x2 max-pooling after every M convolutions."
)
@out(reported("Depth"))
@JSON
def depth(
    size: int,
    kernel: int,
    channels: int,
    filters: int,
    target: int | None,
    pool_every: int,
    out: Out | None,
    *,
    as_json: bool,
) -> None:
    r"""Count the convolutions that cover an image.

    Reports how many KxK convolutions bring a SIZExSIZE image to 1x1, and how many it takes to cover an object.

    \b
    Examples:
      convscope depth 199
      convscope depth 28 --object 20 --filters 32
      convscope depth 224 --object 100 --pool-every 2 --channels 3 --json
    """
    from convscope.analyze.depth import depth as ask

    result = ask(size, kernel=kernel, channels=channels, filters=filters, object_size=target, pool_every=pool_every)
    deliver(result, out, as_json=as_json)


@cli.command()
@click.argument("net", type=NET)
@INPUT
@OF
@click.option("--layer", type=LAYER, help="Name of the layer; the last one by default.")
@click.option("--at", metavar="Y,X", help="Unit, or a patch as Y0:Y1,X0:X1; the middle unit by default.")
@click.option("--no-gates", is_flag=True, help="Do not follow gates and the statistics of norms.")
@out(reported("Receptive field") | {".png": lambda found: found.mask_png()})
@JSON
def field(
    net: str,
    size: Size,
    of: str | None,
    layer: str | None,
    at: str | None,
    out: Out | None,
    *,
    no_gates: bool,
    as_json: bool,
) -> None:
    r"""Show exactly which pixels a unit depends on.

    Prints the bounding box, its holes, how much of it is covered, and how the weight is spread over the pixels. A .png
    shows the pixels themselves: white on a grey box on black.

    \b
    Examples:
      convscope field "input 32x32x1, 2*( conv 8 3x3 d2 p2 )" --at 16,16
      convscope field net.cnn --layer conv3 --at 0,0 --json
      convscope field net.cnn --at 4:6,4:6 -o support.png
    """
    from convscope.analyze.support import places
    from convscope.analyze.unit import unit_field
    from convscope.frontends import read

    unit = None if at is None else places(at)
    deliver(unit_field(read(net, input=size), layer, unit, gates=not no_gates, of=of), out, as_json=as_json)


@cli.command()
@click.argument("net", type=NET)
@INPUT
@click.option("--batch", default=1, type=whole(), show_default=True, help="Samples at a time.")
@click.option(
    "--dtype", type=DTYPE, default="float32", show_default=True, help="Data type of the weights and activations."
)
@click.option("--optimizer", type=OPTIMIZER, default="adam", show_default=True, help="Optimizer of the training.")
@out(reported("Memory"))
@JSON
def memory(net: str, size: Size, batch: int, dtype: str, optimizer: str, out: Out | None, *, as_json: bool) -> None:
    r"""Estimate the memory that a net needs.

    Reports the weights, the peak of live activations in inference and where it is, and what training needs.

    \b
    Examples:
      convscope memory net.cnn
      convscope memory net.cnn --batch 128 --dtype bfloat16 --json
    """
    from convscope.analyze.memory import memory as ask
    from convscope.frontends import read

    deliver(ask(read(net, input=size), batch=batch, dtype=dtype, optimizer=optimizer), out, as_json=as_json)
