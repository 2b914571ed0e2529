"""Commands that use trained runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import DATA, NET, RUN, one_of
from convscope.cli.common import DEVICE, INPUT, JSON, ONE_DEVICE, OWN_DATA, THREADS, cli, note_state, show
from convscope.cli.numbers import SHARE, whole
from convscope.cli.outputs import OutFile, deliver, drawn, listed, listing, out, refuse_own, reported
from convscope.errors import FieldError
from convscope.files import put
from convscope.inert import inert
from convscope.streams import present, say, tell
from convscope.view.figure import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.cli.common import Size
    from convscope.cli.outputs import Out

SUFFIXES = {".onnx": "onnx", ".pt2": "torch-export", ".safetensors": "safetensors"}
"""Formats for exporting a run, by suffix."""


def cells(evaluation: Any) -> Iterator[dict[str, Any]]:
    """Return the cells of a confusion matrix."""
    for true, row in zip(evaluation.classes, evaluation.confusion, strict=True):
        for predicted, images in zip(evaluation.classes, row, strict=True):
            yield {"true": true, "predicted": predicted, "images": images}


ANSWERS = ("image", "class", "probability", "likeliest", "digit")
"""The columns of a table of predictions, before those of further classes."""


def shares(predictions: Any) -> str | bytes:
    """Return the prediction for each image as comma-separated values, with as many classes as are asked for.

    ``class`` is empty where the net is not sure or the image shows nothing, ``likeliest`` only in the latter case;
    ``probability`` is that of the likeliest class.
    """
    more = range(1, predictions.found[0].top or 1)
    keys = (*ANSWERS, *(f"{word}_{at + 1}" for at in more for word in ("class", "probability")))
    keys += ("unlike", "distance") if predictions.likeness else ()
    return listing(*keys, rows=lambda found: (_answer(one, more) for one in found.found))(predictions)


def _answer(one: Any, more: range) -> dict[str, Any]:
    pairs = [(name, f"{share:.6f}") for name, share in one.first(None)] or [("", "")]
    row = dict(zip(ANSWERS, (one.image, one.label, pairs[0][1], one.best, one.place[0]), strict=True))
    if one.distance is not None:
        row |= {"unlike": str(one.unlike).lower(), "distance": f"{one.distance:.4f}"}
    else:
        row |= {"unlike": "", "distance": ""}
    for at in more:
        row[f"class_{at + 1}"], row[f"probability_{at + 1}"] = pairs[at] if at < len(pairs) else ("", "")
    return row


def _given(predictions: Any) -> Any:
    """Return the drawing of what the net was given."""
    from convscope.lens.drawing.given import draw

    return draw(predictions)


@cli.command("eval")
@click.argument("net", metavar="RUN|NET", type=NET)
@click.option("--data", type=DATA, help="Data set to evaluate on; by default that of the run.")
@click.option(
    "--split",
    type=one_of("split", "all", "train", "test", "val"),
    help="Split of the data set; by default test, and all for a set of your own that is not divided.",
)
@click.option(
    "--tta",
    default=1,
    type=whole(),
    show_default=True,
    help="Views of each image to average: 1, 2 (with its mirror image) or 6 (with shifts).",
)
@DEVICE
@INPUT
@click.option("--weights", metavar="FILE", help="Weights for NET: .safetensors, or a state_dict in .pt or .pth.")
@click.option(
    "--scale",
    type=one_of("scale", "data", "unit", "raw"),
    help="Scale of the images for NET: by mean and deviation of the data, 0 to 1, or 0 to 255; by default of the data.",
)
@THREADS
@out(reported("Evaluation") | {".csv": listing("true", "predicted", "images", rows=cells)})
@JSON
def evaluate(
    net: str, data: str | None, split: str | None, tta: int, out: Out | None, *, size: Size, as_json: bool, **more: Any
) -> None:
    r"""Evaluate a trained run, or a net with weights.

    Reports [loss, accuracy], the accuracy of each class, the confusion matrix and the calibration. The interval is
    Wilson's, 95 %. The expected calibration error is the mean distance between the probability that the net gives to
    its predictions and the share of them that is correct, over 15 bins of equal width. A .csv contains the
    confusion matrix, one cell per line.

    NET is any net that brings its weights: an ONNX or Keras file, or FILE.py:FUNCTION with --weights; it needs --data,
    and its scores are in the order of the classes there.

    DATA is the name of a data set. Its images are prepared as by convscope predict. Its classes are matched to those of
    the run by name, and it may have some of them only. The result on the images that
    the net was trained on (--split train) says how much it has memorised, never how good it is.

    With --tta 2 or 6 the scores of several views of each image are averaged (test-time augmentation): the image and its
    mirror image, and both shifted by a pixel towards either corner. It takes that many times as long; state it when you
    report the result.

    \b
    Examples:
      convscope eval runs/mnist-fast-seed0
      convscope eval runs/mnist-fast-seed0 --json
      convscope eval runs/mnist-fast-seed0 --split train
      convscope eval runs/cifar10-cifar10-strong-seed0 --tta 6
      convscope eval runs/mnist-fast-seed0 --data folder:my-digits
      convscope eval digits.onnx --data mnist
      convscope eval mine.py:Net --weights mine.safetensors --data folder:my-digits
    """
    from convscope.training.evaluate_net import evaluate as evaluated

    note_state(net)
    deliver(evaluated(net, data, split, tta=tta, input=size, **more), out, as_json=as_json)


@cli.command()
@click.argument("run_folder", metavar="RUN", type=RUN)
@click.argument("images", nargs=-1, required=True)
@click.option("--skip-bad", is_flag=True, help="Skip files that cannot be read, and list them.")
@click.option("--top", type=whole(), metavar="K", help="Show the K likeliest classes; 3 by default, all in --json.")
@click.option(
    "--at-least",
    type=SHARE,
    metavar="P",
    help='Answer "not sure" where the likeliest class has a probability below P, 0 to 1.',
)
@click.option("--unlike", is_flag=True, help="Tell images apart that are unlike all training images, which it reads.")
@OWN_DATA
@click.option(
    "--show",
    "drawing",
    metavar="FILE",
    type=OutFile(drawn(_given)),
    help=f"Draw what the net was given: {listed(FORMATS)}.",
)
@DEVICE
@THREADS
@out(reported("Predictions") | {".csv": shares})
@JSON
def predict(
    run_folder: str,
    images: tuple[str, ...],
    top: int | None,
    at_least: float | None,
    data: str | None,
    drawing: Out | None,
    device: str | None,
    out: Out | None,
    *,
    unlike: bool,
    skip_bad: bool,
    as_json: bool,
) -> None:
    r"""Classify images with a trained run.

    IMAGES are PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF and other files of any size. For a folder, every image in it and in
    its subfolders is classified, and the speed is reported, from files to classes.

    Each image is prepared like the training images: scaled to their size, and inverted if they have a plain dark
    background and the image a plain light one, or the other way round, which is reported. For a net that was trained
    on MNIST, strokes are found in photos of paper: every digit is cut out, scaled and centred, and shadows, squares,
    edges and specks are left out. Several digits are read in order, and an image without strokes shows "nothing here".
    --show draws what the net was given.

    With --at-least 0.8 the answer is "not sure" where no class has that probability; in --json the class is null then,
    and likeliest and probabilities are kept. A .csv has a line for each image: class, probability, likeliest, and with
    --top the further classes.

    With --unlike an image that is farther from the training images than 99 % of the test images is answered with
    "unlike the training images": the Mahalanobis distance to the nearest class mean in the channels that the last layer
    reads.

    \b
    Examples:
      convscope predict runs/mnist-fast-seed0 five.png
      convscope predict runs/mnist-fast-seed0 photo.jpg --show given.png
      convscope predict runs/mnist-fast-seed0 scans/*.jpg --json
      convscope predict runs/mnist-fast-seed0 scans/ --top 5 --at-least 0.8 -o classes.csv
      convscope predict runs/mnist-fast-seed0 scans/ --skip-bad -o classes.csv
    """
    from convscope.training.run import load

    loaded = load(run_folder, data=data)
    from convscope.training.predict import predict_files

    note_state(run_folder)
    found = predict_files(loaded, images, skip_bad=skip_bad, top=top, at_least=at_least, unlike=unlike, device=device)
    deliver(found, out, as_json=as_json)
    if drawing:
        drawing.write(found)
    if len(found.found) > 1 or found.unreadable:
        tell(found.told())
    elif found.notes():
        tell("\n".join(found.notes()))


@cli.command()
@click.argument("run_folder", metavar="RUN", type=RUN)
@OWN_DATA
@click.option(
    "--to",
    "form",
    type=one_of("format", *SUFFIXES.values()),
    help="Format; by default that of the suffix of FILE.",
)
@ONE_DEVICE
@THREADS
@out(SUFFIXES, "Write to FILE, by default with the name of the run, here")
@JSON
def export(run_folder: str, data: str | None, form: str | None, device: str, out: Out | None, *, as_json: bool) -> int:
    r"""Export a run for other programs.

    The file is checked before it is written.

    \b
    onnx          .onnx: float32 images n c h w, 0 to 255, to logits; scaling is part of the model
    torch-export  .pt2: the same for torch.export.load, without convscope
    safetensors   .safetensors: the weights by layer.tensor; net, classes, mean and std as metadata

    The file must reproduce the scores of the run on random and on test images. If a score differs by more than 1e-4 of
    the largest, no file is written and the exit status is 1.

    \b
    Examples:
      convscope export runs/mnist-fast-seed0 --to onnx
      convscope export runs/mnist-fast-seed0 -o digits.pt2
      convscope export runs/mnist-fast-seed0 --to safetensors -o weights.safetensors --json
    """
    from convscope.training.formats import format_of
    from convscope.training.run import load

    chosen = format_of(form, out.path if out else None)
    if out and chosen.suffix != out.suffix:
        raise FieldError(f"{out} is not a file name for {chosen.name}", expected=f"a name that ends in {chosen.suffix}")
    loaded = load(run_folder, data=data)
    note_state(run_folder)
    path = Path(out.path if out else f"{loaded.path.resolve().name}{chosen.suffix}")
    refuse_own(path, run_folder, data)
    from convscope.training.export import export as bring_out

    made = bring_out(loaded, to=chosen.name, device=device)
    if made.passed:
        put(path, made.data)
    if as_json:
        show(made.to_json() | {"path": str(path) if made.passed else None})
        return 0 if made.passed else 1
    if made.passed:
        say(f"{inert(str(path))}  {made.facts()}")
    present(made.checked())
    return 0 if made.passed else 1
