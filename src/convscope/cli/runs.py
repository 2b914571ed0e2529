"""Commands that use what was trained."""

from __future__ import annotations

import click

from convscope.cli.common import JSON, cli, show


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
    from convscope.training.predict import predict as ask

    found = ask(loaded, pictures)
    if as_json:
        show({"schema": "convscope/predict/1", "pictures": [entry.to_json() for entry in found]})
    else:
        click.echo("\n".join(map(str, found)))
