"""The command line: parses, calls the public API, prints. Data on stdout, messages on stderr.

Exit status: 0 done, 1 a check failed, 2 a mistake in the input, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from typing import Any

import click

from convscope.errors import ConvscopeError, FieldError, MissingExtraError
from convscope.version import __version__

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

JSON = click.option("--json", "as_json", is_flag=True, help="Plain data, for other programs.")
INPUT = click.option("--input", "size", metavar="HxWxC", help="Size of the input; overrides what the net says.")


def show(data: dict[str, Any]) -> None:
    """Print plain data."""
    click.echo(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False))


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="convscope")
def cli() -> None:
    r"""Convscope: a workbench for convolutional networks.

    A net is one line of text (see docs/reference/notation.md), a file NET.cnn, or - for standard input:

    \b
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope train
      convscope eval runs/mnist-fast-seed0
    """


@cli.command()
@click.argument("net")
@INPUT
@JSON
@click.option("--markdown", is_flag=True, help="A table for a README.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
def table(net: str, size: str | None, *, as_json: bool, markdown: bool, as_csv: bool) -> None:
    r"""Shapes, parameters, multiply-adds, memory and receptive field of every layer.

    \b
    local    what a unit reads of the layer before (the course notes' local receptive field)
    field    input pixels that a unit depends on (the notes' global receptive field)
    stride   input pixels between neighbouring units;  start, centre: of the field of the first unit

    \b
    Examples:
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope table net.cnn --json
      echo "input 400x400x3, (3x3x3)x32, (3x3x32)x64" | convscope table - --markdown
    """
    from convscope.frontends import read

    if as_json + markdown + as_csv > 1:
        raise click.UsageError("give one of --json, --markdown and --csv")
    result = read(net, input=size).table()
    if as_json:
        show(result.to_json())
    else:
        click.echo(result.to_markdown() if markdown else result.to_csv() if as_csv else result.to_text())


@cli.command()
@click.argument("size", type=int)
@click.option("--kernel", default=3, show_default=True, help="Height and width of the kernels.")
@click.option("--channels", default=1, show_default=True, help="Channels of the picture.")
@click.option("--filters", default=1, show_default=True, help="Channels of every convolution.")
@click.option("--object", "target", type=int, help="Height and width of an object that must be seen whole.")
@click.option("--pool-every", default=0, metavar="M", help="A 2x2 max-pooling after every M convolutions.")
@JSON
def depth(
    size: int, kernel: int, channels: int, filters: int, target: int | None, pool_every: int, *, as_json: bool
) -> None:
    r"""How many KxK convolutions bring a SIZExSIZE picture to 1x1, and how many see an object whole.

    \b
    Examples:
      convscope depth 199
      convscope depth 28 --object 20 --filters 32
      convscope depth 224 --object 100 --pool-every 2 --channels 3 --json
    """
    from convscope.analyze.depth import depth as ask

    result = ask(size, kernel=kernel, channels=channels, filters=filters, object_size=target, pool_every=pool_every)
    if as_json:
        show(result.to_json())
    else:
        click.echo(str(result))


def _places(text: str) -> tuple[int | tuple[int, int], ...]:
    """``3,4`` or ``0:7,0:7``: a unit or a first and last one along each axis."""
    found: list[int | tuple[int, int]] = []
    for part in text.split(","):
        ends = part.split(":")
        if not 1 <= len(ends) <= 2 or not all(end.strip().isdecimal() for end in ends):
            raise FieldError(f'"{text}" is no place', expected="y,x or y0:y1,x0:x1")
        found.append(int(ends[0]) if len(ends) == 1 else (int(ends[0]), int(ends[1])))
    return tuple(found)


@cli.command()
@click.argument("net")
@INPUT
@click.option("--node", metavar="N", help="Layer; the last one by default.")
@click.option("--at", metavar="Y,X", help="Unit, or patch as Y0:Y1,X0:X1; the middle unit by default.")
@click.option("--local", is_flag=True, help="Leave gates and statistics of norms out.")
@click.option("--mask", type=click.Path(dir_okay=False), help="Write the pixels that are read as a PNG picture.")
@JSON
def field(
    net: str, size: str | None, node: str | None, at: str | None, mask: str | None, *, local: bool, as_json: bool
) -> None:
    r"""The exact pixels that a unit depends on: box, holes, coverage, and how the weight spreads over them.

    \b
    Examples:
      convscope field "input 32x32x1, 2*( conv 8 3x3 d2 p2 )" --at 16,16
      convscope field net.cnn --node conv3 --at 0,0 --json
      convscope field net.cnn --at 4:6,4:6 --mask support.png
    """
    from convscope.analyze.unit import unit_field
    from convscope.frontends import read

    found = unit_field(read(net, input=size), node, _places(at) if at else None, gates=not local)
    if mask:
        found.save_mask(mask)
    if as_json:
        show(found.to_json())
    else:
        click.echo(str(found))


@cli.command()
@click.argument("net")
@INPUT
@click.option("--batch", default=1, show_default=True, help="Samples at a time.")
@click.option("--dtype", default="float32", show_default=True, help="float32, bfloat16, float16, int8 or float64.")
@click.option("--optimizer", default="adam", show_default=True, help="sgd, momentum or adam.")
@JSON
def memory(net: str, size: str | None, batch: int, dtype: str, optimizer: str, *, as_json: bool) -> None:
    r"""Memory: weights, the peak of live activations in inference and where it is, and what training needs.

    \b
    Examples:
      convscope memory net.cnn
      convscope memory net.cnn --batch 128 --dtype bfloat16 --json
    """
    from convscope.analyze.memory import memory as ask
    from convscope.frontends import read

    found = ask(read(net, input=size), batch=batch, dtype=dtype, optimizer=optimizer)
    if as_json:
        show(found.to_json())
    else:
        click.echo(str(found))


def _amount(text: str | None) -> int | None:
    """``20k``, ``2M``, ``1.5G``: powers of 1000."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kMG]?)", text)
    if not found:
        raise FieldError(f'"{text}" is no amount', expected="a number such as 20000, 20k, 2M or 1.5G")
    return round(float(found[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found[2]])


@cli.command()
@click.argument("net", required=False)
@INPUT
@click.option("--object", "target", metavar="HxW", help="Size of the objects that must be seen whole.")
@click.option("--max-params", metavar="N", help="The most params, such as 20k.")
@click.option("--max-macs", metavar="N", help="The most multiply-adds, such as 2M.")
@click.option("--max-memory", metavar="BYTES", help="The most memory in inference, such as 64k (64,000 bytes).")
@click.option("--min-rf", type=int, metavar="N", help="The least field of the last layer that keeps its place.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave a check out; may be given again.")
@click.option("--explain", metavar="CODE", help="Print the page of a check and stop.")
@click.option("--sarif", is_flag=True, help="SARIF 2.1.0, for code hosts.")
@JSON
def check(
    net: str | None,
    size: str | None,
    target: str | None,
    max_params: str | None,
    max_macs: str | None,
    max_memory: str | None,
    min_rf: int | None,
    ignore: tuple[str, ...],
    explain: str | None,
    *,
    sarif: bool,
    as_json: bool,
) -> int:
    r"""Find design faults: each with its numbers, why it matters, what to do and what that would change.

    Exit status 1 when there is an error or a warning; notes do not count.

    \b
    Examples:
      convscope check net.cnn --object 20x20
      convscope check net.cnn --max-params 20k --max-macs 2M --max-memory 64k --min-rf 28
      convscope check net.cnn --ignore CS007 --sarif > findings.sarif
      convscope check --explain CS011
    """
    from convscope.checks import check as ask
    from convscope.checks import page
    from convscope.core.shape import parse_numbers
    from convscope.frontends import read

    if explain:
        click.echo(page(explain))
        return 0
    if net is None:
        raise click.UsageError("Missing argument 'NET'.")
    report = ask(
        read(net, input=size),
        object_size=parse_numbers(target) if target else None,
        max_params=_amount(max_params),
        max_macs=_amount(max_macs),
        max_memory=_amount(max_memory),
        min_rf=min_rf,
        ignore=ignore,
    )
    if sarif or as_json:
        show(report.to_sarif() if sarif else report.to_json())
    else:
        click.echo(str(report))
    return 0 if report.passed else 1


@cli.command()
@click.argument("a")
@click.argument("b")
@JSON
def compare(a: str, b: str, *, as_json: bool) -> None:
    r"""Two nets side by side, layers aligned, with what changed.

    \b
    Examples:
      convscope compare old.cnn new.cnn
      convscope compare "input 28x28x1, conv 8 5x5" "input 28x28x1, conv 8 3x3, conv 8 3x3" --json
    """
    from convscope.analyze.compare import compare as ask
    from convscope.frontends import read

    found = ask(read(a), read(b))
    if as_json:
        show(found.to_json())
    else:
        click.echo(str(found))


def _need_torch() -> None:
    """One clear error where the training extra is not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "safetensors") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"this command needs {' and '.join(missing)}", attempt='pip install "convscope[train]"')


@cli.command()
@click.argument("net", required=False)
@click.option("--data", default="mnist", show_default=True, help="Data set.")
@click.option("--recipe", default="fast", show_default=True, help="Recipe, or a recipe.toml file.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31), help="Of weights, order, shifts.")
@click.option("--epochs", type=float, help="Passes over the data; overrides the recipe.")
@click.option("--batch", type=int, help="Pictures in a step; overrides the recipe.")
@click.option("--lr", type=float, help="Peak learning rate; overrides the recipe.")
@click.option("--name", help="Name of the run folder; by default data-recipe-seed.")
@click.option("--out", default="runs", show_default=True, help="Folder for the run folder.")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@click.option("--quiet", is_flag=True, help="No progress.")
@JSON
def train(
    net: str | None,
    data: str,
    recipe: str,
    seed: int,
    epochs: float | None,
    batch: int | None,
    lr: float | None,
    name: str | None,
    out: str,
    *,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    r"""Train NET (by default the recipe's own) and leave a run folder.

    Prints [loss, accuracy] on the test set after the last epoch, parameters and seconds.

    \b
    Examples:
      convscope train
      convscope train "input 28x28x1, conv 8 3x3 relu, maxpool 2, linear 10" --epochs 0.5
      convscope train net.cnn --recipe fast --seed 3 --out runs/
      convscope train --dry-run
    """
    from convscope.data import registry
    from convscope.frontends import read
    from convscope.training.plan import plan
    from convscope.training.recipe import find

    given = {"epochs": epochs, "batch": batch, "learning_rate": lr}
    settings = find(recipe).changed(**{key: value for key, value in given.items() if value is not None})
    made = read(settings.net if net is None else net)
    planned = plan(made, registry.find(data), settings)
    if dry_run:
        show(planned.to_json()) if as_json else click.echo(str(planned))
        return
    _need_torch()
    from convscope.progress import display
    from convscope.training.train import train as run_training

    with display(quiet=quiet) as report:
        done = run_training(made, data=data, recipe=settings, seed=seed, out=out, name=name, report=report)
    if as_json:
        show(done.to_json())
        return
    result = done.result
    click.echo(done.score())
    click.echo(f"test loss {result.loss:.4f}, test accuracy {100 * result.accuracy:.2f} %")
    click.echo(f"params {result.params:,}")
    click.echo(f"seconds {result.seconds:.2f} of training, {result.images_per_second:,.0f} images/s")
    click.echo(f"run {done.path}")


@cli.command("eval")
@click.argument("run_folder", metavar="RUN")
@JSON
def evaluate(run_folder: str, *, as_json: bool) -> None:
    r"""Judge a RUN by its test set again: [loss, accuracy], accuracy of each class, confusion matrix.

    \b
    Examples:
      convscope eval runs/mnist-fast-seed0
      convscope eval runs/mnist-fast-seed0 --json
    """
    from convscope.training.run import load

    loaded = load(run_folder)
    _need_torch()
    from convscope.training.train import evaluate_run

    judged = evaluate_run(loaded)
    if as_json:
        show(judged.to_json())
    else:
        click.echo(str(judged))


@cli.command()
@click.argument("run_folder", metavar="RUN")
@click.argument("pictures", nargs=-1, required=True)
@JSON
def predict(run_folder: str, pictures: tuple[str, ...], *, as_json: bool) -> None:
    r"""Say what PICTURES show, by the net of a RUN: class and probabilities.

    PNG, JPEG and whatever else Pillow reads, of any size, dark on light or light on dark.

    \b
    Examples:
      convscope predict runs/mnist-fast-seed0 five.png
      convscope predict runs/mnist-fast-seed0 scans/*.jpg --json
    """
    from convscope.training.run import load

    loaded = load(run_folder)
    _need_torch()
    from convscope.training.predict import predict as ask

    found = ask(loaded, pictures)
    if as_json:
        show({"schema": "convscope/predict/1", "pictures": [entry.to_json() for entry in found]})
    else:
        click.echo("\n".join(map(str, found)))


for _command in (cli, *cli.commands.values()):
    # docstrings are raw; click wants the control character before a paragraph that must keep its lines
    _command.help = (_command.help or "").replace(r"\b", "\b")


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; a mistake in the input prints one error."""
    try:
        status = cli.main(arguments, prog_name="convscope", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except ConvscopeError as error:
        click.echo(str(error), err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, a limit, a closed stream
        click.echo(f"{error.filename or 'the system'}: {error.strerror or error}", err=True)
        return 2
    return status if isinstance(status, int) else 0


def main() -> None:
    """The command ``convscope``."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is half made is removed on the way out
    try:
        status = run(sys.argv[1:])
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of our pipe went away; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        click.echo(f"the output cannot be written: {error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 2
    sys.exit(status)
