"""What lenses look like; beside each stored drawing, a check that the numbers drawn are the numbers given."""

import base64
import io
import json
import re
import zlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import convscope as cs
from convscope.lens.attribution import Attribution
from convscope.lens.cases import Case
from convscope.lens.drawing.field import shares
from convscope.lens.drawing.mistakes import parts
from convscope.lens.explain import Saliency
from convscope.lens.features import Features
from convscope.lens.field import Reach
from convscope.lens.image import InputImage
from convscope.lens.kernels import Kernels
from convscope.lens.look import Looked
from convscope.lens.measured import Measured
from convscope.lens.mistakes import Mistakes, Seen
from convscope.lens.score import Target
from convscope.lens.split import Split
from convscope.lens.trust import Deletion, Randomised, Trust
from convscope.training.evaluate import Evaluation
from golden.golden import same_as_golden

DATA = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
BLUE, WHITE, RED, DARK, BRIGHT = (33, 102, 172), (247, 247, 247), (178, 24, 43), (0, 0, 4), (252, 255, 164)

RAMP = np.arange(16, dtype=np.uint8).reshape(1, 4, 4) * 16
IMAGE = InputImage("five.png", RAMP, torch.zeros(1, 1, 4, 4), "scaled as in training", 5)


def rasters(svg: str) -> list[NDArray[np.uint8]]:
    """Every image in a drawing, as pixels."""
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in DATA.findall(svg)]


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def rounded(data: Any) -> Any:
    """Floats to 12 digits: the last ones of a sum depend on how many numbers a processor adds at once."""
    if isinstance(data, dict):
        return {key: rounded(value) for key, value in data.items()}
    if isinstance(data, list):
        return [rounded(value) for value in data]
    return float(f"{data:.12g}") if isinstance(data, float) else data


def golden(name: str, found: Looked) -> str:
    """Compare text, JSON and drawing; pixels by their checksum, because libraries pack them in different ways."""
    svg = found.figure().to_svg()
    pixels = iter(rasters(svg))

    def told(_: re.Match[str]) -> str:
        one = next(pixels)
        return f"{one.shape[0]}x{one.shape[1]} pixels, checksum {zlib.crc32(one.tobytes()):08x}"

    same_as_golden(f"lenses/{name}.txt", str(found))
    same_as_golden(f"lenses/{name}.json", json.dumps(rounded(found.to_json()), indent=1, allow_nan=False))
    same_as_golden(f"lenses/{name}.svg", DATA.sub(told, svg).replace("><", ">\n<").rstrip("\n"))
    return svg


def over(colour: tuple[int, ...], grey: int) -> tuple[int, ...]:
    """A colour of a map over a pixel of its image: black leaves 0.78 of it."""
    return tuple(round(one * (0.78 + 0.22 * float(grey) / 255)) for one in colour)


def colour(pixels: NDArray[np.uint8], y: int, x: int) -> tuple[int, ...]:
    return tuple(pixels[y, x].tolist())


def test_kernels() -> None:
    values = np.zeros((2, 1, 3, 3), np.float32)
    values[0, 0, 0, 0], values[0, 0, 2, 1], values[1, 0, 1, 2] = 0.5, -0.25, -0.5
    svg = golden("kernels", Kernels("runs/a", "trained", "conv1", "the first convolution", values))
    first, second, bar = rasters(svg)
    assert colour(first, 0, 0) == RED  # 0.5, the largest
    assert colour(second, 1, 2) == BLUE  # -0.5
    assert colour(first, 2, 1) == (103, 169, 207)  # -0.25, half way to the lowest
    assert (np.delete(first.reshape(9, 3), [0, 7], 0) == WHITE).all()  # zero stays white
    assert colour(bar, 0, 0) == RED
    assert {"0.5", "0", "-0.5", "range: -0.5 … 0.5, both signs"} <= set(words(svg))


def test_features_with_nothing_positive() -> None:
    maps = np.zeros((3, 2, 2), np.float32)
    maps[0, 0, 1], maps[2, 1, 0] = 2.0, 1.0
    svg = golden("features", Features("runs/a", "trained", "relu1", "as requested", IMAGE, maps))
    image, *found, _ = rasters(svg)
    assert image[..., 0].ravel().tolist() == list(range(0, 256, 16))  # the bytes as they are
    assert colour(found[0], 0, 1) == BRIGHT
    assert colour(found[2], 1, 0) == (188, 55, 84)  # half of the largest: one scale for all channels
    assert (found[1] == DARK).all()
    assert "1: off" in words(svg)
    assert "silent: no positive value in 1 of 3 channels: 1" in words(svg)


def reach() -> Reach:
    unit = cs.read("input 4x4x1, conv 1 2x2 d2").field(at=(0, 1))
    slopes = np.zeros((2, 4, 4))
    slopes[:, 0, 1], slopes[0, 2, 3], slopes[1, 2, 3] = 2.0, 1.0, 3.0
    untrained = Measured("random, seed 0", 2, slopes, slopes**2, unit.support.area)
    trained = Measured("trained", 2, slopes[:1], slopes[:1] ** 2, unit.support.area)
    return Reach("runs/a", "conv1", "as requested", unit, untrained, trained, "2 test images of digits", IMAGE)


def test_field() -> None:
    found = reach()
    svg = golden("field", found)
    read, equal, untrained, trained, _ = rasters(svg)
    mask = np.zeros((4, 4), bool)
    mask[np.ix_([0, 2], [1, 3])] = True
    np.testing.assert_array_equal(read[..., 0][mask], RAMP[0][mask])  # bright as they are; the others are dimmed
    assert (read[..., 0][~mask] < np.maximum(RAMP[0][~mask], 1)).all()
    drawn = shares(found)
    assert [heat.sum() for heat in drawn.values()] == [1.0, 1.0, 1.0]
    # mean slopes 2 and 2: one half each; 2 and 1 of one image: two thirds, the largest share of all, is brightest
    np.testing.assert_allclose(drawn["measured, untrained"][[0, 2], [1, 3]], [0.5, 0.5])
    assert colour(trained, 0, 1) == BRIGHT
    assert colour(untrained, 0, 1) == colour(untrained, 2, 3) != BRIGHT
    assert len({colour(equal, y, x) for y, x in zip(*np.nonzero(mask), strict=True)}) == 1  # a quarter each
    # two equal weights, 2 rows and 2 columns apart: deviation 1 along both; thirds: 2 * sqrt(2)/3 = 0.94
    assert {"std 1.00, 1.00", "std 0.94, 0.94", "4 of 9 pixels read"} <= set(words(svg)), words(svg)
    assert any(word.startswith("std 1.00 ± ") for word in words(svg))


def test_saliency() -> None:
    rows = np.zeros((4, 4), np.float32)
    rows[1, 2], rows[3, 0] = 2.0, -1.0
    flat = np.zeros((4, 4), np.float32)
    ends = np.array([0.0, 0.5, 1.0])
    falls = Deletion(ends, np.array([0.9, 0.2, 0.1]), np.array([[0.9, 0.8, 0.1], [0.9, 0.7, 0.1]]))
    found = Saliency(
        "runs/a",
        "trained",
        IMAGE,
        Target(5, "5", predicted=True),
        3.5,
        0.9,
        "background",
        (
            Attribution("integrated gradients", rows, rows[None], "what a pixel adds", note="missed 0.1"),
            Attribution("Grad-CAM", flat, -np.ones((2, 2), np.float32), "maps weighed", "relu1", "as requested"),
        ),
        (
            Trust(Randomised("linear1", ("fc", "conv1"), (0.5, -0.25)), falls),
            Trust(Randomised("linear1", ("fc", "conv1"), (None, None)), None),
        ),
    )
    svg = golden("saliency", found)
    _, signed, _, nothing, _ = rasters(svg)
    assert colour(signed, 1, 2) == over(RED, RAMP[0, 1, 2])
    assert colour(signed, 3, 0) == over((103, 169, 207), RAMP[0, 3, 0])  # -1 of 2
    assert colour(nothing, 1, 1) == over((247, 247, 247), RAMP[0, 1, 1])
    assert {"both signs", "all zero", "five.png", "5: 90.0 %"} <= set(words(svg))
    assert falls.area == (0.9 + 0.2) / 4 + (0.2 + 0.1) / 4  # by the rule of trapezoids
    predicted = str(found)
    assert "area 0.350, random order 0.625 ± 0.035: its pixels matter" in predicted  # chance: 0.65 and 0.6
    assert "rank correlation 0.50, -0.25: it depends on the weights" in predicted
    assert "rank correlation flat, flat: undetermined" in predicted
    # the lines of the plots: 1, 0.5, -0.25 between -1 and 1
    (path,) = re.findall(r'<path d="(M[0-9.L ]+)" fill="none" stroke="#0072b2"', svg.split("random order")[0])[:1]
    ys = [float(point.split()[1]) for point in re.split("[ML]", path)[1:]]
    assert (ys[1] - ys[0]) / (ys[2] - ys[0]) == 0.5 / 1.25


def mistakes() -> Mistakes:
    evaluation = Evaluation(0.25, ("cat", "dog"), ((40, 2), (5, 53)), 0.0312, "pets")
    split = Split("linear1", "relu4", "cat", "dog", 1.5, 0.25, np.array([1.0, -0.5, 0.75]))
    images = tuple(Seen(7 * at, RAMP + np.uint8(at), "dog", 0.9 - 0.1 * at) for at in range(5))
    near = tuple(Seen(100 + at, RAMP, "cat", 1.0 + at, split="train") for at in range(2))
    wrong = Case("test:7", "test", 7, "dog", "cat", 0.9, 0.1, 2.25)
    return Mistakes(
        "runs/a", evaluation, ("dog", "cat"), "the most frequent mistake", 5, images, IMAGE, split, near,
        "distance in relu4, among 90 of 90 training images", (wrong,),
    )  # fmt: skip


def test_mistakes() -> None:
    found = mistakes()
    svg = golden("mistakes", found)
    assert [value for _, value in parts(found)] == [1.0, 0.75, -0.5, 0.25]
    assert sum(value for _, value in parts(found)) == found.split.difference  # nothing is left out
    predicted = words(svg)
    assert {"40", "2", "5", "53", "channel 0", "+1.000", "bias", "+0.250"} <= set(predicted)
    assert "score of cat minus score of dog: +1.500, exact, by channel of relu4" in " ".join(words(svg))
    assert "7 of 100 test images of pets misclassified" in predicted
    gallery = rasters(svg)[:5]
    assert [int(one[0, 0, 0]) for one in gallery] == [0, 1, 2, 3, 4]  # the images themselves, in their order
    assert {"test:0", "test:7", "test:14", "test:21", "test:28", "90 %", "50 %"} <= set(predicted)


def test_a_split_that_does_not_add_up_says_so() -> None:
    broken = Split("conv1", "relu1", "cat", "dog", 1.5, 0.0, np.array([1.0]))
    assert not broken.exact
    assert "except for 0.5" in str(broken)
