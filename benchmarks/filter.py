"""How long a filter takes on 12 megapixels, from array to array, beside SciPy and OpenCV on one thread.

python benchmarks/filter.py
"""

import io
import os
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # ours and the others': one thread

import numpy as np
from PIL import Image

import convscope as cs
from convscope.lens.filter_files import encode
from convscope.lens.filter_kernels import kernel_of
from machine import machine

HEIGHT, WIDTH = 3000, 4000
KERNELS = {
    "sharpen": "sharpen",
    "sobel-x": "sobel-x",
    "blur (3x3)": "blur",
    "nine odd taps": "1 2 3; 4 -5 6; 7 8 10",
    "gaussian:2 (17x17)": "gaussian:2",
    "gaussian:20 (161x161)": "gaussian:20",
}
TIMES = 5


def median_s(call: Callable[[], object], times: int = TIMES) -> float:
    """Median after one call that is not counted [second]."""
    call()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def peers(image: np.ndarray[Any, Any], name: str) -> dict[str, Callable[[], object]]:
    """The same filter, uint8 to uint8; separable kernels as SciPy and OpenCV have them for themselves."""
    kernel, sigma = kernel_of(name), float(name.partition(":")[2] or 0)
    found: dict[str, Callable[[], object]] = {}
    if find_spec("scipy"):
        nd = import_module("scipy.ndimage")
        if sigma:
            found["scipy"] = lambda: nd.gaussian_filter(image, (sigma, sigma, 0), output=np.float32, mode="mirror")
        else:
            taps = kernel.array[..., None]
            found["scipy"] = lambda: nd.correlate(image, taps, output=np.float32, mode="mirror")
    if find_spec("cv2"):
        cv2 = import_module("cv2")
        cv2.setNumThreads(1)
        if sigma:
            size = kernel.shape
            found["opencv"] = lambda: cv2.GaussianBlur(image, size, sigma)
        else:
            found["opencv"] = lambda: cv2.filter2D(image, -1, kernel.array)
    return found


def main() -> None:
    """Measure and print."""
    random = np.random.default_rng(0)
    waves = np.sin(np.arange(HEIGHT)[:, None, None] / 50) + np.cos(np.arange(WIDTH)[None, :, None] / (20, 30, 40))
    image = (128 + 50 * waves + random.normal(0, 4, (HEIGHT, WIDTH, 3))).clip(0, 255).astype(np.uint8)
    print(machine("numpy", "scipy", "opencv-python-headless", "pillow"))
    print(f"\n{HEIGHT}x{WIDTH} RGB, 8 bits, one thread, median of {TIMES} [s]\n\n| kernel | ours | SciPy | OpenCV |")
    print("|---|---:|---:|---:|")
    for title, name in KERNELS.items():
        ours = median_s(lambda name=name: cs.filter(image, name, response="clip"))  # type: ignore[misc]
        others = {peer: median_s(call, 1 if peer == "scipy" else TIMES) for peer, call in peers(image, name).items()}
        cells = (f"{others[peer]:.3f}" if peer in others else "-" for peer in ("scipy", "opencv"))
        print(f"| {title} | {ours:.3f} | {' | '.join(cells)} |")
    stored = encode(image, "a.png")
    read = median_s(lambda: np.asarray(Image.open(io.BytesIO(stored))), 1)
    wrote = median_s(lambda: encode(image, "a.png"), 1)
    print(f"\nPNG of {len(stored) / 1e6:.0f} MB: read in {read:.2f} s, written in {wrote:.2f} s")


if __name__ == "__main__":
    main()
