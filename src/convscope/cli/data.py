"""Commands that look at data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convscope.cli.common import JSON, SIZE, cli, show
from convscope.cli.numbers import whole
from convscope.cli.outputs import refuse_own
from convscope.inert import inert
from convscope.streams import present, say, tell

if TYPE_CHECKING:
    from convscope.data import Dataset

SKIP = click.option("--skip-bad", is_flag=True, help="Leave out files that cannot be used.")


@cli.group()
def data() -> None:
    r"""Look at data sets: what is wrong, what they show, their numbers.

    NAME is mnist, fashion-mnist, cifar10, or one of these with :FOLDER after it, where its files lie; or a set of your
    own: folder:PATH (a folder for each class), npz:PATH, hf:NAME, torchvision:NAME.

    \b
    Examples:
      convscope data check folder:photos
      convscope data show mnist --out sheet.png
      convscope data stats cifar10:downloads
    """


def _find(name: str, size: str | None, *, skip_bad: bool) -> Dataset:
    """The data set; how far its preparation is stands on stderr."""
    from convscope.core.shape import from_text
    from convscope.data import find

    def report(done: int, total: int) -> None:
        tell(f"prepared {done:,} of {total:,} images")

    return find(name, from_text(size) if size else None, skip_bad=skip_bad, report=report)


@data.command()
@click.argument("name")
@SIZE
@JSON
@click.pass_context
def check(context: click.Context, name: str, size: str | None, *, as_json: bool) -> None:
    r"""Look for what is wrong in a data set: every image is decoded.

    Bad files, equal images in two splits (leaks) and equal images of two classes (conflicts) give exit status 1.
    Other copies, images of one colour and classes without images are told.

    \b
    Examples:
      convscope data check mnist
      convscope data check folder:photos
      convscope data check folder:photos --input 32x32x3 --json
    """
    from convscope.data.audit import audit

    found = audit(_find(name, size, skip_bad=True))
    show(found.to_json()) if as_json else present(found)
    context.exit(0 if found.passed else 1)


@data.command("show")
@click.argument("name")
@click.option("--out", default="sheet.png", show_default=True, type=click.Path(path_type=Path), help="The PNG.")
@click.option("--split", default="train", show_default=True, help="train, test or val.")
@click.option("--each", default=10, show_default=True, type=whole(1, 100), help="Images of a class.")
@SIZE
@SKIP
def contact_sheet(name: str, out: Path, split: str, each: int, size: str | None, *, skip_bad: bool) -> None:
    r"""Write a contact sheet: a row of images for each class, as a net sees them.

    \b
    Examples:
      convscope data show mnist
      convscope data show folder:photos --split test --each 20 --out test.png
    """
    from convscope.data.sheet import sheet

    refuse_own(out, name)
    say(inert(str(sheet(_find(name, size, skip_bad=skip_bad), out, split=split, each=each))))


@data.command()
@click.argument("name")
@SIZE
@SKIP
@JSON
def stats(name: str, size: str | None, *, skip_bad: bool, as_json: bool) -> None:
    r"""Numbers of a data set: images of each class, sizes of files and of objects, mean and deviation.

    An object's size is that of the box around everything that differs from a plain ground; use it for
    convscope check --object.

    \b
    Examples:
      convscope data stats mnist
      convscope data stats folder:photos --json
    """
    from convscope.data.stats import stats as measure

    found = measure(_find(name, size, skip_bad=skip_bad))
    show(found.to_json()) if as_json else present(found)
