"""The command that puts an image through a kernel; it loads no torch."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from convscope.cli.common import JSON, cli, show
from convscope.cli.outputs import refuse_own
from convscope.errors import FieldError
from convscope.inert import inert
from convscope.streams import present, say, tell

if TYPE_CHECKING:
    from convscope.lens.filters import Filtered


@cli.command("filter")
@click.argument("image", metavar="IMAGE")
@click.option("-k", "--kernel", metavar="KERNEL", help="A preset, or rows of numbers with semicolons between.")
@click.option("-o", "--out", metavar="FILE", help="Write the result to FILE, replacing it; its name tells the format.")
@click.option("--border", default="reflect", show_default=True, metavar="BORDER", help="What lies beyond the image.")
@click.option(
    "--response", metavar="RESPONSE", help="clip, absolute or signed; absolute by default where the taps sum to zero."
)
@click.option("--flip", is_flag=True, help="Turn the kernel by half a circle first: the true convolution.")
@click.option("--explain", metavar="Y,X", help="Print the sum after that pixel, term by term.")
@click.option("--sheet", is_flag=True, help="All presets on one contact sheet: .png, .svg or .html.")
@JSON
def filter_(
    image: str,
    kernel: str | None,
    out: str | None,
    border: str,
    response: str | None,
    explain: str | None,
    *,
    flip: bool,
    sheet: bool,
    as_json: bool,
) -> None:
    r"""Put IMAGE through a kernel, each colour for itself: what a conv layer with one filter does.

    \b
    KERNEL    identity, blur[:SIDE], gaussian[:SIGMA], sharpen, edge, sobel-x, sobel-y, laplacian, emboss,
              or numbers: "0 -1 0; -1 5 -1; 0 -1 0"; 1/9 is a number
    BORDER    zero, reflect, symmetric (mirrored with the outermost pixels twice), replicate, circular,
              none (the kernel stays inside: the result is smaller)
    RESPONSE  clip: cut off at black and white;  absolute: without its sign, cut off at white;
              signed: zero is middle grey, the largest size black or white

    It is a cross-correlation, as in torch, in our conv layers and in OpenCV; --flip gives the true convolution. A
    kernel with an even side has its second middle on the pixel. A kernel may be larger than the image: the border
    goes on. Values are taken as they are stored. Alpha is kept, not filtered. 16 bits stay 16 bits.

    \b
    Examples:
      convscope filter photo.jpg --kernel sobel-x -o edges.png
      convscope filter photo.jpg -k "0 -1 0; -1 5 -1; 0 -1 0" -o sharp.png
      convscope filter photo.jpg -k gaussian:2 --explain 0,0
      convscope filter photo.jpg --sheet -o sheet.png
    """
    _check_asked(kernel, out, explain, response, sheet=sheet, as_json=as_json)
    refuse_own(out, image)
    if sheet:
        from convscope.lens.filter_sheet import sheet as drawn

        say(inert(str(drawn(image, border=border, flip=flip).save(out or ""))))
        return
    from convscope.lens.filters import filtered

    at = _place(explain) if explain else None
    found = filtered(image, kernel or "", border=border, response=response, flip=flip, out=out)
    terms = found.explain(*at) if at else None
    encoding = _written(found, out) if out else None
    if as_json:
        seconds = {"decode": found.decoding, "filter": found.seconds, "encode": encoding}
        show(found.to_json() | {"out": out, "seconds": seconds} | ({"explain": terms.to_json()} if terms else {}))
    else:
        present(terms or f"{inert(out or '')}: {str(found).partition(': ')[2]}")
    told = f", encoded in {encoding:.2f} s" if encoding is not None else ""
    tell(f"decoded in {found.decoding or 0:.2f} s, filtered in {found.seconds:.2f} s{told}")


def _check_asked(
    kernel: str | None, out: str | None, explain: str | None, response: str | None, *, sheet: bool, as_json: bool
) -> None:
    """Raise UsageError unless the options go together."""
    if sheet and (kernel or explain or response or as_json):
        raise click.UsageError("--sheet shows all presets: it takes no --kernel, --explain, --response or --json")
    if not sheet and kernel is None:
        raise click.UsageError("say which kernel: --kernel sobel-x, or --sheet for all presets")
    if out is None and (sheet or not (explain or as_json)):
        raise click.UsageError("say where to: -o FILE")


def _place(text: str) -> tuple[int, int]:
    """``y,x``.

    Raises:
        FieldError: it is something else.
    """
    words = text.split(",")
    if len(words) != 2 or not all(word.strip().isdecimal() for word in words):
        raise FieldError(
            f'"{text[:40]}" is not a pixel', expected="its row and its column, counted from 0, such as 10,20"
        )
    return int(words[0]), int(words[1])


def _written(found: Filtered, out: str) -> float:
    """Write the image; how long that took [second]."""
    started = perf_counter()
    found.save(Path(out))
    return perf_counter() - started
