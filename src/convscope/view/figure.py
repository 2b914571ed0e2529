"""A figure: parts under a title, written as SVG, HTML and PNG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.errors import WriteError
from convscope.extras import missing_extra
from convscope.files import put
from convscope.inert import in_html
from convscope.view.layout import GAP, LARGE, SMALL, Down, Words, broken, number
from convscope.view.parts import page_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.view.layout import Part
    from convscope.view.parts import Grid

STYLE = (
    ".cs{font-family:system-ui,'Segoe UI','DejaVu Sans',Arial,sans-serif;fill:currentColor}"
    ".cs .rule{stroke:currentColor;stroke-opacity:.55;fill:none}"
    ".cs .faint{stroke:currentColor;stroke-opacity:.15;fill:none}"
    ".cs .soft{fill-opacity:.7}"
    ".cs image{image-rendering:pixelated}"
)
ALONE = "svg{color:#1c1c1c;background:#fff}@media(prefers-color-scheme:dark){svg{color:#e4e4e4;background:#16181b}}"
"""Style for a file of its own; within a page, the page's colours apply."""

LEAST, BOLD = 520, 1.08
"""The least width at which text below a drawing is broken [pixel]; width of bold letters relative to regular ones."""

PAPER = "svg{color:#1c1c1c;background:#fff}"

FONTS = Path(__file__).parent / "fonts"
"""The font of PNGs, which are thus equal on all machines, even without system fonts."""

FONT = "Roboto"


@dataclass(frozen=True)
class Figure:
    """A drawing with a title, a note, and a table of its values.

    Attributes:
        title: title above the drawing.
        body: the drawing.
        note: text below the drawing; line breaks are kept.
        table: the values, shown below the drawing on a page.
    """

    title: str
    body: Part
    note: str = ""
    table: Grid | None = None

    def _whole(self) -> Down:
        wide = max(self.body.width, LEAST)
        lines = [part for line in self.note.split("\n") for part in broken(line, wide, SMALL)] if self.note else []
        title = Words(tuple(broken(self.title, wide / BOLD, LARGE)), LARGE, bold=True)
        return Down((title, self.body, *([Words(tuple(lines), SMALL, soft=True)] if lines else [])))

    def _svg(self, style: str) -> str:
        whole = self._whole()
        wide, high = number(whole.width + 2 * GAP), number(whole.height + 2 * GAP)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
            f'role="img" aria-label="{in_html(self.title)}"><style>{style}{STYLE}</style>'
            f'<g class="cs">{whole.draw(GAP, GAP)}</g></svg>'
        )

    def to_svg(self) -> str:
        """Return a stand-alone SVG file, light or dark as the reader's system prefers."""
        return self._svg(ALONE) + "\n"

    def to_html(self) -> str:
        """Return a fragment of a page in the page's colours, without scripts; on a narrow page it scrolls.

        A drawing is never made smaller, so that its text keeps its size.
        """
        drawing = self._svg("").replace("<svg ", '<svg style="display:block;color:inherit" ', 1)
        table = f"<details><summary>values</summary>{self.table.to_html()}</details>" if self.table else ""
        return f'<figure tabindex="0" style="margin:0;overflow-x:auto">{drawing}{table}</figure>'

    _repr_html_ = to_html

    def to_png(self, zoom: float = 2.0) -> bytes:
        """Render on white, with each pixel enlarged by a factor.

        Raises:
            MissingExtraError: resvg is not installed.
        """
        try:
            import resvg_py
        except ImportError:
            raise missing_extra("resvg_py, which draws PNGs,", "look") from None
        drawn = resvg_py.svg_to_bytes(
            svg_string=self._svg(PAPER).replace("font-family:", f"font-family:{FONT},"),
            background="#ffffff",
            zoom=zoom,
            font_files=[str(path) for path in sorted(FONTS.glob("*.ttf"))],
            font_family=FONT,
            sans_serif_family=FONT,
            monospace_family=FONT,
        )
        return bytes(drawn)

    def save(self, path: str | Path) -> Path:
        """Write a file in the format of its suffix: ``.svg``, ``.html`` or ``.png``.

        Raises:
            WriteError: the suffix is unknown, or the file cannot be written.
            MissingExtraError: resvg is not installed.
        """
        path = Path(path)
        make = FORMATS.get(path.suffix.lower())
        if make is None:
            raise WriteError(f"{path}: no image is written under such a name", expected=f"one of {', '.join(FORMATS)}")
        put(path, make(self))
        return path


FORMATS: dict[str, Callable[[Figure], bytes]] = {
    ".svg": lambda figure: figure.to_svg().encode(),
    ".html": lambda figure: page_html(figure.title, figure.to_html()).encode(),
    ".png": Figure.to_png,
}
"""The writers of a figure by suffix."""
