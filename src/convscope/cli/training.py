"""The command that trains a net."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import DATA, NET, RECIPE, RUN, one_of
from convscope.cli.common import DEVICE, INPUT, JSON, TRAIN_THREADS, cli, show, typed
from convscope.cli.numbers import SEED, real, whole
from convscope.cli.sweeping import swept
from convscope.errors import ConvscopeError
from convscope.inert import inert
from convscope.streams import present, say, tell
from convscope.threads import AUTO, hint
from convscope.threads import stated as stated_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convscope.progress import Progress
    from convscope.training.plan import Plan
    from convscope.training.run import Run

    Report = Callable[[Progress], None]


@cli.command()
@click.argument("net", required=False, type=NET)
@INPUT
@click.option("--data", type=DATA, help="Data set: a name, folder, .zip, .csv, .npz …; by default that of the recipe.")
@click.option("--skip-bad", is_flag=True, help="Skip files of the data set that are not images.")
@click.option("--recipe", type=RECIPE, help="Recipe, or a .toml file; by default fast, or own for your images.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Seed for weights, data order and shifts.")
@click.option("--epochs", type=real(), help="Passes over the training set; by default those of the recipe.")
@click.option("--batch", type=whole(), help="Images per step; by default those of the recipe.")
@click.option("--lr", type=real(), help="Peak learning rate; by default that of the recipe.")
@click.option("--lr-head", type=real(0), help="Peak learning rate of the head; by default that of all layers.")
@click.option(
    "--freeze", multiple=True, metavar="PATTERN", help="Do not train the layers of these names, such as 'layer1.*'."
)
@click.option(
    "--init",
    default="model",
    show_default=True,
    type=one_of("start", "model", "random"),
    help="Start from the weights that NET brings, if it has any, or from random ones.",
)
@click.option("--weights", metavar="FILE", help="Weights for NET: .safetensors, or a state_dict in .pt or .pth.")
@click.option(
    "--scale",
    type=one_of("scale", "data", "unit", "raw"),
    help="Scale of the images: by mean and deviation of the data, 0 to 1, or 0 to 255; by default that of the run that "
    "brings the weights, or else of the data.",
)
@click.option("--balance", is_flag=True, help="Draw equally many images of each class.")
@click.option(
    "--keep",
    type=one_of("choice", "last", "best"),
    help="Keep the weights of the last step, or of the epoch with the best validation; by default the last.",
)
@click.option("--patience", type=whole(), metavar="N", help="End when validation has not become better for N epochs.")
@click.option("--name", metavar="NAME", help="Name of the run folder; by default DATA-RECIPE-seedN.")
@click.option(
    "-o", "--out", metavar="FOLDER", default="runs", show_default=True, help="Folder in which the run folder is made."
)
@click.option("--save-every", default=60.0, show_default=True, type=real(0), help="Seconds between checkpoints.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=one_of("log", "csv", "tensorboard", "trackio", "wandb", "mlflow"),
    help="Also write a log of this kind, beside metrics.jsonl.",
)
@click.option("--resume", "resumed", type=RUN, help="Resume a run that was stopped.")
@click.option("--strict", is_flag=True, help="With --resume: never fall back to an older checkpoint.")
@click.option("--from", "repeated", type=RUN, help="Repeat a run, with its net, data, recipe and seed.")
@DEVICE
@TRAIN_THREADS
@click.option("--find-lr", is_flag=True, help="Sweep the learning rate, suggest one and stop; -o FILE draws the sweep.")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@click.option("--no-report", is_flag=True, help="Do not write report.html and explorer.html into the run folder.")
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@JSON
@click.pass_context
def train(
    context: click.Context, /, *, quiet: bool, as_json: bool, dry_run: bool, no_report: bool, **given: Any
) -> int:
    r"""Train a net.

    Trains NET, by default that of the recipe, or for your own images one that suits their size and number, and makes a
    run folder. Prints [loss, accuracy] on the test set after the last epoch, the number of parameters, the seconds, and
    the path of a page about the run to open in a browser.
    Ctrl-C and SIGTERM finish the step and save. A run that was stopped or killed resumes with --resume, and reaches
    the same weights bit for bit.

    \b
    Examples:
      convscope train
      convscope train "input 28x28x1, conv 8 3x3 relu, gap, linear 10" --lr 1
      convscope train net.cnn --recipe fast --seed 3 -o experiments
      convscope train --data folder:photos
      convscope train --data folder:photos --find-lr -o sweep.svg
      convscope train mine.py:make_net --data cifar10 --recipe cifar10-small
      convscope train --recipe tiny-8k --dry-run
      convscope train --resume runs/mnist-fast-seed0
      convscope train --from runs/mnist-fast-seed0 --name again
    """
    from convscope.progress import display

    if given.pop("find_lr"):
        return swept(context, given, as_json=as_json)
    doubts: list[str] = []
    work = _work(context, given, doubts.append, dry_run=dry_run, quiet=quiet)
    if work is None:
        planned = _plan(given)
        show(planned.to_json()) if as_json else present(planned)
        return 0
    from convscope.training.distributed import is_first
    from convscope.training.signals import Stopped

    start = perf_counter(), process_time()
    try:
        with display(quiet=quiet or not is_first()) as report:
            done = work(report)
    except Stopped as stopped:
        if is_first():
            tell(f"{stopped}\nresume it with: {typed()} train --resume {inert(str(stopped.path))}")
        return 128 + stopped.signal
    if not is_first():
        return 0
    _warn(*doubts)  # below the bar
    if not quiet:
        _hint(done, perf_counter() - start[0], process_time() - start[1])
    pages: dict[str, Path | None] = {"report": None, "explorer": None}
    if not no_report:
        pages = _pages(done, given["device"])
    if as_json:
        show({**done.to_json(), **{name: str(page) if page else None for name, page in pages.items()}})
        return 0
    _said(done, given["repeated"], pages)
    if not quiet:
        _next(done)
    return 0


def _said(done: Run, repeated: str | None, pages: dict[str, Path | None]) -> None:
    """Print the result of a run."""
    result = done.result
    say(done.score())
    say(f"test loss {result.loss:.4f}, test accuracy {100 * result.accuracy:.2f} %")
    say(f"params {result.params:,}")
    say(f"seconds {result.seconds:.2f} of training, {result.images_per_second:,.0f} images/s")
    say(f"run {inert(str(done.path))}")
    if repeated:
        say(_compared(done, repeated))
    for name, page in pages.items():
        if page:
            say(f"{name} {inert(str(page))}")


def _next(done: Run) -> None:
    """Suggest commands that use the run."""
    run, own = shlex.quote(inert(str(done.path))), typed()
    uses = {
        f"{own} explore {run}": "click through the run",
        f"{own} look {run} --what mistakes": "the images that it gets wrong",
        f"{own} predict {run} IMAGE": "classify other images",
        f"{own} export {run} -o net.onnx": "use it in other programs",
    }
    width = max(map(len, uses))
    tell("next:\n" + "\n".join(f"  {use:<{width}}  {what}" for use, what in uses.items()))


def _hint(done: Run, seconds: float, processor: float) -> None:
    """Report that other programs took the processors."""
    from convscope.training import environment

    began, _, _ = environment.noted(done.path)
    if began["device"] == environment.ALWAYS["device"] and isinstance(began["threads"], int):
        words = hint(seconds, processor, began["threads"])
        if words:
            tell(f"hint: {words}")


def _pages(done: Run, device: str | None) -> dict[str, Path | None]:
    """Write the pages about a run, one to read and one to click through."""
    return {"report": _reported(done, device), "explorer": _live(done)}


def _reported(done: Run, device: str | None) -> Path | None:
    """Write the page about a run; a failure does not affect the run."""
    from convscope.reporting.report import report
    from convscope.training.contents import REPORT

    try:
        return report(done, device=device).save(done.path / REPORT)
    except ConvscopeError as error:
        _warn(f"no report: {error.told()}")
        return None


def _live(done: Run) -> Path | None:
    """Write the page to click through, unless it is too large to be mailed; a failure does not affect the run."""
    from convscope.explorer.build import LIMIT
    from convscope.explorer.explore import explore
    from convscope.training.contents import LIVE

    try:
        made = explore(done)
        if len(made.to_html()) > LIMIT:
            tell(f"note: {LIVE} would have more than {LIMIT // 10**6} MB and is left out; `{typed()} explore` shows it")
            return None
        return made.save(done.path / LIVE)
    except ConvscopeError as error:
        tell(f"note: {LIVE} is left out: {error.told()}")
        return None


def _work(
    context: click.Context, given: dict[str, Any], doubt: Callable[[str], None], *, dry_run: bool, quiet: bool
) -> Callable[[Report], Run] | None:
    """Return the task as a function of the progress display; None for a dry run."""
    stated = {name for name in given if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    if given["strict"] and not given["resumed"]:
        raise click.UsageError("--strict requires --resume")
    for option, allowed in (
        ("resumed", {"data", "strict", "save_every", "logs", "device", "threads"}),
        ("repeated", {"data", "name", "out", "device", "threads"}),
    ):
        more = stated - allowed - {option}
        if given[option] and (more or dry_run):
            raise click.UsageError(
                f"{OPTIONS[option]} takes its settings from the run; it cannot be used with {_listed(more)}"
            )
    _place(given, dry_run=dry_run)
    if dry_run:
        return None
    if not quiet and sys.stderr and sys.stderr.isatty():
        tell("loading torch …")
    from convscope.training import train as training

    if given["resumed"]:
        path = given["resumed"]
        habits = {key: given[key] for key in ("data", "strict", "save_every", "logs", "device", "threads")}
        return lambda report: training.resume(path, progress=report, warn=_warn, **habits)
    if given["repeated"]:
        path, chosen = given["repeated"], {key: given[key] for key in ("data", "out", "name", "device", "threads")}
        return lambda report: training.repeat(path, progress=report, warn=_warn, note=tell, **chosen)
    kept = {key: given[key] for key in PASSED}
    heard: dict[str, Any] = {
        "prepared": _prepared,
        "warn": _warn,
        "note": tell,
        "planned": None if quiet else _planned,
        "doubt": doubt,
    }
    return lambda report: training.train(given["net"], input=given["size"], progress=report, **heard, **kept)


PASSED = (
    "data",
    "recipe",
    "seed",
    "epochs",
    "batch",
    "lr",
    "balance",
    "keep",
    "patience",
    "lr_head",
    "freeze",
    "init",
    "weights",
    "scale",
    "out",
    "name",
    "save_every",
    "logs",
    "skip_bad",
    "device",
    "threads",
)
"""Options that a training takes by the same names."""


def _place(given: dict[str, Any], *, dry_run: bool) -> None:
    """Check the device, and report it if it is an accelerator; a run that resumes or is repeated has its own."""
    if given["device"] is None and (dry_run or given["resumed"] or given["repeated"]):
        return
    from convscope.training.environment import accelerator

    if place := accelerator(given["device"]):
        tell(f"training on {place}")


OPTIONS = {"resumed": "--resume", "repeated": "--from"}


def _listed(names: Iterable[str]) -> str:
    written = {**OPTIONS, "net": "NET"}
    return ", ".join(written.get(name, f"--{name.replace('_', '-')}") for name in sorted(names)) or "--dry-run"


def _prepared(done: int, total: int) -> None:
    tell(f"prepared {done:,} of {total:,} images")


def _warn(*texts: str) -> None:
    for text in texts:
        tell(f"warning: {text}")


def _planned(plan: Plan) -> None:
    tell(str(plan))


def _plan(given: dict[str, Any]) -> Plan:
    from convscope.training.chosen import begin
    from convscope.training.plan import plan
    from convscope.training.start import Asked

    stated = {"data": given["data"], "epochs": given["epochs"], "batch": given["batch"], "learning_rate": given["lr"]}
    stated |= {"head_rate": given["lr_head"], "freeze": given["freeze"] or None, "balance": given["balance"] or None}
    stated |= {"keep": given["keep"], "patience": given["patience"]}
    asked = Asked(given["net"], given["size"], given["init"], given["weights"], given["scale"], given["skip_bad"])
    found = begin(asked, given["recipe"], stated)
    place = given["device"]
    if place is not None:
        from convscope.training.environment import accelerator

        place = accelerator(place) or "cpu"
    count = given["threads"] or stated_threads()
    return plan(found.net, found.dataset, found.recipe, found.notes, device=place or AUTO, threads=count)


def _compared(done: Run, path: str) -> str:
    """Compare a repetition with the original run."""
    from convscope.training.contents import MODEL
    from convscope.training.run import is_finished, load

    if not is_finished(Path(path)):
        return f"{inert(path)} is not finished: there is nothing to compare with"
    try:
        before = load(path)
    except ConvscopeError as error:
        return f"there is nothing to compare with: {error.what}"
    if before.result.sha256[MODEL] == done.result.sha256[MODEL]:
        return f"the same weights as {inert(path)}, bit for bit"
    return f"other weights than {inert(path)}, which scored {before.score()}; see env.json of both"
