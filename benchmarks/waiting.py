"""Does a busy machine slow training down because waiting threads spin?

Trains a part of an epoch on all cores while other processes keep these cores busy: with threads that spin, as torch has
them by itself; with threads that sleep, as the command line sets them; and with one thread.

    python benchmarks/waiting.py [LOAD]

LOAD is the number of busy processes for each core, 2 by default; 0 leaves the machine as it is.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CASES = {
    "torch alone": {"GOMP_SPINCOUNT": "300000"},
    "passive (default)": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
BUSY = "while True: pass"
UNSET = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def speed(settings: dict[str, str], folder: str) -> float:
    """Images a second of one short training."""
    env = {name: value for name, value in os.environ.items() if name not in UNSET} | settings
    words = ["train", "--epochs", "0.05", "-o", folder, "--quiet", "--no-report", "--json"]
    done = subprocess.run([sys.executable, "-m", "convscope", *words], env=env, capture_output=True, check=True)
    return float(json.loads(done.stdout)["images_per_second"])


def main() -> None:
    """Print a line for each case, twice in turn."""
    load = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(load * (os.cpu_count() or 1))]
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, settings in [*CASES.items()] * 2:
                sys.stdout.write(f"{name:<18} {speed(settings, str(Path(folder))):>8,.0f} images/s\n")
                sys.stdout.flush()
    finally:
        for process in busy:
            process.kill()


if __name__ == "__main__":
    main()
