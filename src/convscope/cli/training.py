"""Commands that train a net and use what was trained."""

from __future__ import annotations

import click

from convscope.cli.common import JSON, cli, show


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
