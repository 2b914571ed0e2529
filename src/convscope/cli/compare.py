"""The command that holds two nets, or two runs, against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.common import INPUT, JSON, cli, show
from convscope.errors import FieldError
from convscope.files import is_run
from convscope.streams import present

if TYPE_CHECKING:
    from convscope.cli.common import Size


@cli.command()
@click.argument("a")
@click.argument("b")
@click.option("--data", metavar="DATA", help="Of two runs: the data set to judge them by; by default their own.")
@INPUT
@click.option(
    "--by",
    type=click.Choice(["layers", "stages"]),
    help="How nets are aligned; by default by stages where few layers of long nets are equal.",
)
@JSON
def compare(a: str, b: str, data: str | None, size: Size, by: str | None, *, as_json: bool) -> None:
    r"""Compare two nets, or two runs on the same images.

    Of two nets: the totals, then the layers side by side with what changed. Two different designs are aligned by
    stages: all layers at one size of the map together.

    Two folders of runs are judged by the same images: the difference of their accuracies with its 95 % interval
    (Bonett and Price 2012), the p value of McNemar's exact test, and the images that only one of them reads rightly.

    \b
    Examples:
      convscope compare old.cnn new.cnn
      convscope compare "input 28x28x1, conv 8 5x5" "input 28x28x1, conv 8 3x3, conv 8 3x3" --json
      convscope compare torchvision:resnet18 mine.py:make_net --input 224x224x3
      convscope compare runs/mnist-fast-seed0 runs/mnist-fast-seed1
    """
    if is_run(a) and is_run(b) and size is None:
        from convscope.training.paired import compare_runs

        told = compare_runs(a, b, data)
        show(told.to_json()) if as_json else present(told)
        return
    if data is not None:
        raise FieldError(f"--data {data}", expected="two folders of runs; nets are compared without images")
    from convscope.analyze.compare import compare as ask
    from convscope.frontends import read

    found = ask(read(a, input=size), read(b, input=size), by=by)
    show(found.to_json()) if as_json else present(found)
