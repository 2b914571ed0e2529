"""The command that shows what a net has learned; it loads torch when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import LAYER, NET
from convscope.cli.common import INPUT, JSON, ONE_DEVICE, OWN_DATA, THREADS, cli, note_state
from convscope.cli.numbers import SEED, whole
from convscope.cli.outputs import deliver, drawn, listing, out, plain
from convscope.lens.kinds import LENSES, LISTS

if TYPE_CHECKING:
    from convscope.cli.common import Size
    from convscope.cli.outputs import Out

FORMS = drawn(lambda found: found.figure()) | {".json": plain}

TABLE = ("image", "split", "number", "class", "predicted", "probability", "class_probability", "loss")
"""The columns of a list of images."""


@cli.command()
@click.argument("source", metavar="RUN|NET", type=NET)
@click.option("--what", type=click.Choice(list(LENSES)), default="features", show_default=True, help="What to show.")
@click.option("--image", metavar="FILE", help="Image file, or test:N for a test image of the run; test:0 by default.")
@click.option("--layer", type=LAYER, help="Name of the layer; by default chosen by a rule that is stated.")
@click.option("--at", metavar="Y,X", help="field: the unit, or Y0:Y1,X0:X1. saliency: the position in a map of scores.")
@click.option(
    "--classes", metavar="C", help="saliency: the class to explain. mistakes: a cell of the matrix, TRUE,PREDICTED."
)
@click.option("--top", type=whole(), metavar="N", help="worst, labels: the number of images; 20 by default.")
@click.option(
    "--folds",
    type=whole(2, 20),
    metavar="N",
    help="labels: search the training images, too: train the net N times, each time without a fold of them.",
)
@click.option("--seed", default=0, type=SEED, show_default=True, help="Seed for random weights and for the checks.")
@ONE_DEVICE
@THREADS
@OWN_DATA
@INPUT
@out(
    FORMS | {".csv": listing(*TABLE, rows=lambda found: found.rows())},
    "Write the drawing to FILE, of a list also the table",
)
@JSON
def look(
    source: str,
    data: str | None,
    what: str,
    image: str | None,
    layer: str | None,
    at: str | None,
    classes: str | None,
    top: int | None,
    folds: int | None,
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
    worst     the test images with the highest loss: file, true and predicted class, probabilities
    labels    validation and test images whose label is likely wrong: the net is as sure of another class as it usually
              is of that class, and was not trained on them; with --folds 5 training images as well

    Values are never rescaled silently; every drawing states its range and its sign. A net without weights is shown with
    random ones.

    \b
    Examples:
      convscope look runs/mnist-fast-seed0 --what kernels -o kernels.svg
      convscope look runs/mnist-fast-seed0 --image five.png --layer relu2 -o features.png
      convscope look runs/mnist-fast-seed0 --what saliency --image five.png --classes 3 -o why.html
      convscope look runs/mnist-fast-seed0 --what mistakes --classes 4,9 -o mistakes.svg
      convscope look runs/mnist-fast-seed0 --what worst --top 50 -o worst.csv
      convscope look runs/mnist-fast-seed0 --what labels --folds 5 -o check.csv
      convscope look model.onnx --what field --layer conv3 --at 5,5 --json
    """
    from convscope.lens.look import look as ask
    from convscope.progress import display

    if out and what not in LISTS:
        out = out.of(FORMS)
    note_state(source, images=what == "field" and data is None, few=True)
    given: dict[str, Any] = {"data": data, "input": size, "seed": seed, "device": device}
    asked: dict[str, Any] = {"image": image, "layer": layer, "at": at, "classes": classes, "top": top, "folds": folds}
    with display(quiet=folds is None) as progress:
        found = ask(source, what, **asked, **given, progress=progress)
    deliver(found, out, as_json=as_json, drawing=not (out and out.suffix == ".csv"))
