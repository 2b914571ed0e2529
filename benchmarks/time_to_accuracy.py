"""How long the default recipe takes, how good it is, and how long the course's usual Keras net takes.

    python benchmarks/time_to_accuracy.py                     20 seeds, then the peer
    python benchmarks/time_to_accuracy.py --seeds 5 --no-peer

Half of our seeds run before the peer and half after it, so that a machine that slows down slows both. The peer runs
in a virtual environment of its own, made below the folder given with --peer-env and used again the next time.
Seconds are seconds of training: reading data, testing and starting Python are not counted for either.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

import convscope as cs
from convscope.data import DATASETS, load
from machine import machine

PEER = Path(__file__).parent / "peers" / "keras_course_net.py"
PEER_PACKAGES = ("tensorflow-cpu==2.21.0", "keras==3.15.1")


def ours(recipe: str, seeds: range, out: Path) -> list[dict[str, float]]:
    """Train once for each seed; the last epoch's test accuracy."""
    found = []
    for seed in seeds:
        result = cs.train(recipe=recipe, seed=seed, out=out).result
        print(
            f"  seed {seed:2}: {100 * result.accuracy:.2f} %  loss {result.loss:.4f}  {result.seconds:.2f} s  "
            f"{result.images_per_second:,.0f} images/s",
            flush=True,
        )
        found.append({"accuracy": result.accuracy, "seconds": result.seconds, "speed": result.images_per_second})
    return found


def peer_python(folder: Path) -> Path:
    """The interpreter of the peer's environment, made when it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making the peer's environment in {folder} …", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True)
    return python


def peer(folder: Path, epochs: int, work: Path) -> list[dict[str, float]]:
    """Train the peer; one entry for each epoch."""
    python, data = peer_python(folder), work / "mnist.npz"
    splits = {split: load(DATASETS["mnist"], split) for split in ("train", "test")}
    np.savez(
        data, **{f"{name}_{part}": getattr(s, part) for name, s in splits.items() for part in ("images", "labels")}
    )
    lines = []
    command = [str(python), str(PEER), str(data), str(epochs), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for text in process.stdout:
            line = json.loads(text)
            print(
                f"  peer epoch {line['epoch']:2}: {100 * line['accuracy']:.2f} %  {line['seconds']:.1f} s", flush=True
            )
            lines.append(line)
    if process.returncode or len(lines) != epochs:
        sys.exit("the peer failed")
    return lines


def summary(recipe: str, found: list[dict[str, float]]) -> tuple[float, float]:
    """Print mean and spread; return mean accuracy and mean seconds."""
    accuracy, seconds, speed = ([entry[key] for entry in found] for key in ("accuracy", "seconds", "speed"))
    spread = statistics.stdev(accuracy) if len(accuracy) > 1 else float("nan")
    print("\n| recipe | seeds | accuracy, mean ± sd | least | training s, mean | median | most | images/s, median |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {recipe} | {len(found)} | {100 * statistics.mean(accuracy):.3f} ± {100 * spread:.3f} % | "
        f"{100 * min(accuracy):.2f} % | {statistics.mean(seconds):.2f} | {statistics.median(seconds):.2f} | "
        f"{max(seconds):.2f} | {statistics.median(speed):,.0f} |"
    )
    return statistics.mean(accuracy), statistics.mean(seconds)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--peer-epochs", type=int, default=10)
    parser.add_argument("--peer-env", type=Path, default=Path.home() / ".cache" / "convscope" / "keras-peer")
    parser.add_argument("--no-peer", action="store_true")
    asked = parser.parse_args()
    print(machine("torch", "numpy"))
    with tempfile.TemporaryDirectory() as work:
        half = asked.seeds if asked.no_peer else asked.seeds // 2
        found = ours(asked.recipe, range(half), Path(work))
        course = [] if asked.no_peer else peer(asked.peer_env, asked.peer_epochs, Path(work))
        found += ours(asked.recipe, range(half, asked.seeds), Path(work))
    accuracy, seconds = summary(asked.recipe, found)
    if course:
        last = course[-1]
        print(f"\npeer ({', '.join(PEER_PACKAGES)}): {100 * last['accuracy']:.2f} % after {len(course)} epochs, "
              f"{last['seconds']:.1f} s, {last['params']:,} parameters")  # fmt: skip
        best = max(course, key=lambda line: line["accuracy"])
        print(f"its best: {100 * best['accuracy']:.2f} % after epoch {best['epoch']}, {best['seconds']:.1f} s")
        verdict = "reached" if accuracy >= last["accuracy"] else "NOT reached"
        print(f"its final accuracy is {verdict} by our mean; ratio of seconds {last['seconds'] / seconds:.1f}x")


if __name__ == "__main__":
    main()
