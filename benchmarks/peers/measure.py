"""Ask one analyser about one net, in a process of its own: python -m peers.measure ANALYSER NET RUNS.

Prints one line of JSON: the answer, and the seconds of each run. Imports and one run are done before the clock starts;
each run gets a fresh copy of the module, since some analysers leave things after in it. One thread.

python -m peers.measure --memory NET prints how much the resident memory grows above that of the imports and the module
while we analyse NET, a name or ``billion-meta`` or ``billion-cpu`` [byte]; --published NET prints what torchvision's
table says.
"""

import copy
import json
import logging
import resource
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from peers.analysers import ANALYSERS, convscope
from peers.nets import NETS, Case, billion, published
from peers.zoo import make_importable

MOST = 12 * 2**30
"""Bytes that an analyser may ask for; some ask for hundreds of times that."""


def ask(analyser: str, net: str, runs: int) -> dict[str, Any]:
    """The answer of the last run, and the seconds of all, by the clock and of the processor."""
    case = NETS[net]
    torch.manual_seed(0)
    module = case.build().eval()
    x = torch.randn(1, *case.input)
    call = ANALYSERS[analyser]
    seconds: list[float] = []
    processor: list[float] = []
    answer = None
    for _ in range(runs + 1):
        fresh, given = copy.deepcopy(module), x.clone()
        start, begun = time.perf_counter(), time.process_time()
        answer = call(fresh, given, case)
        processor.append(time.process_time() - begun)
        seconds.append(time.perf_counter() - start)
    assert answer is not None
    return asdict(answer) | {"seconds": seconds[1:], "processor": processor[1:]}


def resident(key: str) -> int:
    """Memory of this process [byte]: ``VmRSS`` now, ``VmHWM`` at its highest."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def growth(call: Callable[[], object]) -> int:
    """By how much the resident memory of this process grows at most during a call [byte]."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest so far is now
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def memory(net: str) -> dict[str, Any]:
    """What our analysis of a net takes; a small net is analysed before, so that imports do not count."""
    small = Case(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), (3, 32, 32))
    convscope(small.build().eval(), torch.randn(1, *small.input), small)
    case = (
        Case(partial(billion, net.removeprefix("billion-")), (4096, 8, 8)) if net.startswith("billion") else NETS[net]
    )
    module, x = case.build().eval(), torch.empty(1, *case.input)
    taken = growth(lambda: convscope(module, x, case))
    return {"net": net, "bytes": taken, "params": sum(param.numel() for param in module.parameters())}


def main() -> None:
    """Ask, or measure."""
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST))
    make_importable()  # some analysers import torchvision too
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    what, net, *runs = sys.argv[1:]
    others = {"--memory": memory, "--published": published}
    try:
        answer = others[what](net) if what in others else ask(what, net, int(runs[0]))
    except Exception as error:  # noqa: BLE001 -- an analyser may fail in any way; that is its answer
        answer = {"error": f"{type(error).__name__}: {error}"[:400]}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
