"""The command that compares two nets or two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.choices import DATA, NET, one_of
from convscope.cli.common import DEVICE, INPUT, JSON, THREADS, cli
from convscope.cli.outputs import deliver, out, reported, tabled
from convscope.errors import FieldError
from convscope.files import is_run
from convscope.view.parts import page_html

if TYPE_CHECKING:
    from convscope.cli.common import Size
    from convscope.cli.outputs import Make, Out

NETS: dict[str, Make] = tabled("Comparison", lambda found: found.grid()) | {
    ".html": lambda found: page_html("Comparison", found.to_html())
}
RUNS = reported("Comparison")


@cli.command()
@click.argument("a", type=NET)
@click.argument("b", type=NET)
@click.option("--data", type=DATA, help="Data set to evaluate two runs on; by default their own.")
@DEVICE
@THREADS
@INPUT
@click.option(
    "--by",
    type=one_of("alignment", "layers", "stages"),
    help="How nets are aligned; by default by stages if few layers of long nets are equal.",
)
@out(NETS)
@JSON
def compare(
    a: str, b: str, data: str | None, device: str | None, size: Size, by: str | None, out: Out | None, *, as_json: bool
) -> None:
    r"""Compare two nets, or two trained runs.

    Of two nets, it shows the totals, then the layers side by side with what changed. Two different designs are aligned
    by stages: the layers at one scale of the map, at one width.

    Two runs are evaluated on the same images. It shows the difference of their accuracies with its 95 % interval
    (Bonett and Price 2012), the p value of McNemar's exact test, and the images that only one of them classifies
    correctly.

    \b
    Examples:
      convscope compare old.cnn new.cnn
      convscope compare "input 28x28x1, conv 8 5x5" "input 28x28x1, conv 8 3x3, conv 8 3x3" --json
      convscope compare torchvision:resnet18 mine.py:make_net --input 224x224x3
      convscope compare runs/mnist-fast-seed0 runs/mnist-fast-seed1
    """
    if is_run(a) and is_run(b) and size is None:
        if by is not None:
            raise click.UsageError("--by is for nets: two runs are compared by the images that they classify")
        from convscope.training.paired import compare_runs

        aimed = out and out.of(RUNS)
        deliver(compare_runs(a, b, data, device=device), aimed, as_json=as_json)
        return
    for option, value in (("data", data), ("device", device)):
        if value is not None:
            expected = "two folders of runs; nets are compared without images"
            raise FieldError(f"--{option} {value}", expected=expected)
    from convscope.analyze.compare import compare as ask
    from convscope.frontends import read

    found = ask(read(a, input=size), read(b, input=size), by=by)
    deliver(found, out, as_json=as_json)
