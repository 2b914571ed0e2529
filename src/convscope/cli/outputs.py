"""Output files: the format follows the suffix, writing is atomic, and inputs are never replaced.

Every command with a result has the option that :func:`out` makes from its *forms*: a table of suffixes, each with a
function for the content of such a file. An unknown suffix or a missing folder is refused before anything is computed.
:func:`deliver` prints or writes a result.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.common import dumped, show
from convscope.errors import WriteError
from convscope.files import put
from convscope.inert import inert, inert_lines
from convscope.streams import present, tell
from convscope.training.contents import FILES, LIVE, REPORT
from convscope.view.cells import table_figure
from convscope.view.figure import FORMATS as DRAWINGS
from convscope.view.parts import Column, Grid, page_html, text_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from convscope.view.figure import Figure

    Make = Callable[[Any], str | bytes]
    Forms = Mapping[str, Make]


def plain(found: Any) -> str:
    """Return a result as JSON."""
    return dumped(found.to_json())


def listing(*keys: str, rows: Callable[[Any], Iterable[Mapping[str, Any]]]) -> Make:
    """Return a result as comma-separated values, with a line for each row."""
    columns = tuple(Column(key) for key in keys)
    return lambda found: Grid(columns, tuple(tuple(str(row[key]) for key in keys) for row in rows(found))).to_csv()


def reported(title: str) -> dict[str, Make]:
    """Return the forms of a result that prints itself and has plain data."""
    return {
        ".txt": str,
        ".json": plain,
        ".html": lambda found: page_html(title, text_html(str(found))),
    }


def tabled(title: str, grid: Callable[[Any], Grid], note: Callable[[Any], str] = lambda _: "") -> dict[str, Make]:
    """Return the forms of a tabular result: those of :func:`reported`, and those of its grid."""
    return reported(title) | {
        ".html": lambda found: page_html(title, grid(found).to_html(note(found))),
        ".md": lambda found: grid(found).to_markdown(),
        ".csv": lambda found: grid(found).to_csv(),
        **drawn(lambda found: table_figure(title, grid(found), note(found)), ".svg", ".png"),
    }


def drawn(figure: Callable[[Any], Figure], *suffixes: str) -> dict[str, Make]:
    """Return the forms of a result with a drawing."""

    def by(make: Callable[[Figure], bytes]) -> Make:
        return lambda found: make(figure(found))

    return {suffix: by(DRAWINGS[suffix]) for suffix in suffixes or DRAWINGS}


@dataclass(frozen=True)
class Out:
    """The output file of a result.

    Attributes:
        path: as the user wrote it.
        suffix: its suffix, one of the command's forms.
        forms: the command's forms by suffix.
    """

    path: str
    suffix: str
    forms: Forms

    def __str__(self) -> str:
        return self.path

    def of(self, forms: Forms) -> Out:
        """Return the same file for a result with other forms.

        Raises:
            WriteError: its suffix is not one of these.
        """
        return Out(self.path, suffix_in(self.path, forms), forms)

    def write(self, found: Any) -> None:
        """Make the content and write it; nothing is written if that fails."""
        self.put(self.forms[self.suffix](found))

    def put(self, content: str | bytes) -> None:
        """Write content atomically, and report it."""
        put(self.path, content if isinstance(content, bytes) else f"{inert_lines(content.rstrip())}\n".encode())
        tell(f"wrote {inert(self.path)}")


class OutFile(click.Path):
    """The name of a file whose suffix determines the format."""

    name = "file"

    def __init__(self, forms: Iterable[str] | Forms) -> None:
        super().__init__(dir_okay=False)
        self.forms: Forms = forms if isinstance(forms, dict) else dict.fromkeys(forms, str)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002 -- click's
        """See :class:`click.ParamType`."""
        return value if isinstance(value, Out) else Out(value, suffix_in(value, self.forms), self.forms)


def suffix_in(path: str, known: Iterable[str]) -> str:
    """Return the suffix of a name in lower case.

    Raises:
        WriteError: the suffix is unknown, the path is a folder, or its folder does not exist.

    >>> suffix_in("T.HTML", (".html", ".csv"))
    '.html'
    """
    suffix = Path(path).suffix.lower()
    if os.path.isdir(path):  # noqa: PTH112 -- Path.is_dir raises where a name is too long
        raise WriteError(f"{path} is a folder", expected=f"the name of a file that ends in {listed(known)}")
    if suffix not in known:
        what = f"does not write {suffix} files" if suffix else "needs a suffix to know what to write"
        raise WriteError(f"{path}: this command {what}", expected=f"a name that ends in {listed(known)}")
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise WriteError(f"{path} cannot be written: {folder} is not a folder")
    return suffix


def listed(words: Iterable[str], last: str = "or") -> str:
    """Join words for a sentence.

    >>> listed([".svg"]), listed([".svg", ".png", ".html"])
    ('.svg', '.svg, .png or .html')
    """
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def out(forms: Forms | Iterable[str], text: str = "Write the result to FILE") -> Callable[[Any], Any]:
    """Return the option ``-o/--out`` of a command with these forms; files that other arguments name are kept."""
    known = OutFile(forms)
    option = click.option("-o", "--out", metavar="FILE", type=known, help=f"{text}: {listed(known.forms)}.")

    def add(command: Callable[..., Any]) -> Any:
        @wraps(command)
        def guarded(*arguments: Any, **given: Any) -> Any:
            refuse_own(given["out"], *_texts(given.values()))
            return command(*arguments, **given)

        return option(guarded)

    return add


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Yield the texts among a command's arguments, single or in sequences."""
    for value in values:
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, str))


def deliver(found: Any, out: Out | None, *, as_json: bool = False, drawing: bool = False) -> None:
    """Print a result as text or data, or write it to a file; print it as well if the file is a drawing."""
    if out is not None:
        out.write(found)
    if as_json:
        show(found.to_json())
    elif out is None or drawing:
        present(found)


def refuse_own(out: Out | str | Path | None, *sources: str | None) -> None:
    """Refuse an output that is the same file as an input, by any name or link.

    :func:`out` does this for a file that the user names; a command does it for its default file.

    Args:
        out: the file that will be written; None for standard output.
        sources: inputs: paths, with or without prefixes and suffixes; other texts are ignored.

    Raises:
        WriteError: both are one file.
    """
    path = out.path if isinstance(out, Out) else out
    written = None if path is None else _identity(path)
    if written is None:
        return
    for source in sources:
        if source and written in _identities(source, Path(path or "")):
            raise WriteError(f"{path} is what this command reads, and would be replaced", expected="another file")


def _identities(source: str, out: Path) -> Iterator[tuple[int, int]]:
    """Yield the files that an argument of a command names."""
    if source == "-":
        try:
            found = os.fstat(0)
        except OSError:
            return
        yield found.st_dev, found.st_ino
    for path in (source, source.rpartition(":")[0], source.partition(":")[2]):
        if not path or len(path) > 4096:
            continue
        inside: list[str | Path] = [path, *(Path(path, name) for name in FILES if name not in {REPORT, LIVE})]
        if path != source:  # folder:PATH, npz:PATH, FILE.py:FUNCTION
            inside += [out] if _lies_in(out, Path(path)) else []
        yield from filter(None, map(_identity, inside))


def _lies_in(file: Path, folder: Path) -> bool:
    """Return whether a file is anywhere in the folder of a data set."""
    try:
        return file.resolve().is_relative_to(folder.resolve()) and folder.is_dir()
    except (OSError, RuntimeError, ValueError):
        return False


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return device and inode of a regular file; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 -- the text may not be a path
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
