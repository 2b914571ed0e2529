"""What is lost when runs are killed, stopped, damaged, or started twice? Figures for docs/howto/never-lose-a-run.md.

    python benchmarks/faults.py                  all faults, about ten minutes
    python benchmarks/faults.py --kills 20       fewer random kills
    python benchmarks/faults.py --json           for other programs

A toy run of 24 steps that saves after every one, in children of one process that has everything imported; one thread.
A run is unreadable when it cannot be resumed, and equal when its weights are those of an undisturbed run, bit for bit.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import machine

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "faults")]

from crashing import POINTS  # type: ignore[import-not-found]  # noqa: E402 -- from the tests
from forked import Forked  # type: ignore[import-not-found]  # noqa: E402 -- from the tests

NET = "input 28x28x1, maxpool 4, conv 4 3x3 bn relu, dropout 0.1, linear 10"
BARE = ("train", NET, "--quiet", "--no-report", "--batch", "16", "--name", "run")
TRAIN = (*BARE, "--epochs", "0.6", "--save-every", "0")
LONG = (*BARE, "--epochs", "500")

PASSINGS = (1, 2, 3, 5, 8, 13, 21)
"""Of a point of writing, at which a run is killed."""

Row = dict[str, Any]


def steps(run: Path) -> list[int]:
    """Steps in the metrics."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line["step"] for line in lines if "step" in line]


def outcome(forked: Forked, parent: Path, whole: Path) -> str:
    """What became of a run that died: ``equal``, or what is wrong; ``nothing yet`` where it had not begun."""
    runs = [path for path in parent.iterdir() if not path.name.startswith(".")] if parent.exists() else []
    if not runs:
        return "nothing yet"
    run = runs[0]
    done = forked.run("train", "--resume", run, "--quiet", "--save-every", "0")
    if done["status"] and "is finished" not in done["err"]:
        return "unreadable"
    if steps(run) != steps(whole):
        return "steps missing or doubled"
    same = (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    return "equal" if same else "other weights"


def counted(found: list[str], fault: str) -> Row:
    """A row of the table."""
    return {"fault": fault, "trials": len(found), **{one: found.count(one) for one in sorted(set(found))}}


def crash_points(forked: Forked, whole: Path, folder: Path, passings: int) -> Row:
    """Death at every point of a run's writing, at its first to its last passing."""
    found = []
    for point in POINTS:
        for passing in PASSINGS[:passings]:
            parent = folder / f"{point}-{passing}"
            env = {"CONVSCOPE_CRASH_AT": f"{point}:{passing}"}
            if forked.run(*TRAIN, "--out", parent, env=env)["status"] == 137:
                found.append(outcome(forked, parent, whole))
    return counted(found, "killed at a point of its writing")


def kills(forked: Forked, whole: Path, folder: Path, trials: int) -> Row:
    """``kill -9`` at a random moment."""
    draw, found = random.Random(0), []  # noqa: S311 -- a choice of moments
    for trial in range(trials):
        forked.run(*TRAIN, "--out", folder / str(trial), after=draw.uniform(0, 0.9))
        found.append(outcome(forked, folder / str(trial), whole))
    return counted(found, "kill -9 at a random moment")


def signals(forked: Forked, folder: Path, trials: int) -> Row:
    """SIGTERM and SIGINT in turn, at a random moment of training."""
    draw, found = random.Random(1), []  # noqa: S311 -- as above
    for trial in range(trials):
        number = (signal.SIGTERM, signal.SIGINT)[trial % 2]
        done = forked.run(*LONG, "--out", folder / str(trial), after=draw.uniform(0.4, 1.2), signal=number)
        saved = list((folder / str(trial)).glob("run/checkpoints/*.json"))
        found.append("saved" if done["status"] == 128 + number and saved else f"status {done['status']}")
    return counted(found, "SIGTERM or Ctrl-C")


def damage(forked: Forked, folder: Path, trials: int) -> Iterator[Row]:
    """Flipped bits and cuts in the newest checkpoint."""
    from convscope.errors import RunError
    from convscope.training import checkpoint

    forked.run(*TRAIN, "--out", folder, env={"CONVSCOPE_CRASH_AT": "step:10"})
    draw = random.Random(2)  # noqa: S311 -- as above
    for kind in ("flipped bit", "cut"):
        found = []
        for trial in range(trials):
            path = folder / "run" / "checkpoints" / f"step-00000009{('.json', '.safetensors')[trial % 2]}"
            true = path.read_bytes()
            at = draw.randrange(len(true))
            flipped = true[:at] + bytes([true[at] ^ 1 << draw.randrange(8)]) + true[at + 1 :]
            path.write_bytes(flipped if kind == "flipped bit" else true[:at])
            try:
                state, _ = checkpoint.newest(folder / "run", strict=False)
                found.append("the one before" if state and state.step == 8 else "silently wrong")
            except RunError:
                found.append("refused")
            path.write_bytes(true)
        yield counted(found, f"{kind} in the newest checkpoint")


def doubles(folder: Path, trials: int) -> Row:
    """Two processes that resume one run at the same moment; these are not children, so the run is of all images."""
    found = []
    program = [sys.executable, "-m", "convscope"]
    first = subprocess.Popen([*program, *LONG, "--save-every", "0", "--out", str(folder)], stderr=subprocess.DEVNULL)
    while not list(folder.glob("run/checkpoints/*.json")):
        if first.poll() is not None:
            sys.exit("the run to be resumed ended before it had a checkpoint")
        time.sleep(0.1)
    first.terminate()
    first.wait()
    command = [*program, "train", "--resume", str(folder / "run"), "--quiet"]
    for _ in range(trials):
        both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        said: list[str] = []
        while not said:
            said += [one.stderr.read() for one in both if one.poll() is not None and one.stderr]
        for one in both:
            if one.poll() is None:
                one.terminate()
                one.communicate()
        found.append("one winner" if "is in use: process" in said[0] else "other")
    return counted(found, "two processes at once")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passings", type=int, default=len(PASSINGS), help="of each point (%(default)s)")
    parser.add_argument("--kills", type=int, default=200, help="random kills (%(default)s)")
    parser.add_argument("--signals", type=int, default=50, help="signals (%(default)s)")
    parser.add_argument("--doubles", type=int, default=50, help="double starts (%(default)s)")
    parser.add_argument("--damage", type=int, default=100, help="flips, and as many cuts (%(default)s)")
    parser.add_argument("--json", action="store_true", help="plain data")
    given = parser.parse_args()
    forked = Forked()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        forked.run(*TRAIN, "--out", folder / "whole")
        whole = folder / "whole" / "run"
        rows = [
            crash_points(forked, whole, folder / "points", given.passings),
            kills(forked, whole, folder / "kills", given.kills),
            signals(forked, folder / "signals", given.signals),
            *damage(forked, folder / "damage", given.damage),
            doubles(folder / "doubles", given.doubles),
        ]
    forked.close()
    if given.json:
        print(json.dumps({"machine": machine(), "rows": rows}, indent=1))
        return
    print(f"{machine()}\n\n| fault | trials | what became of them |\n|---|---:|---|")
    for row in rows:
        became = ", ".join(f"{value} {key}" for key, value in row.items() if key not in {"fault", "trials"})
        print(f"| {row['fault']} | {row['trials']} | {became} |")


if __name__ == "__main__":
    main()
