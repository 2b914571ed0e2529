"""The explorer of a net or a run: a page to click through, as a file, in a notebook, or from a server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import FieldError, WriteError
from convscope.explorer import notebook, summary
from convscope.explorer.build import LARGEST, LIMIT, document_of, run_in, to_json
from convscope.explorer.host import Entry, Host, names
from convscope.explorer.page import one_file, part
from convscope.extras import missing_module
from convscope.files import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.explorer.document import Document
    from convscope.explorer.server import Serving
    from convscope.explorer.widget import ExplorerWidget
    from convscope.training.run import Run

FRAME = (
    '<iframe title="{title}" sandbox="allow-scripts allow-downloads" referrerpolicy="no-referrer" '
    'style="width:100%;height:{height}px;border:1px solid #c9c9c4;border-radius:4px" srcdoc="{page}"></iframe>'
)
"""The page in a notebook: without access to it, or to anything else."""

HEIGHT = 720
"""Height of the page in a notebook [pixel]."""


@dataclass(frozen=True, repr=False, eq=False)
class Explorer:
    """A page about a net or a run. A notebook shows it; elsewhere, it prints the table of the net.

    Attributes:
        document: everything that the page knows.
        run: the run, if it is about one.
    """

    document: Document
    run: Run | None = None

    @property
    def title(self) -> str:
        """Title of the page."""
        return self.document.title

    def to_html(self) -> str:
        """Return the page as one file, which needs no network.

        Raises:
            MissingExtraError: the page has not been built.
        """
        return one_file(self.title, to_json(self.document))

    def save(self, path: str | Path, *, large: bool = False) -> Path:
        """Write the page as one file.

        Args:
            path: its name.
            large: whether it may have more than 20 MB.

        Raises:
            FieldError: it is not a path.
            WriteError: the file cannot be written, or is larger than 20 MB.
            MissingExtraError: the page has not been built.
        """
        if not isinstance(path, str | os.PathLike):
            raise FieldError(f"{path!r:.60} is not a path", expected="the name of a file")
        made, path = self.to_html().encode(), Path(path)
        if len(made) > LARGEST and not large:
            what = f"the page would take {len(made):,} bytes"
            raise WriteError(what, expected=f"{LARGEST:,} at most", attempt="--large; in Python, large=True")
        put(path, made)
        return path

    def serve(self, *, port: int = 0) -> Serving:
        """Serve the page on this machine, with Python at hand for what a page alone cannot do.

        Args:
            port: where; 0 is any free port.

        Returns:
            The running server, which knows its address: ``.url``. It ends with ``.stop()``, or with a ``with`` block.

        Raises:
            FieldError: the number of the port is not valid.
            MachineError: the port is in use.
            MissingExtraError: the page has not been built, or the extra ``explore`` is not installed.
        """
        return serve([self], port=port)

    def __str__(self) -> str:
        return summary.as_text(self.document)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the page in a frame."""
        title, page = f"Explorer: {self.title}", in_attribute(self.to_html())
        return FRAME.format(title=in_attribute(title), height=HEIGHT, page=page)

    def widget(self) -> ExplorerWidget:
        """Return the page as a live widget of a notebook, with Python at hand.

        Raises:
            MissingExtraError: the page has not been built, or the extra ``notebook`` is not installed.
        """
        part("page.js")
        try:
            from convscope.explorer.widget import ExplorerWidget
        except ModuleNotFoundError as error:
            raise missing_module(str(error.name)) from None
        return ExplorerWidget(hosted([self]))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002 -- IPython's
        """Return the page in a frame, the table as text, and the live widget where that is shown without a network."""
        found: dict[str, Any] = {"text/html": self._repr_html_(), "text/plain": str(self)}
        if notebook.is_live() and notebook.has_widgets():
            found |= notebook.view_of(self.widget())
        return found


def explore(
    source: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    against: object = None,
    images: Sequence[str | Path | NDArray[Any]] = (),
    large: bool = False,
) -> Explorer:
    """Make the page to click through about a net or a run.

    Args:
        source: a run, a run folder, a net, or anything that :func:`convscope.read` takes.
        input: size of the input, for a source that does not state it.
        against: another run or its folder, to compare a run with.
        images: your own images: files, or uint8 arrays ``c h w`` of the size that the net takes.
        large: whether the page may have up to 20 MB instead of 5 MB; weights and images are left out for that.

    Returns:
        The page: a notebook shows it, ``.save("page.html")`` writes it, ``.serve()`` serves it on this machine.

    Raises:
        ImageError: an image cannot be read, or the net takes no images.
        RunError: a run folder is damaged, or is not finished and has no checkpoint; or ``against`` is given, and either
            is not a run.
        ConvscopeError: as for :func:`convscope.read`.

    >>> print(explore("input 8x8x1, conv 4 3x3"))
    a net of 1 layer
    input 8x8x1; 1 layer, 40 params, 1.30 k MACs; 0 images
    <BLANKLINE>
    name   op          output  params   MACs  RF
    conv1  conv 4 3x3  6x6x4       40  1,296  3x3
    The net has no weights.
    """
    run = run_in(source)
    limit = LARGEST if large else LIMIT
    return Explorer(document_of(run or source, input=input, against=against, images=images, limit=limit), run)


def in_attribute(text: str) -> str:
    """Escape text for an attribute with double quotes, without changing a letter of it.

    >>> in_attribute('<b title="&amp;">')
    '&lt;b title=&quot;&amp;amp;&quot;&gt;'
    """
    for char, name in (("&", "amp"), ('"', "quot"), ("<", "lt"), (">", "gt")):
        text = text.replace(char, f"&{name};")
    return text


def serve(explorers: Sequence[Explorer], *, port: int = 0) -> Serving:
    """Serve several pages on this machine.

    Raises:
        ConvscopeError: as for :meth:`Explorer.serve`.
    """
    part("page.js")
    try:
        from convscope.explorer.server import Serving
        from convscope.explorer.trainer import Trainer
    except ModuleNotFoundError as error:
        raise missing_module(str(error.name)) from None
    host = hosted(explorers)
    serving = Serving(host, port)
    host.trainer = Trainer(serving.hub.publish, host.show)
    return serving


def hosted(explorers: Sequence[Explorer]) -> Host:
    """Return what is shown of several pages, by name."""
    entries = (Entry(one.title, to_json(one.document), one.document.blobs, one.run) for one in explorers)
    return Host(dict(zip(names(one.title for one in explorers), entries, strict=True)))
