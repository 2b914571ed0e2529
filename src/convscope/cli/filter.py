"""The command that applies a kernel to an image, without torch."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from convscope.cli.choices import Chosen, Known
from convscope.cli.common import JSON, cli, show
from convscope.cli.outputs import listed, out
from convscope.errors import FieldError, WriteError
from convscope.inert import inert
from convscope.streams import present, say, tell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convscope.cli.outputs import Out
    from convscope.lens.filters import Filtered

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
SHEETS = (".png", ".svg", ".html")
"""What a filtered image is written as, and a contact sheet."""


def _presets() -> Iterable[str]:
    from convscope.lens.filter_kernels import PRESETS

    return PRESETS


def _borders() -> Iterable[str]:
    from convscope.lens.filter_engine import BORDERS

    return BORDERS


def _responses() -> Iterable[str]:
    from convscope.lens.filter_engine import RESPONSES

    return RESPONSES


@cli.command("filter")
@click.argument("image", metavar="IMAGE")
@click.option(
    "-k",
    "--kernel",
    type=Known("KERNEL", lambda _, __: _presets()),
    help="A preset, or rows of numbers between semicolons.",
)
@out(dict.fromkeys((*IMAGES, *SHEETS), str))
@click.option(
    "--border",
    default="reflect",
    show_default=True,
    help="Pixels beyond the border of the image.",
    type=Chosen("border", _borders, lambda: {"valid": "none", "wrap": "circular", "mirror": "reflect"}),
)
@click.option(
    "--response",
    help="How values become grey levels; absolute by default if the taps sum to zero, else clip.",
    type=Chosen("response", _responses, lambda: {"abs": "absolute", "raw": "signed"}),
)
@click.option("--flip", is_flag=True, help="Rotate the kernel by 180 degrees first: the true convolution.")
@click.option("--explain", metavar="Y,X", help="Print the sum at that pixel, term by term.")
@click.option("--sheet", is_flag=True, help="Draw all presets on one contact sheet.")
@JSON
def filter_(
    image: str,
    kernel: str | None,
    out: Out | None,
    border: str,
    response: str | None,
    explain: str | None,
    *,
    flip: bool,
    sheet: bool,
    as_json: bool,
) -> None:
    r"""Apply a kernel to an image.

    Each colour channel is filtered on its own, as a conv layer with a single filter does.

    \b
    KERNEL    identity, blur[:SIDE], gaussian[:SIGMA], sharpen, edge, sobel-x, sobel-y, laplacian, emboss,
              or numbers: "0 -1 0; -1 5 -1; 0 -1 0"; 1/9 is a number
    BORDER    zero, reflect, symmetric (mirrored with the outermost pixels twice), replicate, circular,
              none (the kernel stays inside, so the result is smaller)
    RESPONSE  clip: cut off at black and white;  absolute: without the sign, cut off at white;
              signed: zero is middle grey, the largest magnitude is black or white

    It is a cross-correlation, as in PyTorch, in our conv layers and in OpenCV; --flip gives the true convolution. A
    kernel with an even side is centred on the second of its two middle taps. A kernel may be larger than the image.
    Values are used as stored. The alpha channel is kept, not filtered. 16 bits stay 16 bits.

    \b
    Examples:
      convscope filter photo.jpg --kernel sobel-x -o edges.png
      convscope filter photo.jpg -k "0 -1 0; -1 5 -1; 0 -1 0" -o sharp.png
      convscope filter photo.jpg -k gaussian:2 --explain 0,0
      convscope filter photo.jpg --sheet -o sheet.png
    """
    _check_asked(kernel, out, explain, response, sheet=sheet, as_json=as_json)
    if sheet:
        from convscope.lens.filter_sheet import sheet as drawn

        say(inert(str(drawn(image, border=border, flip=flip).save(out.path if out else ""))))
        return
    from convscope.lens.filters import filtered

    at = _place(explain) if explain else None
    path = out.path if out else None
    found = filtered(image, kernel or "", border=border, response=response, flip=flip, out=path)
    terms = found.explain(*at) if at else None
    encoding = _written(found, path) if path else None
    if as_json:
        seconds = {"decode": found.decoding, "filter": found.seconds, "encode": encoding}
        show(found.to_json() | {"out": path, "seconds": seconds} | ({"explain": terms.to_json()} if terms else {}))
    else:
        present(terms or f"{inert(path or '')}: {str(found).partition(': ')[2]}")
    told = f", encoded in {encoding:.2f} s" if encoding is not None else ""
    tell(f"decoded in {found.decoding or 0:.2f} s, filtered in {found.seconds:.2f} s{told}")


def _check_asked(
    kernel: str | None, out: Out | None, explain: str | None, response: str | None, *, sheet: bool, as_json: bool
) -> None:
    """Raise UsageError for incompatible options."""
    if sheet and (kernel or explain or response or as_json):
        raise click.UsageError("--sheet shows all presets: it takes no --kernel, --explain, --response or --json")
    if not sheet and kernel is None:
        raise click.UsageError("no kernel is given: use --kernel sobel-x, for example, or --sheet for all presets")
    if out is None and (sheet or not (explain or as_json)):
        raise click.UsageError("no output is given: name a file with -o FILE")
    forms, what = (SHEETS, "a contact sheet") if sheet else (IMAGES, "a filtered image")
    if out and out.suffix not in forms:
        raise WriteError(f"{out} is not a file name for {what}", expected=f"a name that ends in {listed(forms)}")


def _place(text: str) -> tuple[int, int]:
    """Parse ``y,x``.

    Raises:
        FieldError: the text has another form.
    """
    words = text.split(",")
    if len(words) != 2 or not all(word.strip().isdecimal() for word in words):
        raise FieldError(
            f'"{text[:40]}" is not a pixel', expected="its row and its column, counted from 0, such as 10,20"
        )
    return int(words[0]), int(words[1])


def _written(found: Filtered, out: str) -> float:
    """Write the image; return the time for encoding [second]."""
    started = perf_counter()
    found.save(Path(out))
    return perf_counter() - started
