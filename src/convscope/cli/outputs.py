"""Files that a command writes: by the suffix of their name, at once or not at all, never onto what it reads.

Every command that gives a result has the option that :func:`out` makes of its *forms*: a table of suffixes, each with
what makes the content of such a file. A suffix that is not in it, or a folder that is not there, is refused before
anything is computed. :func:`deliver` prints a result or writes it.
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
from convscope.training.contents import FILES, REPORT
from convscope.view.cells import table_figure
from convscope.view.figure import FORMATS as DRAWINGS
from convscope.view.parts import Column, Grid, page_html, text_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from convscope.view.figure import Figure

    Make = Callable[[Any], str | bytes]
    Forms = Mapping[str, Make]


def plain(found: Any) -> str:
    """A result as JSON."""
    return dumped(found.to_json())


def listing(*keys: str, rows: Callable[[Any], Iterable[Mapping[str, Any]]]) -> Make:
    """A result as comma-separated values, one line for each of its rows."""
    columns = tuple(Column(key) for key in keys)
    return lambda found: Grid(columns, tuple(tuple(str(row[key]) for key in keys) for row in rows(found))).to_csv()


def reported(title: str) -> dict[str, Make]:
    """The forms of a result that prints itself and gives plain data."""
    return {
        ".txt": str,
        ".json": plain,
        ".html": lambda found: page_html(title, text_html(str(found))),
    }


def tabled(title: str, grid: Callable[[Any], Grid], note: Callable[[Any], str] = lambda _: "") -> dict[str, Make]:
    """The forms of a result that is a table: those of :func:`reported`, and others that show its grid."""
    return reported(title) | {
        ".html": lambda found: page_html(title, grid(found).to_html(note(found))),
        ".md": lambda found: grid(found).to_markdown(),
        ".csv": lambda found: grid(found).to_csv(),
        **drawn(lambda found: table_figure(title, grid(found), note(found)), ".svg", ".png"),
    }


def drawn(figure: Callable[[Any], Figure], *suffixes: str) -> dict[str, Make]:
    """The forms of a result that has a drawing."""

    def by(make: Callable[[Figure], bytes]) -> Make:
        return lambda found: make(figure(found))

    return {suffix: by(DRAWINGS[suffix]) for suffix in suffixes or DRAWINGS}


@dataclass(frozen=True)
class Out:
    """A file that a result goes to.

    Attributes:
        path: as the user wrote it.
        suffix: of the forms of the command, the one that the name ends in.
        forms: what the command can write, by suffix.
    """

    path: str
    suffix: str
    forms: Forms

    def __str__(self) -> str:
        return self.path

    def of(self, forms: Forms) -> Out:
        """The same file, of a result that has other forms.

        Raises:
            WriteError: its suffix is not one of these.
        """
        return Out(self.path, suffix_in(self.path, forms), forms)

    def write(self, found: Any) -> None:
        """Make the content and put it in place; nothing is written where it cannot be made."""
        self.put(self.forms[self.suffix](found))

    def put(self, content: str | bytes) -> None:
        """Put a content in place at once, and say so."""
        put(self.path, content if isinstance(content, bytes) else f"{inert_lines(content.rstrip())}\n".encode())
        tell(f"wrote {inert(self.path)}")


class OutFile(click.Path):
    """The name of a file whose suffix says what is written into it."""

    name = "file"

    def __init__(self, forms: Iterable[str] | Forms) -> None:
        super().__init__(dir_okay=False)
        self.forms: Forms = forms if isinstance(forms, dict) else dict.fromkeys(forms, str)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002 -- click's
        """See :class:`click.ParamType`."""
        return value if isinstance(value, Out) else Out(value, suffix_in(value, self.forms), self.forms)


def suffix_in(path: str, known: Iterable[str]) -> str:
    """The suffix of a name, in small letters.

    Raises:
        WriteError: it is not one of those that are known, the path is a folder, or its own folder is not there.

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
    """Words in a sentence.

    >>> listed([".svg"]), listed([".svg", ".png", ".html"])
    ('.svg', '.svg, .png or .html')
    """
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def out(forms: Forms | Iterable[str], text: str = "Write the result to FILE") -> Callable[[Any], Any]:
    """The option ``-o/--out`` of a command with these forms; whatever file another word of it names is not replaced."""
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
    """The words among what a command is given, alone or in a row."""
    for value in values:
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, str))


def deliver(found: Any, out: Out | None, *, as_json: bool = False, drawing: bool = False) -> None:
    """Print a result, as text or as data; or write it to a file, and print it only if that is a drawing of it."""
    if out is not None:
        out.write(found)
    if as_json:
        show(found.to_json())
    elif out is None or drawing:
        present(found)


def refuse_own(out: Out | str | Path | None, *sources: str | None) -> None:
    """Refuse an output that lies where an input does, whatever name or link leads there.

    :func:`out` does so for a file that the user names; a command does for the one that it writes by default.

    Args:
        out: the file that will be written; None for standard output.
        sources: what is read: paths, with or without the words around them; other texts do not matter.

    Raises:
        WriteError: they are one file.
    """
    path = out.path if isinstance(out, Out) else out
    written = None if path is None else _identity(path)
    if written is None:
        return
    for source in sources:
        if source and written in _identities(source, Path(path or "")):
            raise WriteError(f"{path} is what this command reads, and would be replaced", expected="another file")


def _identities(source: str, out: Path) -> Iterator[tuple[int, int]]:
    """The files that are read, where a word of a command names them."""
    if source == "-":
        try:
            found = os.fstat(0)
        except OSError:
            return
        yield found.st_dev, found.st_ino
    for path in (source, source.rpartition(":")[0], source.partition(":")[2]):
        if not path or len(path) > 4096:
            continue
        inside: list[str | Path] = [path, *(Path(path, name) for name in FILES if name != REPORT)]
        if path != source:  # folder:PATH, npz:PATH, FILE.py:FUNCTION
            inside += [out] if _lies_in(out, Path(path)) else []
        yield from filter(None, map(_identity, inside))


def _lies_in(file: Path, folder: Path) -> bool:
    """Whether a file lies anywhere in the folder of a data set."""
    try:
        return file.resolve().is_relative_to(folder.resolve()) and folder.is_dir()
    except (OSError, RuntimeError, ValueError):
        return False


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Device and number of a regular file; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 -- a word may be no path at all
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
