"""The command that opens the page to click through."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import NET
from convscope.cli.common import INPUT, JSON, OWN_DATA, THREADS, cli, note_state, show, with_data
from convscope.cli.numbers import whole
from convscope.cli.outputs import out, refuse_own
from convscope.files import is_run
from convscope.inert import inert
from convscope.streams import say, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.cli.common import Size
    from convscope.cli.outputs import Out
    from convscope.explorer.explore import Explorer

FIRST = "input {height}x{width}x{channels}, conv 8 3x3 same relu, conv 16 3x3 s2 p1 relu, gap, linear 10"
"""The net that is shown where none is named."""

SIDE = 256
"""The longest side of an image in that net [pixel]."""


@cli.command()
@click.argument("sources", metavar="[NET|RUN|IMAGE]...", type=NET, nargs=-1)
@click.option("--no-open", is_flag=True, help="Print the address instead of opening the browser.")
@click.option(
    "--port", type=whole(0, 65535), default=0, metavar="N", help="Port of this machine; by default any free one."
)
@click.option(
    "--lesson", metavar="NAME", help="Open a lesson, with your images beside its own: kernel, two-3x3 or field."
)
@THREADS
@OWN_DATA
@INPUT
@click.option("--large", is_flag=True, help="Allow a page of 20 MB instead of 5 MB.")
@out((".html",), "Write the page to FILE instead of serving it")
@JSON
def explore(
    sources: tuple[str, ...],
    port: int,
    lesson: str | None,
    data: str | None,
    size: Size,
    out: Out | None,
    *,
    no_open: bool,
    large: bool,
    as_json: bool,
) -> None:
    r"""Open a page to click through a net or a run.

    The page draws the net with its costs, lights up what a unit sees, slides kernels over images, and shows the
    mistakes of a run. Click, change the net, and all numbers follow. Your own images are shown to each net. Two runs
    are compared on one page; any other nets or runs have a page each.

    A server of this machine alone serves the page, until you press Ctrl-C. With -o, the page becomes one file that
    needs no network, and can be mailed.

    \b
    Examples:
      convscope explore "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope explore runs/mnist-fast-seed0
      convscope explore runs/mnist-fast-seed0 five.png -o run.html
      convscope explore net.cnn photo.jpg --no-open
      convscope explore old.cnn new.cnn --port 8000 --no-open
      convscope explore runs/mnist-fast-seed0 runs/mnist-fast-seed1 -o compared.html
      convscope explore --lesson kernel photo.jpg
    """
    nets, images = parted(sources)
    if out is not None:
        _check_alone(nets, port, no_open=no_open)
    for source in nets:
        note_state(source, images=data is None)
    if lesson is None:
        pairs = _pairs(nets or [_first(images)])
        made = [_made(source, other, images, data, size, large=large) for source, other in pairs]
    else:
        made = [_taught(lesson, images, nets=bool(nets or data or size))]
    if out is None:
        _serve(made, port, no_open=no_open, as_json=as_json)
    else:
        _save(made[0], out, nets, data, large=large, as_json=as_json)


def parted(sources: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return nets and images apart, by the suffix of a name.

    >>> parted(["net.cnn", "photo.JPG", "input 8x8x1, relu"])
    (['net.cnn', 'input 8x8x1, relu'], ['photo.JPG'])
    """
    from convscope.data.imagefile import FORMATS, UNREAD

    known = {*FORMATS, *UNREAD}  # the latter are refused by name when they are read
    images = [one for one in sources if Path(one).suffix.lower() in known]
    return [one for one in sources if one not in images], images


def _check_alone(nets: list[str], port: int, *, no_open: bool) -> None:
    """Refuse what a file cannot have."""
    if len(_pairs(nets)) > 1:
        raise click.UsageError(f"a file shows one net or run, and there are {len(nets)}; without -o, all are served")
    if port or no_open:
        raise click.UsageError(f"{'--port' if port else '--no-open'} is about a server, and -o writes a file instead")


def _first(images: list[str]) -> str:
    """Return the net that is shown where none is named, at the size of the first image."""
    from convscope.data.image import seen

    found = seen(Path(images[0])) if images else None
    if found is None:  # none, or one that cannot be read, which is reported when it is
        return FIRST.format(height=28, width=28, channels=1)
    scale = min(1.0, SIDE / max(found.height, found.width))
    height, width = (max(1, round(side * scale)) for side in (found.height, found.width))
    return FIRST.format(height=height, width=width, channels=1 if found.grey else 3)


def _pairs(nets: list[str]) -> list[tuple[str, str | None]]:
    """Return what has a page, each with the run that it is compared with."""
    return [(nets[0], nets[1])] if len(nets) == 2 and all(map(is_run, nets)) else [(one, None) for one in nets]


def _made(  # one parameter for each option
    source: str, other: str | None, images: list[str], data: str | None, size: Size, *, large: bool
) -> Explorer:
    from convscope.explorer.explore import explore as made

    against = None if other is None else with_data(other, data)
    return made(with_data(source, data), input=size, against=against, images=images, large=large)


def _taught(lesson: str, images: list[str], *, nets: bool) -> Explorer:
    """Return the page of a lesson."""
    if nets:
        raise click.UsageError("a lesson brings its own nets: --lesson NAME takes images only")
    from convscope.explorer.explore import Explorer
    from convscope.explorer.lesson import document_of_lesson

    return Explorer(document_of_lesson(lesson, images))


def _save(made: Explorer, out: Out, nets: list[str], data: str | None, *, large: bool, as_json: bool) -> None:
    refuse_own(out, *nets, data)
    path = made.save(out.path, large=large)
    if as_json:
        written = {"path": str(path), "bytes": path.stat().st_size}
        show({"schema": "convscope/explore/1", **written, **_facts(made)})
        return
    for sentence in made.document.left_out:
        tell(f"note: {inert(sentence)}")
    say(inert(str(path)))


def _facts(made: Explorer) -> dict[str, Any]:
    return {
        "title": made.title,
        "layers": len(made.document.net.layers),
        "images": len(made.document.images),
        "left_out": list(made.document.left_out),
    }


def _serve(made: Sequence[Explorer], port: int, *, no_open: bool, as_json: bool) -> None:
    """Serve until Ctrl-C."""
    from convscope.explorer.browser import opened
    from convscope.explorer.explore import serve

    with serve(made, port=port) as serving:
        urls = list(serving.addresses.values())
        if as_json:
            pages = [{"url": url, **_facts(one)} for url, one in zip(urls, made, strict=True)]
            show({"schema": "convscope/explore/1", "url": serving.url, "port": serving.port, "pages": pages})
        else:
            say("\n".join(urls))
        with ExitStack() as files:
            found = [files.enter_context(opened(url)) for url in urls if not no_open]
            where = "in the browser, or at this address" if found and all(found) else "at this address"
            tell(f"note: the page is {where}. It is for you alone; Ctrl-C ends the server")
            serving.wait()
