"""The command that looks into nets; it loads torch when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convscope.cli.analysis import places
from convscope.cli.common import INPUT, JSON, OWN_DATA, cli, show, with_data
from convscope.cli.numbers import SEED
from convscope.cli.outputs import refuse_own
from convscope.errors import WriteError
from convscope.inert import inert
from convscope.lens.kinds import LENSES
from convscope.streams import present, tell
from convscope.view.figure import FORMATS

if TYPE_CHECKING:
    from convscope.cli.common import Size


@cli.command()
@click.argument("source", metavar="RUN|NET")
@click.option("--what", type=click.Choice(list(LENSES)), default="features", show_default=True, help="What to look at.")
@click.option("--image", metavar="FILE", help="An image, or test:N for a test image of the run; test:0 by default.")
@click.option("--layer", metavar="L", help="Layer; without it one is chosen by a rule, which is named.")
@click.option("--at", metavar="Y,X", help="field: the unit, or Y0:Y1,X0:X1. saliency: the place in a map of scores.")
@click.option(
    "--classes", metavar="C", help="saliency: the class to explain. mistakes: a cell of the matrix, TRUE,SAID."
)
@click.option("--seed", default=0, type=SEED, show_default=True, help="Of random weights, and of the chance in checks.")
@OWN_DATA
@INPUT
@click.option("-o", "--out", metavar="FILE", help="Write the drawing: .svg, .png or .html.")
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
    size: Size,
    out: str | None,
    *,
    as_json: bool,
) -> None:
    r"""Look into a net: the folder of a RUN, or whatever else a NET can be read from.

    \b
    kernels   what each output channel of a layer looks for
    features  what a layer makes of an image
    field     where a unit looks: box, holes, weight in theory and as measured, untrained and trained
    saliency  which pixels a score rests on: gradient, integrated gradients, Grad-CAM, occlusion; whether to trust them
    mistakes  confusion matrix, the images of a cell, one of them: its scores split by channels, nearest images

    Numbers are never rescaled without saying so; every drawing names its range and its sign. A net without weights is
    looked at with random ones.

    \b
    Examples:
      convscope look runs/mnist-fast-seed0 --what kernels -o kernels.svg
      convscope look runs/mnist-fast-seed0 --image five.png --layer relu2 -o features.png
      convscope look runs/mnist-fast-seed0 --what saliency --image five.png --classes 3 -o why.html
      convscope look runs/mnist-fast-seed0 --what mistakes --classes 4,9 -o mistakes.svg
      convscope look model.onnx --what field --layer conv3 --at 5,5 --json
    """
    if out is not None:
        _check_place(Path(out))
        refuse_own(out, source, image)
    from convscope.lens.look import look as ask

    unit = None if at is None else places(at)
    found = ask(
        with_data(source, data), what, image=image, layer=layer, at=unit, classes=classes, input=size, seed=seed
    )
    if out is not None:
        found.figure().save(out)
    if as_json:
        show(found.to_json())
    else:
        present(found)
    if out is not None:
        tell(f"drawn in {inert(out)}")


def _check_place(path: Path) -> None:
    """Say what cannot be written before anything is worked out."""
    if path.suffix.lower() not in FORMATS:
        raise WriteError(f"{path}: no image is written under such a name", expected=f"one of {', '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise WriteError(f"{path} cannot be written: {path.absolute().parent} is not a folder")
