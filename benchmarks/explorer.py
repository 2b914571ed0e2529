"""How fast does the explorer's page answer?

    python benchmarks/explorer.py RUN     # a run on MNIST; Chromium by Playwright

Time from a pointer or a click to the change on the screen: the handler of Reach, an edit in the Bench, a drawn pixel in
Mistakes; the time to open pages; and the longest frame while the gallery of 2,000 images scrolls. Bounds in brackets.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import sync_playwright

import convscope as cs
from convscope.explorer.build import document_of, to_json
from convscope.explorer.page import one_file
from machine import machine

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]

HOVER = """async () => {
  const svg = document.querySelector('svg.strip'), box = svg.getBoundingClientRect()
  performance.clearMeasures()
  for (let i = 0; i < 160; i++) {
    const where = {clientX: box.left + 4 + i % 80, clientY: box.top + 12 + i % 60, bubbles: true}
    svg.dispatchEvent(new PointerEvent('pointermove', where))
    await new Promise(requestAnimationFrame)
  }
  return performance.getEntriesByName('convscope-reach').map(one => one.duration)
}"""

CHANGE = """async ([selector, watched, count]) => {
  const place = document.querySelector(watched), times = []
  for (let i = 0; i < count; i++) {
    const begun = performance.now()
    const seen = new Promise(done => new MutationObserver((_, own) => { own.disconnect(); done() })
      .observe(place, {subtree: true, childList: true, characterData: true, attributes: true}))
    const target = document.querySelectorAll(selector)[i % document.querySelectorAll(selector).length]
    if (target.matches('.paper')) target.dispatchEvent(new KeyboardEvent('keydown', {key: ' ', bubbles: true}))
    else target.click()
    await Promise.race([seen, new Promise(done => setTimeout(done, 1000))])
    times.push(performance.now() - begun)
    if (target.matches('.paper')) {
      target.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))
    }
    await new Promise(done => setTimeout(done, 100)) // what comes later belongs to this change
  }
  return times
}"""

SCROLL = """async () => {
  const wall = document.querySelector('.wall'), times = []
  for (let at = 0; at <= 240; at++) {
    const begun = performance.now()
    wall.scrollTop = at / 240 * wall.scrollHeight
    await new Promise(requestAnimationFrame)
    times.push(performance.now() - begun)
  }
  return times
}"""


def late(times: list[float]) -> str:
    """Return median and 95th percentile [ms]."""
    return f"{statistics.median(times):.1f} | {sorted(times)[int(len(times) * 0.95)]:.1f}"


def pages(run: str, folder: Path) -> dict[str, str]:
    """Write the pages; return their addresses."""
    document = document_of(run)
    many = tuple(
        msgspec.structs.replace(document.images[at % len(document.images)], name=f"{at}") for at in range(2000)
    )
    long = json.loads(to_json(document_of("input 32x32x4, 4*( conv 4 3x3 p1 relu )")))
    net = long["net"]
    pattern, place = net["layers"][-2:], net["places"][-1]
    for number in range(5, 5001):
        for layer in pattern:
            name = f"{layer['op']}{number}"
            net["layers"].append(layer | {"name": name, "inputs": [net["layers"][-1]["name"]]})
            net["places"].append(place | {"layer": name, "column": len(net["places"])})
    net["outputs"][0]["layer"] = net["layers"][-1]["name"]
    made = {
        "run": to_json(document),
        "gallery": to_json(msgspec.structs.replace(document, images=many)),
        "10,000 layers": json.dumps(long).encode(),
    }
    found = {}
    for name, content in made.items():
        path = folder / f"{name}.html"
        path.write_text(one_file(name, content), encoding="utf-8")
        found[name] = path.as_uri()
    return found


def opened(browser: Any, address: str, ready: str) -> tuple[Any, float]:
    """Open a page; return it, and when it showed what was waited for [ms]."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.locator(ready).first.wait_for()
    return page, page.evaluate("performance.now()")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", help="folder of a run on MNIST")
    run = parser.parse_args().run
    print(machine("playwright"))
    print("\n| what | median, ms | 95 %, ms | bound, ms |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        address = pages(str(cs.load_run(run).path), Path(folder))
        page, _ = opened(browser, f"{address['run']}#view=reach&layer=conv3", "svg.strip")
        print(f"| handler of the pointer in Reach | {late(page.evaluate(HOVER))} | 8 |")
        page, _ = opened(browser, f"{address['run']}#view=bench&layer=conv2", "[aria-label='Channels up']")
        edits = page.evaluate(CHANGE, ["[aria-label='Channels up'], [aria-label='Channels down']", ".verdict", 40])
        print(f"| edit to new numbers in the Bench | {late(edits[2:])} | 50 |")
        page, _ = opened(browser, f"{address['run']}#view=mistakes&image=120", ".pencil tbody tr")
        page.wait_for_timeout(1000)
        drawn = page.evaluate(CHANGE, [".paper", ".pencil tbody", 40])
        print(f"| drawn pixel to new scores | {late(drawn[2:])} | 100 |")
        page, _ = opened(browser, f"{address['gallery']}#view=mistakes", ".wall")
        page.get_by_role("button", name="All images").click()
        times = page.evaluate(SCROLL)
        print(f"| frame of the gallery of 2,000 images, longest {max(times):.0f} | {late(times)} | 50 |")
        for name in ("run", "10,000 layers"):
            took = [opened(browser, f"{address[name]}#view=map", ".numbers")[1] for _ in range(3)]
            print(f"| opening: {name} | {statistics.median(took):.0f} | {max(took):.0f} | 2000 |")
        browser.close()


if __name__ == "__main__":
    main()
