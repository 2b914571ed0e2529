"""How long a user waits for what needs no training: version, help, tables.

python benchmarks/light.py
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import convscope as cs
from machine import machine

if TYPE_CHECKING:
    from convscope.core.net import Net

TWENTY = "input 28x28x1, 6*( conv 16 3x3 same bn relu ), gap, linear 10"
RESNET50 = "input 224x224x3, conv 64 7x7 s2 p3 nobias bn relu, maxpool 3 s2 p1" + "".join(
    f", add( conv {w} 1x1 nobias bn relu, conv {w} 3x3 {s} p1 nobias bn relu, conv {4 * w} 1x1 nobias bn "
    f"| conv {4 * w} 1x1 {s} nobias bn ) relu, {n}*( add( conv {w} 1x1 nobias bn relu, conv {w} 3x3 p1 nobias bn relu, "
    f"conv {4 * w} 1x1 nobias bn | id ) relu )"
    for w, n, s in ((64, 2, ""), (128, 3, "s2"), (256, 5, "s2"), (512, 2, "s2"))
) + ", gap, linear 1000"  # fmt: skip


def median_ms(call: Callable[[], object], times: int) -> float:
    """Median of several calls, after one that is not counted [ms]."""
    call()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append((time.perf_counter() - start) * 1000)
    return statistics.median(found)


def process(*arguments: str) -> Callable[[], object]:
    """A whole command, from the start of Python to its end."""
    code = "from convscope.cli import main; main()"
    return lambda: subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


def main() -> None:
    """Measure and print."""
    nets: dict[str, Net] = {"20 layers": cs.read(TWENTY), "ResNet-50": cs.read(RESNET50)}
    long = cs.read("input 64x64x4, 2500*( conv 4 3x3 same bn relu, conv 4 3x3 same )")
    rows = {
        "convscope --version, whole process": median_ms(process("--version"), 20),
        "convscope table, 20 layers, whole process": median_ms(process("table", TWENTY), 20),
        "bare python, whole process": median_ms(lambda: subprocess.run([sys.executable, "-c", ""], check=True), 20),
        **{f"table of {name} ({len(net)} layers), in process": median_ms(net.table, 50) for name, net in nets.items()},
        "read the text of ResNet-50, in process": median_ms(lambda: cs.read(RESNET50), 20),
        f"table of {len(long)} layers, in process": median_ms(long.table, 3),
    }
    print(machine("numpy", "click"))
    print("\n| what | median ms |\n|---|---:|")
    for name, value in rows.items():
        print(f"| {name} | {value:.1f} |")


if __name__ == "__main__":
    main()
