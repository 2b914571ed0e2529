"""Every model of timm and torchvision's classifiers: is it read, and are its numbers right?

    python benchmarks/zoo.py                 # all that the record does not have yet; takes about an hour
    python benchmarks/zoo.py --family resnet # again, one family
    python benchmarks/zoo.py --table         # only write the table of the documentation from the record

For each model: parameters against its own tensors, multiply-adds against torch's counter on meta tensors, and how far
the receptive field is exact. The record is ``benchmarks/zoo.jsonl``, the table ``docs/reference/zoo.md``.
Its second part is what ``benchmarks/models.py`` measures.
"""

from __future__ import annotations

import argparse
import gc
import json
import signal
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import models
from machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from peers.zoo import made, make_importable, multiply_adds, sizes  # noqa: E402 -- from the tests

RECORD = ROOT / "benchmarks" / "zoo.jsonl"
TABLE = ROOT / "docs" / "reference" / "zoo.md"
LIMIT = 300
"""Seconds for one model, most of which goes into making it."""


class TooLongError(Exception):
    """A model took longer than the limit."""


def look(package: str, name: str, family: str) -> dict[str, Any]:
    """What is found for one model."""
    from convscope.errors import ShapeError
    from convscope.frontends.torch import read_module

    found: dict[str, Any] = {"package": package, "model": name, "family": family}
    try:
        module = made(package, name)
    except (RuntimeError, ValueError, TypeError, KeyError, AssertionError, NotImplementedError) as error:
        return found | {"made": f"{type(error).__name__}: {error}"[:160]}
    shape = sizes(package, name, module)
    found["input"] = "x".join(map(str, (*shape[1:], shape[0])))
    start = time.process_time()
    try:
        try:
            imported = read_module(module, shape)
        except ShapeError:  # code that looks at numbers when it is made or when it runs
            module = made(package, name, numbers=True)
            imported = read_module(module, shape)
        table = imported.net.table()
    except Exception as error:  # noqa: BLE001 -- a crash of ours is what is looked for
        return found | {"failed": f"{type(error).__name__}: {error}"[:300]}
    found["ms"] = round(1000 * (time.process_time() - start), 1)
    found["layers"] = len(table.rows)
    found["params"] = table.params.value
    found["params_right"] = table.params.exact and table.params.value == sum(p.numel() for p in module.parameters())
    local = all(axis.exact for row in table.rows for axis in row.field)
    gated = all(axis.exact for row in table.rows for axis in row.gated)
    found["field"] = "unknown" if imported.unread else "exact" if local and gated else "hull"
    found["unread"] = sorted(imported.unread)
    found["macs"] = table.macs.value
    found["counted"] = multiply_adds(module, shape)
    found["macs_right"] = found["counted"] == table.macs.value
    return found


def _ring(*_: object) -> None:
    raise TooLongError


def every(families: Iterable[str], again: bool) -> None:  # noqa: FBT001 -- of the command line
    """Look at all models that the record does not have, and add them to it."""
    import timm
    import torchvision

    known = {(one["package"], one["model"]) for one in record()}
    modules = timm.models._registry._model_to_module  # noqa: SLF001 -- timm has no public name for it
    names = [("torchvision", name, "torchvision") for name in torchvision.models.list_models(torchvision.models)]
    names += [("timm", name, modules[name]) for name in timm.list_models()]
    wanted = [one for one in names if not families or one[2] in families]
    todo = [one for one in wanted if again or one[:2] not in known]
    signal.signal(signal.SIGALRM, _ring)
    for number, (package, name, family) in enumerate(todo, 1):
        signal.alarm(LIMIT)
        try:
            found = look(package, name, family)
        except TooLongError:
            found = {"package": package, "model": name, "family": family, "made": f"not within {LIMIT} s"}
        finally:
            signal.alarm(0)
        with RECORD.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(f"{number}/{len(todo)}", package, name, {k: v for k, v in found.items() if k not in {"package", "model"}})
        gc.collect()


def record() -> list[dict[str, Any]]:
    """The newest line of every model."""
    if not RECORD.exists():
        return []
    lines = map(json.loads, RECORD.read_text(encoding="utf-8").splitlines())
    return list({(one["package"], one["model"]): one for one in lines}.values())


def table() -> str:
    """The documentation page."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in record():
        groups[one["family"]].append(one)
    head = ["family", "models", "read", "params right", "MACs right", "field exact", "upper bound", "unknown"]
    rows: list[list[Any]] = [[family, *counts(models)] for family, models in sorted(groups.items())]
    rows.append(["all", *counts(record())])
    grid: list[list[Any]] = [head, ["---", *["---:"] * 7], *rows]
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in grid]
    return PAGE.format(table="\n".join(lines), machine=machine()) + "\n" + models.page()


def counts(models: list[dict[str, Any]]) -> list[int]:
    """Numbers of one row."""
    there = [one for one in models if "made" not in one]
    read = [one for one in there if "failed" not in one]
    right = [sum(bool(one[key]) for one in read) for key in ("params_right", "macs_right")]
    return [len(there), len(read), *right, *(sum(one["field"] == kind for one in read) for kind in KINDS)]


KINDS = ("exact", "hull", "unknown")

PAGE = """# The model zoos

Every model of timm that can be made, and torchvision's classifiers, read by `convscope.read` and compared: parameters
with the model's own tensors, multiply-adds with torch's counter on meta tensors. `field exact`: the receptive field of
every layer, local and with gates, is exact; `upper bound`: that of some layer is one, marked `≤` in the table;
`unknown`: some operation cannot be inspected. `benchmarks/zoo.py` writes this page.

{table}

{machine}
"""


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--family", action="append", default=[], help="only this one, again; may be repeated")
    parser.add_argument("--table", action="store_true", help="only write the table")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    if not given.table:
        make_importable()
        every(given.family, again=bool(given.family))
    TABLE.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
