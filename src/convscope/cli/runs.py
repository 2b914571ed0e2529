"""Commands that use what was trained."""

from __future__ import annotations

from pathlib import Path

import click

from convscope.cli.common import JSON, OWN_DATA, cli, show
from convscope.cli.numbers import whole
from convscope.cli.outputs import refuse_own
from convscope.files import put
from convscope.inert import inert
from convscope.streams import present, say, tell


@cli.command("eval")
@click.argument("run_folder", metavar="RUN")
@click.option("--data", metavar="DATA", help="Data set to judge by; by default the one of the run.")
@click.option("--split", default="test", show_default=True, help="Of the data set: test, train, or val.")
@click.option(
    "--tta", default=1, type=whole(), show_default=True, help="Of each image: 1, 2 (mirrored), or 6 (and moved)."
)
@JSON
def evaluate(run_folder: str, data: str | None, split: str, tta: int, *, as_json: bool) -> None:
    r"""Judge a RUN by images: [loss, accuracy], accuracy of each class, confusion matrix, calibration.

    The interval is Wilson's, 95 %. The expected calibration error is the mean distance between the probability that
    the net gives to its answers and the share of them that is right, over 15 bins of equal width.

    DATA is the name of a data set. Its classes are matched to those of the run by their names. What the net does on
    the images that it learned from (--split train) says how much it learned by heart, never how good it is.

    With --tta 2 or 6 the scores of several views of each image are averaged: itself and its mirror image, and both
    moved by a pixel to either corner. That takes so many times as long; say so where you give the figure.

    \b
    Examples:
      convscope eval runs/mnist-fast-seed0
      convscope eval runs/mnist-fast-seed0 --json
      convscope eval runs/mnist-fast-seed0 --split train
      convscope eval runs/cifar10-cifar10-strong-seed0 --tta 6
      convscope eval runs/mnist-fast-seed0 --data folder:my-digits
    """
    from convscope.training.run import load

    loaded = load(run_folder)
    from convscope.training.evaluate_run import evaluate_run

    evaluation = evaluate_run(loaded, data, split, tta=tta)
    if as_json:
        show(evaluation.to_json())
    else:
        present(evaluation)


@cli.command()
@click.argument("run_folder", metavar="RUN")
@click.argument("images", nargs=-1, required=True)
@click.option("--skip-bad", is_flag=True, help="Leave out files that cannot be read, and name them.")
@JSON
def predict(run_folder: str, images: tuple[str, ...], *, skip_bad: bool, as_json: bool) -> None:
    r"""Say what IMAGES show, by the net of a RUN: class and probabilities.

    PNG, JPEG, WebP, BMP, GIF and TIFF, of any size, dark on light or light on dark. Of a folder, every image in it
    and in the folders below; then the speed is told, from files to classes.

    \b
    Examples:
      convscope predict runs/mnist-fast-seed0 five.png
      convscope predict runs/mnist-fast-seed0 scans/*.jpg --json
      convscope predict runs/mnist-fast-seed0 scans/ --skip-bad
    """
    from convscope.training.run import load

    loaded = load(run_folder)
    from convscope.training.predict import predict_files

    found = predict_files(loaded, images, skip_bad=skip_bad)
    if as_json:
        show(found.to_json())
    else:
        present(found)
    if len(found.found) > 1 or found.unreadable:
        tell(found.told())


@cli.command()
@click.argument("run_folder", metavar="RUN")
@OWN_DATA
@click.option(
    "--to", "form", metavar="FORM", help="onnx, torch-export or safetensors; by the name of FILE if left out."
)
@click.option("-o", "--out", metavar="FILE", help="Write to FILE, replacing it; by default named as the run is, here.")
@JSON
def export(run_folder: str, data: str | None, form: str | None, out: str | None, *, as_json: bool) -> int:
    r"""Bring the net of a RUN out as one file that other programs run, checked before it is written.

    \b
    onnx          .onnx: float32 images n c h w, 0 to 255, to logits; scaling is part of the model
    torch-export  .pt2: the same for torch.export.load, without convscope
    safetensors   .safetensors: the weights by layer.tensor; net, classes, mean and std as metadata

    The file must give what the run gives on random and on test images. Exit status 1, and no file, where a score
    differs by more than 1e-4 of the largest.

    \b
    Examples:
      convscope export runs/mnist-fast-seed0 --to onnx
      convscope export runs/mnist-fast-seed0 -o digits.pt2
      convscope export runs/mnist-fast-seed0 --to safetensors -o weights.safetensors --json
    """
    from convscope.training.formats import format_of
    from convscope.training.run import load

    chosen = format_of(form, out)
    refuse_own(out, run_folder)
    loaded = load(run_folder, data=data)
    from convscope.training.export import export as bring_out

    made = bring_out(loaded, to=chosen.name)
    path = Path(out or f"{loaded.path.resolve().name}{chosen.suffix}")
    if made.passed:
        put(path, made.data)
    if as_json:
        show(made.to_json() | {"path": str(path) if made.passed else None})
        return 0 if made.passed else 1
    if made.passed:
        say(f"{inert(str(path))}  {made.facts()}")
    present(made.checked())
    return 0 if made.passed else 1
