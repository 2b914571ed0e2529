"""Do two trainings at once reach the throughput of one after the other?

    python benchmarks/two_at_once.py [EPOCHS]

Trains the default recipe for a number of epochs, 1 by default, twice in turn and then twice at once: with a thread for
each core, and with one thread. The figure is images a second of both, with the time to start and to evaluate.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from machine import machine

UNSET = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
CASES: dict[str, list[str]] = {"a thread for each core": [], "one thread": ["--threads", "1"]}


def begun(epochs: str, folder: str, more: list[str]) -> subprocess.Popen[bytes]:
    """Start a training."""
    env = {name: value for name, value in os.environ.items() if name not in UNSET}
    words = ["train", "--epochs", epochs, "-o", folder, "--quiet", "--no-report", "--json", *more]
    return subprocess.Popen([sys.executable, "-m", "convscope", *words], env=env, stdout=subprocess.PIPE)


def images(process: subprocess.Popen[bytes]) -> float:
    """Wait for a training; return the number of images that it trained on."""
    told = json.loads(process.communicate()[0])
    return float(told["seconds"] * told["images_per_second"])


def main() -> None:
    """Print a line for each case."""
    epochs = sys.argv[1] if len(sys.argv) > 1 else "1"
    print(machine("torch"), "· load", os.getloadavg()[0])
    print("\n| threads | in turn, images/s | at once, images/s | ratio |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, more in CASES.items():
            images(begun("0.02", folder, more))  # data and modules are in memory from now on
            start = time.perf_counter()
            alone = sum(images(begun(epochs, folder, more)) for _ in range(2))
            middle = time.perf_counter()
            both = [begun(epochs, folder, more) for _ in range(2)]
            together = sum(map(images, both))
            end = time.perf_counter()
            turn, once = alone / (middle - start), together / (end - middle)
            print(f"| {name} | {turn:,.0f} | {once:,.0f} | {once / turn:.2f} |", flush=True)


if __name__ == "__main__":
    main()
