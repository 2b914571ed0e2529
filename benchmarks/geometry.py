"""How fast are tables, supports and effective fields, and do they grow in step with the depth?

python benchmarks/geometry.py                    prints tables
python benchmarks/geometry.py --plot growth.png  draws the growth too (needs matplotlib)
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import convscope as cs
from light import RESNET50
from machine import machine

DEPTHS = (10, 30, 100, 300, 1000, 3000, 10_000)


def median_ms(call: Callable[[], object], times: int = 15) -> float:
    """Median after one call that is not counted [ms]."""
    call()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - start))
    return statistics.median(found)


def chain(depth: int) -> str:
    """A net of ``depth`` layers: blocks of conv, batch norm, relu and a sum."""
    block = "add( conv 8 3x3 same bn relu | id )"
    return f"input 64x64x8, {depth // 4}*( {block} )" + ", relu" * (depth % 4)


def residual() -> None:
    """The 50-layer residual net."""
    net = cs.read(RESNET50)
    large = cs.read(RESNET50.replace(", gap, linear 1000", ""), input="512x512x3")
    middle = tuple(size // 2 for size in large.output[1:])
    rows = {
        "read the text, 224x224": (median_ms(lambda: cs.read(RESNET50)), None),
        "whole table, 224x224": (median_ms(net.table), 5),
        "exact support of a unit, 512x512": (median_ms(lambda: cs.support(large, at=middle)), 30),
        "uniform effective field, 512x512": (median_ms(lambda: cs.effective(large, at=middle)), 50),
        "memory, 224x224": (median_ms(lambda: cs.memory(net)), None),
        "all checks, 224x224": (median_ms(lambda: cs.check(net)), None),
    }
    print(f"\nResNet-50 ({len(net)} layers, 50 with weights)\n\n| what | median ms | must |\n|---|---:|---:|")
    for name, (value, limit) in rows.items():
        print(f"| {name} | {value:.1f} | {'' if limit is None else f'{limit}'} |")


def growth() -> list[tuple[int, float, float]]:
    """Table and support of nets of growing depth."""
    found = []
    print("\n| layers | table ms | per layer µs | support of a unit ms |\n|---:|---:|---:|---:|")
    for depth in DEPTHS:
        net = cs.read(chain(depth))
        times = 9 if depth <= 1000 else 3
        table = median_ms(net.table, times)
        unit = median_ms(lambda net=net: cs.support(net, at=(32, 32)), times)  # type: ignore[misc]
        print(f"| {len(net):,} | {table:.1f} | {1000 * table / len(net):.1f} | {unit:.1f} |", flush=True)
        found.append((len(net), table, unit))
    return found


def plot(found: list[tuple[int, float, float]], path: Path) -> None:
    """Draw the growth on logarithmic axes, with a line of slope 1."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    layers, tables, units = zip(*found, strict=True)
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    axes.loglog(layers, tables, "o-", color="#0b6e99", label="table")
    axes.loglog(layers, units, "s-", color="#c2571a", label="exact support of a unit")
    axes.loglog(
        layers, [tables[-1] * n / layers[-1] for n in layers], "--", color="#888888", label="in step with depth"
    )
    axes.axhline(1000, color="#bbbbbb", linewidth=0.8)
    axes.annotate("1 s", (layers[0], 1000), textcoords="offset points", xytext=(0, 4), color="#666666")
    axes.set(xlabel="layers", ylabel="milliseconds", title="Time grows in step with the number of layers")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    print(machine("numpy"))
    residual()
    found = growth()
    if asked.plot:
        plot(found, asked.plot)


if __name__ == "__main__":
    main()
