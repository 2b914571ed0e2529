"""Is our analysis right, and how long does it take? Beside the other analysers, on the same twelve nets, in one run.

    python benchmarks/analysis.py                                   every analyser on every net
    python benchmarks/analysis.py --nets res,resnet50 --peers convscope,torchinfo
    python benchmarks/analysis.py --json > found.json               for other programs

Params and multiply-adds against work by hand and torchvision's published table, fields against work by hand and a
gradient probe; median times after imports and one run. Every analyser runs with its defaults, in a process of its own
for each net, on one thread, in one virtual environment with one torch, made in the folder given with --peer-env and
used again. Beside other work on the machine, compare the times of the processor.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import machine

HERE = Path(__file__).parent
ROOT = HERE.parent
NEEDED = HERE / "peers" / "analysis-requirements.txt"
PEERS = (
    *("convscope", "torchlens", "rfa-toolbox", "torch counter (meta)", "torch counter (CPU)"),
    *("fvcore", "ptflops (aten)", "ptflops (hooks)", "torchinfo", "thop"),
)
HAND = ("vgg", "res", "incep", "unet", "func", "grid", "sdpa")
PUBLISHED = ("resnet50", "mobilenet_v3_large", "convnext_tiny", "swin_t", "vit_b_16")
MEMORY = ("resnet50", "billion-meta", "billion-cpu")
SECONDS = 300
"""After which an analyser is stopped."""

Found = dict[str, dict[str, dict[str, Any]]]
"""Analyser -> net -> answer."""


def peer_python(folder: Path) -> Path:
    """The interpreter of the analysers' environment, made when it is not there or not as it should be."""
    python, done = folder / "bin" / "python", folder / "requirements.txt"
    wanted = NEEDED.read_text(encoding="utf-8")
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        print(f"making the analysers' environment in {folder} …", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--ignore-requires-python")
        subprocess.run(
            [str(python), "-m", "pip", "install", *options, "-r", str(NEEDED)], check=True, stdout=sys.stderr
        )
        done.write_text(wanted, encoding="utf-8")
    return python


def run(python: Path, *arguments: str) -> dict[str, Any]:
    """One line of JSON from a process of the analysers' environment, or what went wrong."""
    paths = (ROOT / "src", HERE, ROOT / "tests")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}
    command = [str(python), "-m", "peers.measure", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS, env=environment, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer after {SECONDS} s"}
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": f"status {done.returncode}: {' '.join(done.stderr.split())[-300:]}"}
    return answer


def kept(file: Path | None, python: Path, *arguments: str) -> dict[str, Any]:
    """An answer that stands in a file already, or a new one, which is added to it."""
    lines = file.read_text(encoding="utf-8").splitlines() if file and file.exists() else []
    known = {tuple(entry["asked"]): entry["answer"] for entry in map(json.loads, lines)}
    answer: dict[str, Any] = known.get(arguments) or run(python, *arguments)
    if file and arguments not in known:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"asked": arguments, "answer": answer}) + "\n")
    return answer


def truth(python: Path, nets: list[str]) -> dict[str, dict[str, Any]]:
    """What is true of each net: params, macs or gmacs (published, three places), size (None: whole), stride, gates."""
    hand = json.loads((ROOT / "tests" / "truth" / "hand_nets.json").read_text(encoding="utf-8"))["nets"]
    fields = json.loads((HERE / "peers" / "fields.json").read_text(encoding="utf-8"))["nets"]
    found = {}
    for net in nets:
        if net in hand:
            row = hand[net]
            size = None if row["rf"] == "whole input" else row["rf"]
            found[net] = {key: row[key] for key in ("params", "macs")} | {"size": size, "stride": row.get("jump")}
        else:
            found[net] = run(python, "--published", net) | fields[net]
            if "error" in found[net]:
                sys.exit(found[net]["error"])
    return found


def params_cell(answer: dict[str, Any], true: dict[str, Any]) -> str:
    """Right, or what was said instead."""
    said = answer["params"]
    return "-" if said is None else "ok" if said == true["params"] else f"{said:,}"


def macs_cell(answer: dict[str, Any], true: dict[str, Any]) -> str:
    """Right, or how many times the truth. Published figures have three places."""
    said = answer["macs"]
    if said is None:
        return "-"
    right = said == true["macs"] if "macs" in true else round(said / 1e9, 3) == true["gmacs"]
    share = said / (true["macs"] if "macs" in true else true["gmacs"] * 1e9)
    return "ok" if right else f"{100 * (share - 1):+.1g} %" if 0.9 < share < 1.1 else f"{share:.3g}x"


def field_cell(answer: dict[str, Any], true: dict[str, Any]) -> str:
    """Right, or what was said instead, a bound with ``≤``.

    Where the truth is the whole image, an analyser that gives two fields is right with the one that follows gates and
    attention. Where there are gates, the truth is the field without them; the whole image, with them, is right too.
    """
    said, size = answer["size"], true["size"]
    if said is None:
        return "-"
    if size is None and answer["whole"]:
        return "ok"
    if said == "not said":
        return "not said"
    if said == "whole":
        return "ok" if size is None else "ok, gates" if true.get("gates") else "whole"
    told = "x".join(map(str, dict.fromkeys(said)))  # one number where all axes agree
    if answer["stride"] and true["stride"] and answer["stride"] != [float(step) for step in true["stride"]]:
        return f"{told}, stride {answer['stride'][0]:g}"
    return "ok" if said == size else f"{'≤ ' if answer['bound'] else ''}{told}"


def time_cell(answer: dict[str, Any], key: str) -> str:
    """Median milliseconds."""
    return f"{1000 * statistics.median(answer[key]):,.1f}"


CELLS: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
    "Params": params_cell,
    "Multiply-adds": macs_cell,
    "Field of the last map": field_cell,
    "Milliseconds of the processor, median": lambda answer, _: time_cell(answer, "processor"),
    "Milliseconds by the clock, median": lambda answer, _: time_cell(answer, "seconds"),
}


def cell(kind: str, answer: dict[str, Any], true: dict[str, Any]) -> str:
    """One answer about one net."""
    return "fails" if "error" in answer else CELLS[kind](answer, true)


def print_tables(found: Found, true: dict[str, dict[str, Any]]) -> None:
    """A table for each question, and one that counts."""
    for kind in CELLS:
        print(f"\n{kind}\n\n| analyser | {' | '.join(true)} |\n|---|{'---:|' * len(true)}")
        for name, answers in found.items():
            print(f"| {name} | {' | '.join(cell(kind, answers[net], row) for net, row in true.items())} |")
    print(
        f"\nRight answers of {len(true)}\n\n| analyser | params | multiply-adds | field | fails |\n|---|{'---:|' * 4}"
    )
    for name, answers in found.items():
        kinds = ([cell(kind, answers[net], row) for net, row in true.items()] for kind in list(CELLS)[:3])
        right = [sum(text.startswith("ok") for text in texts) for texts in kinds]
        failed = sum("error" in answer for answer in answers.values())
        print(f"| {name} | {' | '.join(map(str, (*right, failed)))} |")
    for name, answers in found.items():
        for net, answer in answers.items():
            if "error" in answer:
                print(f"\n{name} on {net}: {answer['error'].splitlines()[0]}")


def versions() -> str:
    """Torch and the analysers, as they are pinned."""
    names = ("torch", "torchlens", "rfa-toolbox", "fvcore", "ptflops", "torchinfo", "thop", "torchvision")
    pins = dict(line.split("==") for line in NEEDED.read_text(encoding="utf-8").splitlines() if "==" in line)
    return " · ".join(f"{name} {pins[name]}" for name in names)


def chosen(text: str | None, known: tuple[str, ...], kind: str) -> list[str]:
    """Names given with commas between; all where none are given."""
    names = [name.strip() for name in text.split(",")] if text else list(known)
    for name in names:
        if name not in known:
            sys.exit(f"there is no {kind} {name!r}; known: {', '.join(known)}")
    return names


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", help="names with commas between")
    parser.add_argument("--peers", help="names of analysers with commas between")
    parser.add_argument("--runs", type=int, default=5, help="runs that are timed (5)")
    parser.add_argument("--json", action="store_true", help="plain data, with the times of every run")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep each answer here; those in it are not asked again"
    )
    parser.add_argument("--no-memory", action="store_true", help="leave the memory of our own analysis out")
    parser.add_argument("--peer-env", type=Path, default=Path.home() / ".cache" / "convscope" / "analysis-peers")
    asked = parser.parse_args()
    nets, peers = chosen(asked.nets, HAND + PUBLISHED, "net"), chosen(asked.peers, PEERS, "analyser")
    python = peer_python(asked.peer_env)
    true = truth(python, nets)
    found: Found = {}
    for peer in peers:
        print(f"{peer} …", file=sys.stderr, flush=True)
        found[peer] = {net: kept(asked.keep, python, peer, net, str(asked.runs)) for net in nets}
    memory = {} if asked.no_memory else {net: run(python, "--memory", net) for net in MEMORY}
    where = f"{machine()} · {versions()}"
    if asked.json:
        print(json.dumps({"machine": where, "truth": true, "found": found, "memory": memory}, indent=1))
        return
    print(where)
    print_tables(found, true)
    for net, answer in memory.items():
        said = answer.get("error") or f"{answer['bytes'] / 2**20:.1f} MiB, {answer['params']:,} params"
        print(f"memory of our analysis above imports and module, {net}: {said}")


if __name__ == "__main__":
    main()
