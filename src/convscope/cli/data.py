"""Commands that inspect data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convscope.cli.choices import DATA, one_of
from convscope.cli.common import JSON, SIZE, cli
from convscope.cli.numbers import whole
from convscope.cli.outputs import Out, deliver, out, refuse_own, reported
from convscope.inert import inert
from convscope.streams import say, tell

if TYPE_CHECKING:
    from convscope.data import Dataset

SPLIT = one_of("split", "train", "test", "val")

SKIP = click.option("--skip-bad", is_flag=True, help="Skip files that cannot be used instead of stopping.")


@cli.group()
def data() -> None:
    r"""Inspect data sets and find problems in them.

    NAME is mnist, fashion-mnist, cifar10, or one of these with :FOLDER after it, where its files lie; or a set of your
    own: a folder with a folder for each class, a .zip or .tar of one, a .csv of paths or of pixels, a .parquet, an
    .npz, hf:NAME, sklearn:NAME, torchvision:NAME.

    \b
    Examples:
      convscope data check folder:photos
      convscope data show mnist -o sheet.png
      convscope data stats cifar10:downloads
    """


def _find(name: str, size: str | None, *, skip_bad: bool) -> Dataset:
    """Open the data set, with the progress of its preparation on stderr."""
    from convscope.core.shape import from_text
    from convscope.data import find

    def report(done: int, total: int) -> None:
        tell(f"prepared {done:,} of {total:,} images")

    return find(name, from_text(size) if size else None, skip_bad=skip_bad, report=report)


@data.command()
@click.argument("name", type=DATA)
@SIZE
@out(reported("Data check"))
@JSON
@click.pass_context
def check(context: click.Context, name: str, size: str | None, out: Out | None, *, as_json: bool) -> None:
    r"""Find problems in a data set.

    Every image is decoded. Bad files, equal images in two splits (leaks) and equal images of two classes (conflicts)
    give exit status 1. Other copies, images of a single colour and classes without images are reported too.

    \b
    Examples:
      convscope data check mnist
      convscope data check folder:photos
      convscope data check folder:photos --input 32x32x3 --json
    """
    from convscope.data.audit import audit

    found = audit(_find(name, size, skip_bad=True))
    deliver(found, out, as_json=as_json)
    context.exit(0 if found.passed else 1)


@data.command("show")
@click.argument("name", type=DATA)
@out((".png", ".svg", ".html"), "Write the sheet to FILE, by default sheet.png")
@click.option("--split", default="train", show_default=True, type=SPLIT, help="Split of the data set.")
@click.option("--each", default=10, show_default=True, type=whole(1, 100), help="Number of images for each class.")
@SIZE
@SKIP
def contact_sheet(name: str, out: Out | None, split: str, each: int, size: str | None, *, skip_bad: bool) -> None:
    r"""Draw a contact sheet of a data set.

    It has a row of images for each class, as a net sees them.

    \b
    Examples:
      convscope data show mnist
      convscope data show folder:photos --split test --each 20 -o test.png
    """
    from convscope.data.sheet import sheet

    path = Path(out.path if out else "sheet.png")
    refuse_own(path, name)
    say(inert(str(sheet(_find(name, size, skip_bad=skip_bad), path, split=split, each=each))))


@data.command()
@click.argument("name", type=DATA)
@SIZE
@SKIP
@out(reported("Data set"))
@JSON
def stats(name: str, size: str | None, out: Out | None, *, skip_bad: bool, as_json: bool) -> None:
    r"""Count and measure the images of a data set.

    Reports the images of each class, the sizes of files and of objects, mean and standard deviation.

    The size of an object is that of the box around everything that differs from a plain background; give it to
    convscope check --object.

    \b
    Examples:
      convscope data stats mnist
      convscope data stats folder:photos --json
    """
    from convscope.data.stats import stats as measure

    deliver(measure(_find(name, size, skip_bad=skip_bad)), out, as_json=as_json)
