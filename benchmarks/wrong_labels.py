"""Planted wrong labels: how many does ``look --what labels --folds N`` list, and how much else?

    python benchmarks/wrong_labels.py --seeds 0 1 2

A share of the labels of scikit-learn's 1,797 digits is changed to another class, drawn evenly; a net is trained on
them (recipe ``own``), and its lists are compared with what was planted. The peer is logistic regression on the pixels
with as many folds and the same rule.
"""

from __future__ import annotations

import argparse
import warnings
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

import convscope as cs
from convscope.data import load
from convscope.lens.worst import Worst, suspects
from convscope.training.evaluate import Predicted
from machine import machine


def planted(seed: int, share: float) -> tuple[np.ndarray, set[int]]:
    """Return labels, and the positions of those that are wrong."""
    random, labels = np.random.default_rng(seed), load_digits().target.copy()
    wrong = random.choice(len(labels), round(share * len(labels)), replace=False)
    labels[wrong] = (labels[wrong] + random.integers(1, 10, len(wrong))) % 10
    return labels, set(wrong.tolist())


def told(name: str, listed: list[int], wrong: set[int], among: set[int]) -> None:
    """Print precision and recall of a list."""
    hits, there = len(wrong & set(listed)), len(wrong & among)
    print(f"  {name}: {hits} of {len(listed)} listed are planted, {hits} of {there} planted are listed", flush=True)


def linear(labels: np.ndarray, folds: int) -> list[int]:
    """Return the list of the peer."""
    model = LogisticRegression(max_iter=500)
    found = cross_val_predict(model, load_digits().data / 16, labels, cv=folds, method="predict_proba")
    own = np.maximum(found[np.arange(len(labels)), labels], 1e-300)
    return [int(at) for at in suspects(Predicted(labels, found.argmax(1), found.max(1), -np.log(own)), 10)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--folds", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(machine("torch", "scikit-learn"))
    for seed in given.seeds:
        labels, wrong = planted(seed, given.share)
        with TemporaryDirectory() as folder:
            run = cs.train(data={"images": load_digits().images, "target": labels}, seed=seed, out=folder)
            counts = ", ".join(f"{count:,} {split}" for split, count in run.dataset.counts.items())
            print(f"seed {seed}, {counts}, test accuracy {100 * run.result.accuracy:.2f} %")
            for name, folds in (("held-out images", None), (f"all images, {given.folds} folds", given.folds)):
                found = cs.look(run, "labels", top=len(labels), folds=folds)
                assert isinstance(found, Worst)
                places = [load(run.dataset, split).names for split in found.splits]
                among = {int(one.split()[-1]) for names in places for one in names}
                told(name, [int(case.image.split()[-1]) for case in found.cases], wrong, among)
        told(f"logistic regression, {given.folds} folds", linear(labels, given.folds), wrong, set(range(len(labels))))


if __name__ == "__main__":
    main()
