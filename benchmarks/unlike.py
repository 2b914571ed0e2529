"""Images of another data set: how well does ``predict --unlike`` tell them from a run's own test images?

    python benchmarks/unlike.py RUN --other fashion-mnist:/usr/share/datasets/fashion-mnist

Prints the area under the receiver operating characteristic (AUROC) of the distance for the run's own test images
against the test images of the other set, and against uniform noise, and the share of each that is beyond the limit. The
images are those of the data sets, without the search for strokes. The baseline is 1 - the probability of the predicted
class.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from scipy.stats import rankdata

from convscope.data import registry
from convscope.training import run as runs
from convscope.training.evaluate import logits
from convscope.training.train import model_of
from convscope.training.unlike import likeness
from machine import machine

NOISE = 2_000


def auroc(own: np.ndarray, other: np.ndarray) -> float:
    """Return the probability that another image has a larger value than one's own; ties count half."""
    ranks = rankdata(np.concatenate([own, other]))[len(own) :]
    return float((ranks.sum() - len(other) * (len(other) + 1) / 2) / len(own) / len(other))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--other", required=True)
    given = parser.parse_args()
    run = runs.load(given.run)
    model = model_of(run)
    measure = likeness(run, model)

    def both(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = logits(model, torch.from_numpy(np.array(images)), run.dataset).double()
        return measure.distances(images), 1 - torch.softmax(scores, 1).max(1).values.numpy()

    own, doubt = both(registry.load(run.dataset, "test").images)
    other = registry.load(registry.find(given.other, run.dataset.shape), "test").images
    noise = np.random.default_rng(0).integers(0, 256, (NOISE, *run.dataset.shape)).astype(np.uint8)
    print(machine("scipy"))
    print(f"{given.run}: {measure.to_json()}; beyond the limit: {(own > measure.limit).mean():.4f} of its own")
    for name, images in ((given.other, other), ("uniform noise", noise)):
        far, unsure = both(images)
        found = f"beyond the limit {(far > measure.limit).mean():.3f}"
        print(f"{name}: AUROC {auroc(own, far):.4f}, {found}; baseline AUROC {auroc(doubt, unsure):.4f}")


if __name__ == "__main__":
    main()
