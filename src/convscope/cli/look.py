"""The command that shows what a net has learned; it loads torch when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.choices import LAYER, NET
from convscope.cli.common import INPUT, JSON, ONE_DEVICE, OWN_DATA, THREADS, cli, note_state
from convscope.cli.numbers import SEED
from convscope.cli.outputs import deliver, drawn, out, plain
from convscope.lens.kinds import LENSES

if TYPE_CHECKING:
    from convscope.cli.common import Size
    from convscope.cli.outputs import Out


@cli.command()
@click.argument("source", metavar="RUN|NET", type=NET)
@click.option("--what", type=click.Choice(list(LENSES)), default="features", show_default=True, help="What to show.")
@click.option("--image", metavar="FILE", help="Image file, or test:N for a test image of the run; test:0 by default.")
@click.option("--layer", type=LAYER, help="Name of the layer; by default chosen by a rule that is stated.")
@click.option("--at", metavar="Y,X", help="field: the unit, or Y0:Y1,X0:X1. saliency: the position in a map of scores.")
@click.option(
    "--classes", metavar="C", help="saliency: the class to explain. mistakes: a cell of the matrix, TRUE,PREDICTED."
)
@click.option("--seed", default=0, type=SEED, show_default=True, help="Seed for random weights and for the checks.")
@ONE_DEVICE
@THREADS
@OWN_DATA
@INPUT
@out(drawn(lambda found: found.figure()) | {".json": plain}, "Write the drawing to FILE")
@JSON
def look(
    source: str,
    data: str | None,
    what: str,
    image: str | None,
    layer: str | None,
    at: str | None,
    classes: str | None,
    seed: int,
    device: str,
    size: Size,
    out: Out | None,
    *,
    as_json: bool,
) -> None:
    r"""Show what a net has learned.

    RUN is a run folder, or anything from which a net can be read.

    \b
    kernels   the weights of a layer, by output channel
    features  the output of a layer for an image, by channel
    field     the receptive field of a unit: box, holes, weights in theory and as measured, untrained and trained
    saliency  pixels on which a score depends, by four methods (gradient, integrated gradients, Grad-CAM, occlusion),
              with two checks of whether to trust them
    mistakes  confusion matrix, the images of a cell, and one of them: its score split by channels, its nearest images

    Values are never rescaled silently; every drawing states its range and its sign. A net without weights is shown with
    random ones.

    \b
    Examples:
      convscope look runs/mnist-fast-seed0 --what kernels -o kernels.svg
      convscope look runs/mnist-fast-seed0 --image five.png --layer relu2 -o features.png
      convscope look runs/mnist-fast-seed0 --what saliency --image five.png --classes 3 -o why.html
      convscope look runs/mnist-fast-seed0 --what mistakes --classes 4,9 -o mistakes.svg
      convscope look model.onnx --what field --layer conv3 --at 5,5 --json
    """
    from convscope.lens.look import look as ask

    note_state(source)
    found = ask(
        source, what, image=image, layer=layer, at=at, classes=classes, data=data, input=size, seed=seed, device=device
    )
    deliver(found, out, as_json=as_json, drawing=True)
