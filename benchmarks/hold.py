"""What do small hostile files cost, and what honest large nets? Figures for docs/reference/limits.md.

    python benchmarks/hold.py                     all cases; prints a table
    python benchmarks/hold.py --source OTHER/src  of another checkout, for before and after
    python benchmarks/hold.py --seconds 3         ends a call sooner
    python benchmarks/hold.py --json              for other programs

Each case is a call of the command line in a process of its own, ended after 10 s of the processor or at 4 GB. Time is
that of the processor, memory the peak of what is resident; both are above those of the same command with next to
nothing to do.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import machine

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT / "tests")  # in place of this folder, which has a "faults" of its own

from faults.hold_cases import CASES, HONEST, Case  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

BYTES = 4 * 10**9

PACKAGES = ("numpy", "onnx", "pillow")

Cost = tuple[float, float, int, str]


def ended(seconds: int) -> None:
    """Limits of a child."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def called(args: Sequence[str], source: Path, folder: Path, most: int) -> Cost:
    """Seconds, MB, exit status and the first line of the error of one call."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(source),
        "OMP_NUM_THREADS": "1",
        "CONVSCOPE_CACHE": str(folder / "cache"),
        "PYTHONWARNINGS": "ignore",
    }
    with (folder / "err").open("w+b") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "convscope", *args],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env=environment,
            preexec_fn=lambda: ended(most),  # noqa: PLW1509 -- this process has no threads
        )
        _, code, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(code)
        errors.seek(0)
        said = errors.read(1_000_000).decode("utf-8", "replace").splitlines()
        lines = [line for line in said if not line.startswith("prepared")]
    first = next((line for line in lines if line.strip()), "")
    verdict = "traceback" if any(line.startswith("Traceback") for line in lines) else first
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6, child.returncode, verdict


def built(case: Case, folder: Path) -> Sequence[str]:
    """The arguments of a case; its files are made in a child, as the peak of this process would count for others."""
    reader, writer = os.pipe()
    number = os.fork()
    if number == 0:
        with os.fdopen(writer, "w", encoding="utf-8") as pipe:
            json.dump(list(case.build(folder)), pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        args: list[str] = json.load(pipe)
    os.waitpid(number, 0)
    return args


def measured(case: Case, source: Path, bare: dict[Sequence[str], Cost], most: int) -> dict[str, Any]:
    """One row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "case").mkdir()
        args = built(case, folder / "case")
        if case.bare not in bare:
            bare[case.bare] = called(case.bare, source, folder, 60)
        seconds, megabytes, status, verdict = called(args, source, folder, most)
        subprocess.run(["rm", "-rf", folder / "case"], check=True)  # noqa: S607 -- some are too deep for Python
        files = "answered" if status in {0, 1} and verdict != "traceback" else verdict.partition(":")[0]
    start = bare[case.bare]
    over = status < 0 or status > 128
    found = {
        "case": case.name,
        "seconds": round(max(0.0, seconds - start[0]), 2),
        "megabytes": round(max(0.0, megabytes - start[1])),
        "status": status,
        "verdict": "ended by us" if over else files,
    }
    sys.stderr.write(f"{line(found)}\n")  # while the others are measured
    return found


def line(row: dict[str, Any]) -> str:
    """A row of Markdown."""
    return f"| {row['case']} | {row['seconds']} | {row['megabytes']:,} | {row['verdict']} |"


def shown(rows: list[dict[str, Any]]) -> str:
    """A table of Markdown."""
    lines = ["| case | time [s] | memory [MB] | outcome |", "|---|---:|---:|---|"]
    return "\n".join([*lines, *map(line, rows)])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=ROOT / "src", help="the package to be measured")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--seconds", type=int, default=10, help="of the processor, where a call is ended (%(default)s)")
    parser.add_argument("--json", action="store_true", help="plain data")
    given = parser.parse_args()
    bare: dict[Sequence[str], Cost] = {}
    hostile = [measured(case, given.source, bare, given.seconds) for case in CASES if given.only in case.name]
    honest = [measured(case, given.source, bare, 60) for case in HONEST if given.only in case.name]
    if given.json:
        found = {"machine": machine(*PACKAGES), "hostile": hostile, "honest": honest}
        print(json.dumps(found, indent=1))
        return
    over = [row for row in hostile if row["seconds"] >= 1 or row["megabytes"] >= 300 or row["verdict"] == "traceback"]
    print(f"{machine(*PACKAGES)}\n\n{shown(hostile)}\n\n{len(over)} of {len(hostile)} over the limits\n")
    print(shown(honest))


if __name__ == "__main__":
    main()
