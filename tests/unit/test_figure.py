"""Figures draw the numbers that they are given."""

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from convscope.errors import WriteError
from convscope.view.colours import INK, NEGATIVE, POSITIVE, SIGNED, coloured
from convscope.view.figure import Figure
from convscope.view.heat import Bar, Scale, grey
from convscope.view.layout import GAP, PAGE, Across, Box, Down, Marked, Raster, Titled, Words, flowed, tiles
from convscope.view.matrix import Matrix
from convscope.view.plot import BOTTOM, LEFT, RIGHT, TOP, Band, Bars, Line, Plot
from convscope.view.ribbon import Names, Ribbon

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10


def elements(svg: str, tag: str) -> list[dict[str, str]]:
    root = ET.fromstring(svg)  # noqa: S314 -- our own
    return [dict(one.attrib) for one in root.iter() if one.tag.rpartition("}")[2] == tag]


def words(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314 -- our own
    return [one.text or "" for one in root.iter() if one.tag.endswith("text")]


def test_pixels_come_through_unchanged() -> None:
    (image,) = elements(Figure("a", Raster(PIXELS, 9)).to_svg(), "image")
    assert (image["width"], image["height"]) == ("36", "18")
    data = base64.b64decode(image["href"].partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), PIXELS)


def test_a_png_has_them_enlarged_without_smoothing() -> None:
    figure = Figure("a", Raster(PIXELS, 10))
    drawn = np.asarray(Image.open(io.BytesIO(figure.to_png(zoom=1))).convert("RGB"))
    rows, columns = np.nonzero((drawn == PIXELS[1, 3]).all(2))
    assert len(rows) == 100
    assert np.ptp(rows) == np.ptp(columns) == 9


def dark(figure: Figure) -> int:
    """Dark pixels of a PNG."""
    return int((np.asarray(Image.open(io.BytesIO(figure.to_png())).convert("L")) < 100).sum())


def test_a_png_has_words_also_where_there_are_no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    import resvg_py

    drawn = resvg_py.svg_to_bytes
    monkeypatch.setattr(resvg_py, "svg_to_bytes", lambda **given: drawn(**given, skip_system_fonts=True))
    space = Words((" " * 24,), 17)
    assert dark(Figure(" ", space)) == 0
    with_words = [
        dark(Figure(" ", Words((text,), 17, bold=bold))) for text in ("Größe", "→", "≥") for bold in (False, True)
    ]
    assert min(with_words) > 20
    monkeypatch.setattr("convscope.view.figure.FONTS", Path("nowhere"))
    assert dark(Figure(" ", Words(("Größe",), 17))) == 0  # the test can fail


def test_zero_keeps_its_colour_and_nothing_is_cut_off() -> None:
    values = np.array([[-0.5, 0.0, 2.0]])
    scale = Scale.of(values)
    assert (scale.low, scale.high) == (-2.0, 2.0)
    assert scale.pixels(values)[0, 1].tolist() == list(SIGNED[2])
    assert scale.pixels(values)[0, 2].tolist() == list(SIGNED[-1])
    assert (Scale.of(values + 3).low, Scale.of(values * 0).high) == (0.0, 0.0)
    assert coloured(np.array([[np.nan]]), 0, 1, INK).tolist() == [[[128] * 3]]
    assert words(Figure("a", Bar(scale)).to_svg())[1:] == ["2", "0", "-2"]


def test_points_stand_where_their_numbers_are() -> None:
    xs, ys = [0.0, 5.0, 10.0], [1.0, float("nan"), 3.0]
    plot = Plot((Line("", xs, ys),), "x", "y", wide=500, high=300, xlim=(0, 10), ylim=(0, 4), bands=(Band(5, 20),))
    svg = Figure("a", plot).to_svg()
    (line,) = [path["d"] for path in elements(svg, "path") if path.get("stroke-width") == "1.8"]
    origin = GAP, GAP + 24 + GAP  # below the title
    wide, high = 500 - LEFT - RIGHT, 300 - TOP - BOTTOM
    points = [tuple(map(float, part.split())) for part in re.split("[ML]", line)[1:]]
    assert line.count("M") == 2  # a gap at what is not a number
    expected = [(origin[0] + LEFT + wide * x / 10, origin[1] + TOP + high * (1 - y / 4)) for x, y in ((0, 1), (10, 3))]
    assert np.allclose(points, expected, atol=0.02)
    (band,) = elements(svg, "rect")
    assert float(band["width"]) == pytest.approx(wide / 2, abs=0.02)  # it ends with the axis


def test_bars_are_as_long_as_their_numbers() -> None:
    svg = Figure("a", Bars(("p", "q", "r"), (2.0, -1.0, 0.5), wide=300)).to_svg()
    assert [float(bar["width"]) for bar in elements(svg, "rect")] == pytest.approx([200, 100, 50])
    p, q, r = elements(svg, "rect")
    assert float(q["x"]) + 100 == pytest.approx(float(p["x"]))
    assert float(r["x"]) == pytest.approx(float(p["x"]))


def test_boxes_beyond_a_image_get_room() -> None:
    marked = Marked(Raster(PIXELS, 10), (Box(-1, -2, 2, 3), Box(1, 3, 4, 2)))
    assert (marked.width, marked.height) == (10 * (4 + 2 + 1), 10 * (2 + 1 + 3))
    svg = Figure("a", marked).to_svg()
    (image,), (first, _) = elements(svg, "image"), elements(svg, "rect")
    assert float(image["x"]) - float(first["x"]) == 20
    assert float(image["y"]) - float(first["y"]) == 10


def test_parts_have_room_for_each_other() -> None:
    one, two = Raster(PIXELS, 3), Raster(PIXELS, 5)
    assert (Across((one, two), 4).width, Across((one, two), 4).height) == (12 + 20 + 4, 10)
    assert (Down((one, two), 4).width, Down((one, two), 4).height) == (20, 6 + 10 + 4)
    grid = tiles((one, two, two, one), 2, gap=1)
    assert (grid.width, grid.height) == (41, 21)
    assert Titled(one, "a long title").width == Words(("a long title",), 11).width


def test_a_matrix_writes_every_count_that_is_not_zero() -> None:
    counts = ((1131, 0, 2), (0, 7, 0), (1, 0, 2000))
    names = ("a", "b", "a long name")
    found = words(Figure("t", Matrix(names, counts)).to_svg())
    assert sorted(found) == sorted(["t", "true", "predicted", *names, *names, "1,131", "2", "7", "1", "2,000"])


def test_a_ribbon_names_its_widest_places() -> None:
    ribbon = Ribbon("cost", (1.0, 9.0, 8.0, 0.0, 5.0), ("1", "9", "8", "0", "5"))
    assert words(Figure("t", Down((ribbon, Names(tuple("vwxyz"))))).to_svg()) == ["t", "cost", "9", "8", "5", *"vwxyz"]


def test_grey_images_and_others() -> None:
    assert grey(PIXELS.transpose(2, 0, 1)).tolist() == PIXELS.tolist()
    assert grey(PIXELS[None, :, :, 0]).tolist() == np.stack([PIXELS[..., 0]] * 3, 2).tolist()


def test_files_are_told_by_their_names(tmp_path: Path) -> None:
    figure = Figure("a < b", Words(("x & y",)))
    for name, start in (("f.svg", b"<svg "), ("f.html", b"<!doctype html>"), ("f.PNG", b"\x89PNG")):
        assert figure.save(tmp_path / name).read_bytes().startswith(start)
    with pytest.raises(WriteError, match=r"one of \.svg, \.html, \.png"):
        figure.save(tmp_path / "f.jpg")
    with pytest.raises(WriteError, match="cannot be written"):
        figure.save(tmp_path / "no" / "f.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.PNG", "f.html", "f.svg"]
    assert words(figure.to_svg()) == ["a < b", "x & y"]


def test_bars_have_the_colours_of_maps() -> None:
    high, low = (tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in (POSITIVE, NEGATIVE))
    assert (SIGNED[-1], SIGNED[0]) == (high, low)
    bars = elements(Figure("a", Bars(("up", "down"), (2.0, -1.0))).to_svg(), "rect")
    assert [bar["fill"] for bar in bars] == [POSITIVE, NEGATIVE]
    both = Scale.of(np.array([[-1.0, 1.0]]))
    assert both.pixels(np.array([[-1.0, 1.0]]))[0].tolist() == [list(low), list(high)]


@pytest.mark.parametrize(
    "ys", [(2.3501, 2.3504), (2.35, 2.35), (0.0, 0.0), (10.0, 10.0), (-3.0, -3.0), (0.002, 0.0021)]
)
def test_ticks_of_a_constant_curve_differ(ys: tuple[float, ...]) -> None:
    svg = Figure("a", Plot((Line("", (1, 2), ys),), "epoch", "y", wide=280, high=220)).to_svg()
    numbers = [word for word in words(svg) if re.fullmatch(r"-?[\d.,]+", word)]
    up = numbers[numbers.index("2") + 1 :]  # the epochs, 1 to 2, come first
    assert len(up) == len({*up}) >= 2
    assert min(map(float, up)) >= 0 or min(ys) < 0
    (path,) = [one for one in elements(svg, "path") if one.get("stroke-width") == "1.8"]
    heights = [float(at) for at in re.findall(r"[ML][\d.]+ ([\d.]+)", path["d"])]
    assert (max(heights) - min(heights) < 4) == (ys[1] - ys[0] <= 0.02 * abs(ys[1]))


def test_parts_flow_into_rows_that_fit_a_page() -> None:
    parts = tuple(Raster(PIXELS, 60) for _ in range(5))  # each 240 wide
    found = flowed(parts, 20)
    assert (found.width, found.height) == (3 * 240 + 2 * 20, 2 * 120 + 20)
    assert flowed(parts[:1], most=10).width == 240  # one part is never broken
    long = Figure("a word " * 40, Raster(PIXELS, 100), "a note " * 200)
    assert float(elements(long.to_svg(), "svg")[0]["width"]) <= PAGE


def test_a_legend_that_is_too_long_has_rows() -> None:
    lines = tuple(Line(f"a curve with number {at}", (0, 1), (0, at)) for at in range(4))
    plot = Plot(lines, wide=420)
    svg = Figure("a", plot).to_svg()
    assert plot.height > Plot(lines[:1], wide=420).height
    ends = [float(one["x"]) + 6.2 * len("a curve with number 0") for one in elements(svg, "text") if one.get("x")]
    names = [one for one in words(svg) if one.startswith("a curve")]
    assert len(names) == 4
    assert max(ends[1:5]) <= 420 + GAP


def test_a_drawing_on_a_page_keeps_its_size() -> None:
    html = Figure("a", Raster(PIXELS, 9)).to_html()
    assert "overflow-x:auto" in html
    assert "max-width" not in html
