"""Every verb over models that nobody here wrote: what each says, and whether what is written computes the same.

    python benchmarks/models.py                        # all that the record does not have yet
    python benchmarks/models.py --only resnet18        # again, one model
    python benchmarks/models.py --wheels DIR           # where packages with files are fetched to and unpacked
    python benchmarks/models.py --table                # only print the table of the record

The models are those of torchvision, one of each family of timm, those of Keras, and the files that
``tests/peers/models.toml`` lists. The record is ``benchmarks/models.jsonl``; ``benchmarks/zoo.py --table`` puts the
table into ``docs/reference/zoo.md``. Run it with ``nice -n 10`` and ``OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peers.sources import Source

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
os.environ["KERAS_BACKEND"] = "torch"

RECORD = ROOT / "benchmarks" / "models.jsonl"
WORDS = ("ok", "bound", "opaque", "refused", "weak", "late", "wrong", "crash")
"""What a step may say, best first."""


def named() -> Iterator[tuple[str, str]]:
    """Package and name of every model, in the order of the lists."""
    from peers.sources import LISTED
    from peers.zoo import make_importable

    make_importable()
    import torchvision

    yield from ((one["package"], one["path"]) for one in LISTED["files"])
    yield from (("timm", name) for name in LISTED["families"].values())
    truth = json.loads((ROOT / "tests" / "truth" / "keras_applications.json").read_text(encoding="utf-8"))
    yield from (("keras", name) for name in truth["models"])
    yield from (("torchvision", name) for name in torchvision.models.list_models(torchvision.models))


def costs() -> dict[str, tuple[int, int]]:
    """MACs and params of models of the zoos, as other records have them."""
    lines = (ROOT / "benchmarks" / "zoo.jsonl").read_text(encoding="utf-8").splitlines()
    truth = json.loads((ROOT / "tests" / "truth" / "keras_applications.json").read_text(encoding="utf-8"))
    found = {one["model"]: (one.get("macs", 0), one.get("params", 0)) for one in map(json.loads, lines)}
    return found | {name: (100 * one["params"], one["params"]) for name, one in truth["models"].items()}


def looked(package: str, name: str, limit: int, side: int | None = None) -> dict[str, Any]:
    """One model through every verb; on images of another size than its own, where it takes them."""
    from peers.through import through

    try:
        found = through(made(package, name, side), limit=limit) | {"model": name}
    except Exception as error:  # noqa: BLE001 -- whatever another package does
        if side is not None:
            return looked(package, name, limit)
        return {"package": package, "model": name, "made": f"{type(error).__name__}: {error}"[:200]}
    failed = {"read", "run"} & {key for key, one in found.items() if isinstance(one, dict) and one["says"] != "ok"}
    return looked(package, name, limit) if failed and side is not None else found


def made(package: str, name: str, side: int | None) -> Source:
    """A model, with what it computes."""
    from peers import sources

    if package == "keras":
        return sources.keras_net(name, side)
    if package in {"timm", "torchvision"}:
        return sources.module(package, name, side)
    listed = next(one for one in sources.LISTED["files"] if (one["package"], one["path"]) == (package, name))
    fetched(listed)
    found = sources.file(listed)
    assert found is not None, f"{name} is not in {package}"
    return found


def fetched(listed: dict[str, Any]) -> None:
    """Fetch the package of a file and unpack it, if it is not there."""
    from peers.sources import WHEELS, place

    if place(listed) is not None:
        return
    folder = Path(os.environ[WHEELS])
    target = folder / f"{listed['package']}-{listed['version']}"
    wanted = f"{listed['package']}=={listed['version']}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(target), wanted]
    subprocess.run(command, check=True)
    for archive in list(target.iterdir()):
        shutil.unpack_archive(archive, target, "zip" if archive.suffix == ".whl" else None)


def record() -> list[dict[str, Any]]:
    """The newest line of every model."""
    if not RECORD.exists():
        return []
    lines = map(json.loads, RECORD.read_text(encoding="utf-8").splitlines())
    return list({(one["package"], one["model"]): one for one in lines}.values())


def says(one: dict[str, Any], step: str) -> str:
    """A cell: the word, and what a reader asks next."""
    if "made" in one or step not in one:
        return "-"
    return str(one[step]["says"])


def page() -> str:
    """The section of the documentation page."""
    from peers.through import STEPS

    found = record()
    groups = {"torchvision": [], "timm, one of each family": [], "keras.applications": [], "files": []}  # type: dict[str, list[dict[str, Any]]]
    titles = {"torchvision": "torchvision", "timm": "timm, one of each family", "keras": "keras.applications"}
    for one in found:
        groups[titles.get(one["package"], "files")].append(one)
    totals = Counter(titles.get(package, "files") for package, _ in named())
    parts = [
        INTRODUCTION,
        _grid(["", "measured", *STEPS], [_sums(name, group, totals[name], STEPS) for name, group in groups.items()]),
    ]
    for name, group in groups.items():
        rows = [_row(one, STEPS) for one in sorted(group, key=lambda one: (one["package"], one["model"]))]
        parts.append(f"### {name}\n\n" + _grid(["model", "input", *STEPS], rows))
    parts.append("### What is not `ok`, and why\n\n" + "\n".join(_notes(found)))
    return "\n\n".join(parts) + f"\n\n{machine('torch', 'onnxruntime', 'keras', 'timm', 'torchvision')}\n"


def _notes(found: list[dict[str, Any]]) -> list[str]:
    """One line for each reason, with the models and steps that have it."""
    from peers.through import STEPS

    reasons: dict[str, dict[str, list[str]]] = {}
    for one in found:
        for step in STEPS:
            if step in one and one[step]["says"] not in {"ok", "bound"}:
                reasons.setdefault(_reason(one[step]), {}).setdefault(_title(one), []).append(step)
    return [
        f"- {reason}: " + "; ".join(f"`{name}` ({', '.join(steps)})" for name, steps in models.items())
        for reason, models in sorted(reasons.items())
    ]


def _reason(step: dict[str, Any]) -> str:
    if step["says"] == "opaque":
        return "some layer is opaque, so that it can be neither written nor run"
    return f"{step['says']}, {step.get('why', '')}"[:200]


def _title(one: dict[str, Any]) -> str:
    return "/".join(Path(one["model"]).parts[-2:]) if "/" in one["model"] else str(one["model"])


def _row(one: dict[str, Any], steps: tuple[str, ...]) -> list[str]:
    name = _title(one) if _title(one) == one["model"] else f"{_title(one)} ({one['package']})"
    return [f"{name}{_alike(one)}", one.get("input", "-"), *(says(one, step) for step in steps)]


def _alike(one: dict[str, Any]) -> str:
    """How many files of the package have the same layers."""
    from peers.sources import LISTED

    found = (file.get("alike", 1) for file in LISTED["files"] if file["path"] == one["model"])
    count = next(found, 1)
    return f", the first of {count} alike" if count > 1 else ""


def _sums(name: str, group: list[dict[str, Any]], total: int, steps: tuple[str, ...]) -> list[str]:
    cells = []
    for step in steps:
        counts = Counter(says(one, step) for one in group)
        cells.append(", ".join(f"{counts[word]} {word}" for word in (*WORDS, "-") if counts[word]))
    return [name, f"{len(group)} of {total}", *cells]


def _grid(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


INTRODUCTION = """## Every verb over every model

All of torchvision's classifiers, one model of each family of timm, the nets of Keras, and files that packages on PyPI
carry, through `table` (params and multiply-adds against counts that owe nothing to this package), `check`, `field`
(the middle unit of every output, on every input, and all fields of the table), `memory`, `write` to three languages
and `verify`. What is written is run beside the model on a random input: every output, in number, order, axes and
values. Both sides compute in float32, so that deep nets may differ by 1e-4 of the largest value, and by no more; where
the model itself is further than a quarter of that from what is written, run in float64, by four times its distance.
Weights are random, no two tensors alike; files have their own. Nets that take images of any size are asked on small
ones; the table above is of their own size.

`ok`: right, and exact. `bound`: an upper bound for a field, a lower one for a total, marked as such. `opaque`: refused,
for some layer cannot be inspected, and is said to be. `refused`: for another reason, told below. `weak`: the
comparison says little, for the outputs hardly depend on the input, or the model itself moves as far for a millionth on
its input. `late`: not within the limit of two minutes. `wrong`: a number that is not true.
`benchmarks/models.py` measures this."""


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], help="only models with this in their name, again")
    parser.add_argument("--package", action="append", default=[], help="only models of this package")
    parser.add_argument("--limit", type=int, default=120, help="seconds for each step")
    parser.add_argument("--side", type=int, default=96, help="of images, for nets of the zoos that take any size")
    parser.add_argument("--wheels", default=str(ROOT / "build" / "wheels"), help="folder of fetched packages")
    parser.add_argument("--most", type=int, default=200, help="millions of params of the largest model")
    parser.add_argument(
        "--part", default="0/1", help="every so many models, from which one: 0/2 and 1/2 share the work"
    )
    parser.add_argument("--table", action="store_true", help="only print the table")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    if not asked.table:
        measure(asked)
    print(page())


def measure(asked: argparse.Namespace) -> None:
    """Look at the models that are asked for, and add them to the record."""
    import torch

    from peers.sources import WHEELS

    os.environ.setdefault(WHEELS, asked.wheels)
    torch.set_num_threads(1)
    at, parts = map(int, asked.part.split("/"))
    todo = [one for one in named() if not asked.package or one[0] in asked.package]
    todo = [one for one in todo if any(word in one[1] for word in asked.only)] if asked.only else todo
    known_costs = costs()
    cost = {one: known_costs.get(one[1], (0, 0)) for one in todo}
    todo = sorted((one for one in todo if cost[one][1] <= asked.most * 10**6), key=lambda one: cost[one][0])
    for package, name in todo[at::parts]:
        if not asked.only and (package, name) in {(one["package"], one["model"]) for one in record()}:
            continue
        found = looked(package, name, asked.limit, asked.side)
        with RECORD.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        steps = {step: one["says"] for step, one in found.items() if isinstance(one, dict) and "says" in one}
        print(package, name, steps, found.get("made", ""), file=sys.stderr)
        gc.collect()


if __name__ == "__main__":
    main()
