"""Weights of a trained net, brought to another training in every form, and what they are worth.

    python benchmarks/finetune.py forms            a net for three classes of Fashion-MNIST, brought in five forms
    python benchmarks/finetune.py worth FOLDER     digits and faces: brought weights against random ones

``forms`` trains on 30 % of the classes, and evaluates what a training would start from, before its first step: the
loss on the test images must be that of the source. ``worth`` measures the recipe ``finetune`` on two small sets of
packages: digits (scikit-learn) from a net that was trained on MNIST, and faces or not (scikit-image) from one that was
trained on Fashion-MNIST. Training images are drawn anew for each seed, as many of each class; the test images are those
of ``own_images.py``, and nothing was chosen by them. One thread.
"""

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

import convscope as cs
from convscope.backends.torch import TorchNet
from convscope.cli import run as command
from convscope.data import registry
from convscope.training import chosen, initial
from convscope.training.evaluate import Evaluation, evaluate
from convscope.training.run import Run
from convscope.training.start import Asked
from machine import machine
from own_images import SETS, written

KNOWN = {0: "T-shirt/top", 1: "Trouser", 7: "Sneaker"}
"""Three of the ten classes of Fashion-MNIST."""

FEW = {"digits": (20, 50, 200, 0), "faces": (12, 50, 0)}
"""Numbers of training images by set; 0 for all of them."""

SOURCES: dict[str, dict[str, Any]] = {
    "digits": {"data": "mnist"},
    "faces": {"data": "fashion-mnist", "recipe": "fast", "epochs": 5},
}
"""What the net was trained on before."""

T95 = {5: 2.776, 8: 2.365, 10: 2.262, 20: 2.093}
"""Two-sided 95 % quantiles of Student's t for that many seeds."""


def three(folder: Path) -> str:
    """Write the images of three classes of Fashion-MNIST, and return the name of the set."""
    arrays: dict[str, Any] = {"classes": np.array(list(KNOWN.values()))}
    for split in ("train", "test"):
        found = registry.load(registry.find("fashion-mnist"), split)
        rows = np.flatnonzero(np.isin(found.labels, list(KNOWN)))
        arrays[f"{split}_images"] = np.asarray(found.images)[rows]
        arrays[f"{split}_labels"] = np.searchsorted(list(KNOWN), np.asarray(found.labels)[rows])
    np.savez(folder / "three.npz", **arrays)
    return f"npz:{folder / 'three.npz'}"


def forms(run: Run, folder: Path) -> dict[str, dict[str, Any]]:
    """Return a run in the five forms in which its weights may be brought, as arguments of a training."""
    for form, name in (("onnx", "net.onnx"), ("keras", "net.keras"), ("torch", "net.py")):
        failed = command(["write", str(run.path), "--to", form, "-o", str(folder / name)])
        assert not failed
    space: dict[str, Any] = {"__name__": "net"}
    exec((folder / "net.py").read_text(encoding="utf-8"), space)  # noqa: S102 -- written just now
    live = space["Net"]()
    live.load_state_dict(load_file(folder / "net.safetensors"))
    scale = {"scale": (run.dataset.mean, run.dataset.std)}
    return {
        "ONNX": {"net": folder / "net.onnx", **scale},
        "Keras": {"net": folder / "net.keras", **scale},
        "`.safetensors` and code": {"net": f"{folder / 'net.py'}:Net", "weights": folder / "net.safetensors", **scale},
        "live module": {"net": live.eval(), **scale},
        "run": {"net": run},
    }


def first(data: str, given: dict[str, Any]) -> tuple[Evaluation, int]:
    """Return the evaluation of what a training starts from, before any step, and the number of its values."""
    begun = chosen.begin(Asked(**given), None, {"data": data})
    assert begun.tensors is not None
    model = TorchNet(begun.net, logits=True)
    initial.fill(model, begun.tensors)
    found = evaluate(model.eval(), registry.load(begun.dataset, "test"), begun.dataset)
    return found, sum(one.size for one in begun.tensors.values())


def compare_forms() -> None:
    """Print the first evaluation in each form beside that of the source."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        data = three(folder)
        run = cs.train(data=data, epochs=2, out=folder, threads=1)
        true = cs.evaluate(run)
        print(f"source: loss {true.loss:.7f}, accuracy {100 * true.accuracy:.2f} %, {true.count:,} test images\n")
        print("| form | values brought | first loss | difference | same confusion matrix |\n|---|---:|---:|---:|---|")
        for form, given in forms(run, folder).items():
            found, values = first(data, given)
            same = "yes" if found.confusion == true.confusion else "no"
            print(f"| {form} | {values:,} | {found.loss:.7f} | {abs(found.loss - true.loss):.1e} | {same} |")


def drawn(folder: Path, whole: Path, count: int, seed: int) -> Path:
    """Return a folder with as many training images of each class, and all test images; ``count`` 0 takes all."""
    if not count:
        return whole
    place = folder / f"{whole.name}-{count}-{seed}"
    if place.exists():
        return place
    classes = sorted(path.name for path in (whole / "train").iterdir())
    random = np.random.default_rng(seed)
    orders = {name: random.permutation(sorted((whole / "train" / name).iterdir())) for name in classes}
    rows = [(name, orders[name][at]) for at in range(max(map(len, orders.values()))) for name in classes
            if at < len(orders[name])]  # fmt: skip
    for name, path in rows[:count]:
        (place / "train" / name).mkdir(parents=True, exist_ok=True)
        (place / "train" / name / path.name).symlink_to(path)
    (place / "test").symlink_to(whole / "test", target_is_directory=True)
    return place


def interval(values: list[float]) -> str:
    """Return the mean with the half-width of its 95 % interval (Student's t), in per cent."""
    wide = T95[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{100 * statistics.mean(values):.2f} ± {100 * wide:.2f} %"


def worth(folder: Path, sets: list[str], seeds: int) -> None:
    """Print the accuracy of brought weights and of random ones."""
    ways = {"random, `own`": None, "brought, `own`": "own", "brought, `finetune`": "finetune"}
    print(f"| set | training images | {' | '.join(ways)} | won by `finetune` | s |\n|---|---:|---|---|---|---|---:|")
    for name in sets:
        whole = written((folder / name).absolute(), SETS[name]())
        source = cs.train(**SOURCES[name], out=folder / "sources", threads=1)
        for count in FEW[name]:
            found: dict[str, list[float]] = {way: [] for way in ways}
            seconds = 0.0
            for seed in range(seeds):
                data = f"folder:{drawn(folder.absolute(), whole, count, seed)}"
                for way, recipe in ways.items():
                    began = time.perf_counter()
                    run = cs.train(
                        None if recipe is None else source,
                        data=data, recipe=recipe, seed=seed, out=folder / "runs", threads=1, warn=print,
                    )  # fmt: skip
                    found[way].append(run.result.accuracy)
                    seconds = time.perf_counter() - began
            gains = [ours - other for other, *_, ours in zip(*found.values(), strict=True)]
            cells = [interval(values) for values in found.values()]
            print(
                f"| {name} | {count or 'all'} | {' | '.join(cells)} | {interval(gains)} | {seconds:.0f} |", flush=True
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("forms", "worth"))
    parser.add_argument("folder", type=Path, nargs="?", help="where sets and runs are written, for worth")
    parser.add_argument("--sets", default=",".join(FEW), help="names with commas between")
    parser.add_argument("--seeds", type=int, default=8, choices=sorted(T95), help="runs of each (8)")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(machine("torch", "onnx", "keras", "safetensors", "scikit-learn", "scikit-image") + "\n")
    if asked.what == "forms":
        compare_forms()
    elif asked.folder is None:
        parser.error("worth needs a folder")
    else:
        worth(asked.folder, asked.sets.split(","), asked.seeds)


if __name__ == "__main__":
    main()
