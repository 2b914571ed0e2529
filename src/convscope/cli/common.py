"""Parts shared by the commands: the group, options, printing."""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
import warnings
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import click

from convscope import budget, threads
from convscope.cli.choices import DATA
from convscope.cli.groups import Tasks
from convscope.cli.numbers import real, whole
from convscope.errors import ConvscopeError
from convscope.files import is_run
from convscope.inert import in_json, inert
from convscope.streams import say, tell
from convscope.version import __version__

if TYPE_CHECKING:
    from convscope.training.run import Run

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

JSON = click.option("--json", "as_json", is_flag=True, help="Print plain data for other programs.")
SIZE = click.option("--input", "size", metavar="HxWxC", help="Size of the images, where the data set does not fix it.")

_VALUE = re.compile(r"-?[0-9]*\.[0-9]+|true|false")
"""A constant instead of a size: it has a decimal point, or is a word."""

Size = str | dict[str, str | float | bool] | None
"""The value of ``--input``: the size of the input, or of several by name."""


def _sizes(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> Size:  # noqa: ARG001 -- click's
    """Parse ``--input``, given once, or for each input by name."""
    if len(given) < 2 and not any("=" in one for one in given):
        return given[0] if given else None
    found: dict[str, str | float | bool] = {}
    for one in given:
        name, mark, size = one.rpartition("=")
        if not mark or not name:
            raise click.BadParameter(f'"{one}" names no input; with several, write NAME=HxWxC for each')
        if name in found:
            raise click.BadParameter(f'two sizes are given for the input "{name}"')
        found[name] = size if not _VALUE.fullmatch(size) else size == "true" if size.isalpha() else float(size)
    return found


INPUT = click.option(
    "--input",
    "size",
    metavar="[NAME=]HxWxC",
    multiple=True,
    callback=_sizes,
    help="Size of the input; overrides that of the net. For several inputs, repeat it with names.",
)


OWN_DATA = click.option(
    "--data", type=DATA, help="Data set of a run that was trained elsewhere; it is not opened unless you name it."
)


PROGRAM = "convscope"


def typed() -> str:
    """Return how this program is called here: by its name if the shell finds it, or else by its path, as it was."""
    called, known = sys.argv[0] if sys.argv else "", which(PROGRAM)
    if Path(called).name != PROGRAM or (known and Path(known).resolve() == Path(called).resolve()):
        return PROGRAM
    return shlex.quote(inert(called))


def with_data(source: str, data: str | None) -> str | Run:
    """Return the folder of a run, or the run with the data that the user names."""
    if data is None:
        return source
    from convscope.training.run import load

    return load(source, data=data)


def note_state(source: str, *, images: bool = False, few: bool = False) -> None:
    """Say on stderr that a run is not finished, and that its images are not at hand where they would be used.

    Args:
        source: an argument of a command, which may be the folder of a run.
        images: whether the command uses the run's own images if they are there.
        few: whether it uses only some of them, so that images that have changed are used as well.
    """
    if not is_run(source):
        return
    from convscope.data.facts import at_hand
    from convscope.training.run import load

    try:
        run = load(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the command warns itself
            missing = at_hand(run.dataset, "test", few=few) if images else ""
    except ConvscopeError:  # the command says so itself
        return
    if run.step:
        tell(f"note: {inert(source)} is not finished; its weights are those after step {run.step:,}")
    if missing and isinstance(missing, str):
        tell(f"note: without the images of the run: {inert(missing)} (--data names them)")


OF = click.option("--of", metavar="NAME", help="Name of the input whose pixels are counted, for a net with several.")


def raise_limits() -> click.Option:
    """Add the option that allows a question more work and memory."""

    def entered(context: click.Context, parameter: click.Parameter, times: float | None) -> None:  # noqa: ARG001 -- click's
        if times is not None:
            context.with_resource(budget.raise_limits(times))

    return click.Option(
        ["--raise-limits"],
        metavar="N",
        type=real(1),
        expose_value=False,
        callback=entered,
        help="Allow N times the usual work and memory, for a file that you trust.",
    )


def _threads(context: click.Context, parameter: click.Parameter, count: int | None) -> None:  # noqa: ARG001 -- click's
    if count is not None:
        threads.use(count)


DEVICES = "cpu, cuda, cuda:1, mps, xpu, … or auto, the accelerator of this machine or else its CPU"
UNTESTED = "No accelerator has been tried yet."
DEVICE = click.option("--device", metavar="NAME", help=f"Where to compute: {DEVICES}; the default. {UNTESTED}")
ONE_DEVICE = click.option(
    "--device", metavar="NAME", default="cpu", show_default=True, help=f"Where to compute: {DEVICES}. {UNTESTED}"
)


class Counted(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """A number of threads, or the word ``auto``."""

    name = "threads"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See :class:`click.ParamType`; a number holds at once, since torch reads it when it is loaded."""
        if value == threads.AUTO:
            return value
        count = whole(1, threads.MOST).convert(value, param, ctx)
        threads.use(count)
        return count


TRAIN_THREADS = click.option(
    "--threads",
    type=Counted(),
    metavar="N",
    help="Train with N threads, by default one for each core; auto measures whether one is faster. A run that resumes "
    "or is repeated takes the number that it began with.",
)
THREADS = click.option(
    "--threads",
    type=whole(1, threads.MOST),
    metavar="N",
    expose_value=False,
    callback=_threads,
    help="Compute with N threads, by default one for each core.",
)


def dumped(data: dict[str, Any]) -> str:
    r"""Return plain data as JSON; non-finite numbers, which JSON lacks, become null.

    >>> dumped({"loss": float("nan"), "count": 3})
    '{\n "loss": null,\n "count": 3\n}'
    """
    try:
        return in_json(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False))
    except ValueError:
        return in_json(json.dumps(_finite(data), indent=1, ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show(data: dict[str, Any]) -> None:
    """Print plain data."""
    say(dumped(data))


@click.group(cls=Tasks, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="convscope")
def cli() -> None:
    r"""Convscope is a workbench for convolutional networks.

    A net is one line of text (see docs/reference/notation.md), a file, a model of PyTorch or Keras, a run, or - for
    standard input:

    \b
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope train
      convscope eval runs/mnist-fast-seed0

    Use convscope help COMMAND for the options and examples of a command.
    """
