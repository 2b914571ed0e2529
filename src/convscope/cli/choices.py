"""Choices of options: ``--help`` lists them, errors name them, and shells complete them.

Lists are loaded on demand, so that no command loads the modules of another.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from convscope.errors import ConvscopeError, unknown
from convscope.files import is_run
from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Names = Callable[[], Iterable[str]]

_PLAIN = re.compile(r"[\w.,:/@%+=-]*")
"""Letters that mean nothing to a shell."""

MOST = 200
"""The most words that are offered to a shell."""


class Chosen(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """A word from a list.

    Args:
        kind: what the words name, for errors.
        names: returns the words.
        aliases: other words that are understood, and what each stands for.
    """

    def __init__(self, kind: str, names: Names, aliases: Callable[[], Mapping[str, str]] = dict) -> None:
        self.kind: str = kind
        self.names: Names = names
        self.aliases: Callable[[], Mapping[str, str]] = aliases
        self.name: str = kind

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:  # noqa: ARG002 -- click's
        """Return the words for ``--help``."""
        return f"[{'|'.join(self.names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002 -- click's
        """See :class:`click.ParamType`."""
        names, aliases = list(self.names()), self.aliases()
        if value not in names and value not in aliases:
            raise unknown(self.kind, str(value), names, aliases)
        return aliases.get(value, value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 -- click's
        """Complete a word."""
        return beginning(self.names(), incomplete)


class Known(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """A word that is usually from a list, but may be something else: a file, or a name of the user's own.

    Args:
        name: its name in ``--help``, in capitals.
        names: returns the words that a shell offers, given the arguments so far.
        then: the alternative: ``file``, ``dir`` or nothing.
    """

    def __init__(self, name: str, names: Callable[[click.Context, str], Iterable[str]], then: str = "") -> None:
        self.name: str = name
        self.names: Callable[[click.Context, str], Iterable[str]] = names
        self.then: str = then

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 -- click's
        """Complete a word, or a file."""
        try:
            found = beginning(self.names(ctx, incomplete), incomplete)
        except (ConvscopeError, OSError, ImportError):
            found = []
        # files first: bash forgets what stands before them, and offers them where no word fits
        return [CompletionItem(incomplete, type=self.then), *found] if self.then else found


def beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    r"""Words that begin with what is typed; none of which the rest would act on the terminal, or in the shell.

    A shell puts a word on the line as it is: a name from a file that has a semicolon, a dollar sign or a blank in it
    would be a command, or two words. Such a name is typed in quotation marks.

    >>> [item.value for item in beginning(["conv", "concat", "pool", "con\x1b[31m", "con;ls", "con$(ls)"], "con")]
    ['conv', 'concat']
    """
    fitting = (name for name in names if name.startswith(incomplete) and inert(name) == name)
    return [CompletionItem(name) for name in fitting if _PLAIN.fullmatch(name[len(incomplete) :])][:MOST]


def one_of(kind: str, *names: str, **aliases: str) -> Chosen:
    """Return a type for one of these words.

    >>> one_of("split", "train", "test").convert("test", None, None)
    'test'
    """
    return Chosen(kind, lambda: names, lambda: aliases)


def recipes() -> list[str]:
    """Return the names of recipes."""
    from convscope.training.recipe import RECIPES

    return list(RECIPES)


def data_names() -> list[str]:
    """Return the names of data sets, and the prefixes of users' own sets."""
    from convscope.data.kinds import kinds
    from convscope.data.registry import DATASETS

    return [*DATASETS, *(f"{kind}:" for kind in kinds())]


def ops() -> list[str]:
    """Return the keywords of ops."""
    from convscope.core.op import REGISTRY
    from convscope.frontends import text  # noqa: F401 -- fills the registry

    return sorted(REGISTRY)


def runs(incomplete: str) -> list[str]:
    """Return run folders, in ``runs`` or at the typed path."""
    typed = Path(incomplete)
    places = [Path("runs"), typed if incomplete.endswith("/") else typed.parent]
    found = [path for place in dict.fromkeys(places) if place.is_dir() for path in place.iterdir() if is_run(path)]
    return sorted(map(str, found), key=str)


def nets(incomplete: str) -> list[str]:
    """Return completions of a net: a run, a model of a package, or a text that continues with an op."""
    from convscope.frontends.named import PACKAGES

    if incomplete.startswith("input "):
        head, mark, _ = incomplete.rpartition(" ")
        return [head + mark + name for name in ops()]
    return [*runs(incomplete), *(f"{package}:" for package in PACKAGES)]


def layers(source: str) -> list[str]:
    """Return the names of layers of a net that can be read without running foreign code."""
    from convscope.frontends import read

    if source == "-" or not (source.startswith("input ") or is_run(source) or source.endswith((".cnn", ".onnx"))):
        return []
    return [layer.node.name for layer in read(source)]


RECIPE = Known("RECIPE", lambda _, __: recipes(), "file")
DATA = Known("DATA", lambda _, __: data_names())


class Model(Known):
    """A net or a run; one on the hub of Hugging Face is fetched."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002 -- click's
        """See :class:`click.ParamType`."""
        from convscope.frontends import hub

        return str(hub.fetched(value)) if hub.is_name(value) else value


RUN = Model("RUN", lambda _, typed: runs(typed), "dir")
NET = Model("NET", lambda _, typed: nets(typed), "file")


def _source(context: click.Context) -> str:
    """Return the net of an unfinished command line, whose arguments are not parsed while an option lacks its value."""
    given = context.params.get("net") or context.params.get("source") or next(iter(context.args), "")
    return str(given)


LAYER = Known("LAYER", lambda context, _: layers(_source(context)))
