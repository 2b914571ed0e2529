"""From a module to its table, beside torch's own counter, which counts multiply-adds and nothing else.

    python benchmarks/counter.py                         five nets of torchvision
    python benchmarks/counter.py --nets swin_t --runs 51

Both run in one process, on one thread, in turns: a run of ours, one of the counter, and so on. Torch's counter is given
a module that is on the meta device already; ours reads the module as the user has it. Medians of the time of the
processor; the first run of each, in which caches are empty, stands beside them. Garbage is collected as usual.
"""

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from machine import machine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import torch  # noqa: E402 -- with the folder of the tests on the path
from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import convscope as cs  # noqa: E402
from peers.nets import PUBLISHED  # noqa: E402 -- as above


def ours(module: nn.Module) -> int:
    """Multiply-adds, as the table of a module says."""
    return cs.read(module, input="224x224x3").table().macs.value


def counted(module: nn.Module, x: torch.Tensor) -> int:
    """Multiply-adds, as torch's counter says."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return int(counter.get_total_flops()) // 2


def seconds(call: Callable[[], object]) -> float:
    """Time of the processor."""
    start = time.process_time()
    call()
    return time.process_time() - start


def measured(name: str, runs: int) -> tuple[list[float], list[float]]:
    """Seconds of each run of ours, and of torch's counter; the first ones are in front."""
    torch.manual_seed(0)
    module = PUBLISHED[name].build().eval()
    meta = PUBLISHED[name].build().eval().to("meta")
    x = torch.empty(1, 3, 224, 224, device="meta")
    mine, its = [seconds(lambda: ours(module))], [seconds(lambda: counted(meta, x))]
    assert ours(module) == counted(meta, x), "both count alike"
    for _ in range(runs):
        mine.append(seconds(lambda: ours(module)))
        its.append(seconds(lambda: counted(meta, x)))
    return mine, its


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nets", help="names with commas between")
    parser.add_argument("--runs", type=int, default=25, help="runs of each that are counted (25)")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    names = asked.nets.split(",") if asked.nets else list(PUBLISHED)
    cs.read(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), input="9x9x3").table()  # imports
    print(f"{machine('torch', 'numpy', 'torchvision')} · load {os.getloadavg()[0]:.1f}")
    print("\n| net | ours ms | torch's counter ms | ratio | ours, first ms | its, first ms |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in names:
        mine, its = measured(name, asked.runs)
        a, b = (1000 * statistics.median(found[1:]) for found in (mine, its))
        print(f"| {name} | {a:.1f} | {b:.1f} | {b / a:.1f} | {1000 * mine[0]:.1f} | {1000 * its[0]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
