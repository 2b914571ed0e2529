"""The output of the command ``table`` for a weights file, or for the complete model in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.cli.common import dumped
from convscope.errors import FieldError, ModelError
from convscope.frontends import read
from convscope.frontends.weights import read_weights
from convscope.view.cells import table_figure
from convscope.view.parts import page_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.analyze.table import LayerTable
    from convscope.cli.common import Size
    from convscope.frontends.weights import WeightFile
    from convscope.view.figure import Figure


def _figure(found: WeightFile) -> Figure:
    return table_figure(found.path, found.grid(), found.note())


FORMATS: dict[str, Callable[[WeightFile], str | bytes]] = {
    "text": lambda found: found.to_text(),
    "json": lambda found: dumped(found.to_json()),
    "markdown": lambda found: found.grid().to_markdown(),
    "csv": lambda found: found.grid().to_csv(),
    "html": lambda found: page_html(found.path, found.grid().to_html(found.note())),
    "svg": lambda found: _figure(found).to_svg(),
    "png": lambda found: _figure(found).to_png(),
}
"""Formats for the table of a weights file."""


def weights_text(path: str, form: str) -> str | bytes:
    """Read the tensors of a file.

    Raises:
        ModelError: the file is damaged, or contains more than tensors.
        FieldError: the format is for nets only.
    """
    if form not in FORMATS:
        raise FieldError(
            f"--to {form} is for nets, {path} is a file of weights", expected=f"one of {', '.join(FORMATS)}"
        )
    return FORMATS[form](read_weights(path))


def trusted_table(path: str, size: Size) -> LayerTable | None:
    """Return the layers of the model in a file, loaded with its code; None for a file without code.

    Raises:
        ModelError: the model cannot be loaded.
        FieldError: the size of the input is not given.
    """
    try:
        read_weights(path)
    except ModelError:
        from convscope.frontends.torch.trusted import load_trusted

        return read(load_trusted(path), input=size).table()
    return None
