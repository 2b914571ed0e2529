"""How fast does the explorer's page run nets?

    python benchmarks/engine.py [--seconds 1]   # Chromium by Playwright, and deno; one thread each

Prints multiply-adds a second of whole nets, with their norms, activations and pooling: the fastest of the runs in that
time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from convscope import explorer
from convscope.training.recipe import find
from machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(explorer.__file__).parent / "page"
ENTRY = "engine/testing/throughput.ts"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]

NETS = {
    "recipe fast": find("fast").net,
    "recipe strong": find("strong").net,
    "recipe cifar10-strong": find("cifar10-strong").net,
    "3x3, 64 channels, 28x28": "input 28x28x64, conv 64 3x3 same",
    "1x1, 256 channels, 14x14": "input 14x14x256, conv 256 1x1",
    "depthwise 3x3, 256 channels, 28x28": "input 28x28x256, conv 256 3x3 same g256",
    "transposed 4x4 s2, 32 channels, 28x28": "input 28x28x32, convt 32 4x4 s2 p1",
    "linear 4096 to 1024": "input 4096, linear 1024",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each net and engine")
    milliseconds = 1000 * parser.parse_args().seconds
    print(machine("playwright", "deno"))
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "throughput.js"
        _deno("bundle", "--platform=browser", f"--output={script}", ENTRY)
        found = {"Chromium": _in_chromium(script, milliseconds), "deno": _in_deno(script, milliseconds)}
    print(f"| net | MMAC | {' | '.join(f'{name} ms | GMAC/s' for name in found)} |\n|---|---:{'|---:' * 4}|")
    for name, *rows in zip(NETS, *found.values(), strict=True):
        print(f"| {name} | {rows[0]['macs'] / 1e6:.2f} | {' | '.join(_cells(rows))} |")


def _cells(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['ms']:.2f} | {row['macs'] / row['ms'] / 1e6:.2f}"


def _deno(*words: str) -> str:
    found = shutil.which("deno", path=sysconfig.get_path("scripts")) or shutil.which("deno") or "deno"
    return subprocess.run([found, *words], cwd=PAGE, capture_output=True, text=True, check=True).stdout


def _in_chromium(script: Path, milliseconds: float) -> list[dict[str, Any]]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page()
        page.add_script_tag(content=script.read_text(encoding="utf-8"), type="module")
        page.wait_for_function("typeof throughput == 'function'")
        rows: list[dict[str, Any]] = page.evaluate(f"throughput({json.dumps(list(NETS.values()))}, {milliseconds})")
        browser.close()
    return rows


def _in_deno(script: Path, milliseconds: float) -> list[dict[str, Any]]:
    run = f"console.log(JSON.stringify(throughput({json.dumps(list(NETS.values()))}, {milliseconds})))"
    rows: list[dict[str, Any]] = json.loads(_deno("eval", f"await import('file://{script}'); {run}"))
    return rows


if __name__ == "__main__":
    main()
