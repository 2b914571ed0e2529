"""``convscope filter``: sums by hand, other libraries, every mistake, files as they were."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import convscope as cs
from convscope.cli import run
from convscope.errors import ConvscopeError, FieldError, ImageError, ShapeError, UnknownNameError, WriteError
from convscope.lens.filter_files import deep_png, load
from convscope.lens.filter_kernels import PRESETS, kernel_of

DRAW = np.random.default_rng(3)
ODD = DRAW.normal(size=(5, 3))
"""Not symmetric, not separable."""

SCIPY = {"zero": "constant", "reflect": "mirror", "symmetric": "reflect", "replicate": "nearest", "circular": "wrap"}


def put(folder: Path, pixels: NDArray[Any], name: str = "in.png") -> Path:
    Image.fromarray(pixels).save(folder / name)
    return folder / name


def test_a_sum_by_hand() -> None:
    image = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], np.uint8)
    found = cs.filter(image, "1 2 3; 0 0 0; -1 0 1", border="zero", response="signed")
    assert found.array[1, 1] == 10 + 40 + 90 - 70 + 90
    assert found.array[0, 0] == 50  # the tap 1 at the lower right lies on 50, all others on 0 or beyond
    turned = cs.filter(image, "1 2 3; 0 0 0; -1 0 1", border="zero", flip=True, response="signed")
    assert turned.array[1, 1] == 10 - 30 + 3 * 70 + 2 * 80 + 90


@pytest.mark.parametrize("kernel", [ODD, ODD[:4], ODD[:, :2], ODD[:1], np.outer(ODD[:, 0], ODD[0])], ids=str)
@pytest.mark.parametrize("border", SCIPY)
def test_equals_scipy(kernel: NDArray[np.float64], border: str) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    image = DRAW.normal(size=(9, 7))
    for ours, theirs in ((False, ndimage.correlate), (True, ndimage.convolve)):
        found = cs.filter(image, kernel, border=border, flip=ours)
        assert found.array == pytest.approx(theirs(image, kernel, mode=SCIPY[border]), abs=1e-12)


@pytest.mark.parametrize("sigma", [0.5, 2, 7])
def test_gaussian_is_that_of_scipy_and_goes_on_beyond_small_images(sigma: float) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    image = DRAW.normal(size=(9, 7))  # the largest kernel has 57 taps along an axis
    for border, mode in SCIPY.items():
        found = cs.filter(image, f"gaussian:{sigma}", border=border).array
        assert found == pytest.approx(ndimage.gaussian_filter(image, sigma, mode=mode), abs=1e-12)


@pytest.mark.parametrize("name", PRESETS)
def test_equals_opencv_byte_by_byte(name: str) -> None:
    cv2 = pytest.importorskip("cv2")
    image = DRAW.integers(0, 256, (61, 47, 3), dtype=np.uint8)
    kernel = kernel_of(name)
    borders = {"reflect": cv2.BORDER_REFLECT_101, "symmetric": cv2.BORDER_REFLECT, "replicate": cv2.BORDER_REPLICATE}
    for border, theirs in borders.items():
        found = cs.filter(image, name, border=border, response="clip").array
        wide = cv2.filter2D(image, cv2.CV_64F, kernel.array, borderType=theirs)
        near = np.abs(wide - np.floor(wide) - 0.5) < 1e-4  # a half may go either way
        assert (found == cv2.filter2D(image, -1, kernel.array, borderType=theirs))[~near].all()
        assert np.abs(found.astype(int) - wide.clip(0, 255)).max() <= 0.5001
        assert near.mean() < 0.05 or name in {"gaussian", "blur"}


def test_is_what_a_conv_layer_computes_and_flipped_is_not() -> None:
    image, kernel = DRAW.normal(size=(8, 6)), DRAW.normal(size=(3, 3))
    tensor, weight = (torch.from_numpy(part)[None, None] for part in (image, kernel))
    theirs = torch.conv2d(tensor, weight, padding=1)[0, 0].numpy()
    assert cs.filter(image, kernel, border="zero").array == pytest.approx(theirs)
    assert cs.filter(image, kernel, border="zero", flip=True).array != pytest.approx(theirs)
    inner = torch.conv2d(tensor, weight)[0, 0].numpy()
    assert cs.filter(image, kernel, border="none").array == pytest.approx(inner)
    assert "cross-correlation" in str(cs.filter(image, kernel))
    assert "true convolution" in str(cs.filter(image, kernel, flip=True))


def test_two_passes_are_one() -> None:
    image = DRAW.normal(size=(70, 90))
    for kernel in (np.outer(DRAW.normal(size=5), DRAW.normal(size=3)), np.outer(DRAW.normal(size=33), np.ones(20))):
        assert kernel_of(kernel).factors()
        whole = kernel.copy()
        whole[0, 0] += 1e-9  # no longer a product
        assert kernel_of(whole).factors() is None
        assert cs.filter(image, kernel).array == pytest.approx(cs.filter(image, whole).array, abs=1e-7)


def test_what_is_not_finite_stays_where_it_is_seen() -> None:
    image = np.zeros((90, 90))
    image[40, 40] = np.nan
    lost = np.isnan(cs.filter(image, "gaussian:2").array)
    assert lost[32:49, 32:49].all()
    assert lost.sum() == 17**2


def test_responses() -> None:
    image = np.array([[0, 100, 0]], np.uint8)
    found = {name: cs.filter(image, "-3 0 1", border="zero", response=name) for name in ("clip", "absolute", "signed")}
    assert found["clip"].array.tolist() == [[100, 0, 0]]
    assert found["absolute"].array.tolist() == [[100, 0, 255]]
    assert found["signed"].array.tolist() == [[100, 0, -300]]
    assert found["signed"].pixels()[0, :, 0].tolist() == [170, 128, 1]  # 128 + 127 * 1/3, 128, 128 - 127
    halves = cs.filter(np.array([[1, 3, 5, 254]], np.uint8), "1/2").array
    assert halves.tolist() == [[0, 2, 2, 127]]  # to the even neighbour
    assert cs.filter(image, "-1 0 1").response == "absolute"
    assert cs.filter(image, "-1 0 2").response == "clip"
    assert cs.filter(image.astype(float), "-1 0 1").response == "signed"


def test_alpha_is_kept_and_each_colour_is_filtered() -> None:
    image = DRAW.integers(0, 256, (12, 10, 4), dtype=np.uint8)
    found = cs.filter(image, "blur:5")
    assert (found.array[..., 3] == image[..., 3]).all()
    for colour in range(3):
        assert (found.array[..., colour] == cs.filter(image[..., colour], "blur:5").array).all()
    inner = cs.filter(image, "blur:5", border="none").array
    assert inner.shape == (8, 6, 4)
    assert (inner[..., 3] == image[2:-2, 2:-2, 3]).all()


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3), (9, 7, 4)])
def test_sixteen_bits_stay(shape: tuple[int, ...], tmp_path: Path) -> None:
    image = DRAW.integers(0, 65536, shape, dtype=np.uint16)
    planes = image.reshape(*shape[:2], -1)
    (tmp_path / "deep.png").write_bytes(deep_png(planes))
    assert (load(tmp_path / "deep.png") == planes).all()
    assert run(["filter", str(tmp_path / "deep.png"), "-k", "identity", "-o", str(tmp_path / "out.png")]) == 0
    back = load(tmp_path / "out.png")
    assert back.dtype == np.uint16
    assert (back == planes).all()
    with pytest.raises(WriteError, match="8 bits, the image has 16"):
        cs.filter(tmp_path / "deep.png", "blur", out="a.jpg")


def test_sixteen_bits_are_read_by_another_library(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    image = DRAW.integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    (tmp_path / "deep.png").write_bytes(deep_png(image))
    assert (cv2.imread(str(tmp_path / "deep.png"), cv2.IMREAD_UNCHANGED)[..., ::-1] == image).all()


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 2), ("P", 3), ("RGB", 3), ("RGBA", 4)])
def test_every_kind_of_image(mode: str, channels: int, tmp_path: Path) -> None:
    Image.fromarray(DRAW.integers(0, 256, (6, 5, 3), dtype=np.uint8)).convert(mode).save(tmp_path / "in.png")
    found = cs.filter(tmp_path / "in.png", "identity")
    assert found.array.shape == (6, 5, channels)
    assert Image.open(io.BytesIO(found.encoded("a.png"))).size == (5, 6)
    grey = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    with Image.open(tmp_path / "in.png") as image:
        assert (np.asarray(image.convert(grey)).reshape(6, 5, channels) == found.array).all()


def test_a_turned_photo_is_upright(tmp_path: Path) -> None:
    image = Image.fromarray(np.tile(np.arange(8, dtype=np.uint8)[:, None] * 30, (1, 16)))
    exif = image.getexif()
    exif[0x0112] = 6  # a quarter turn clockwise shows it upright
    image.save(tmp_path / "in.png", exif=exif)
    assert cs.filter(tmp_path / "in.png", "identity").array[:, :, 0].tolist() == [list(range(210, -1, -30))] * 16


@pytest.mark.parametrize("border", [*SCIPY, "none"])
@pytest.mark.parametrize("kernel", ["1 2; 3 4; 5 6", "gaussian:1", "edge"])
def test_explain_says_what_the_image_has(border: str, kernel: str) -> None:
    image = DRAW.integers(0, 256, (10, 11, 3), dtype=np.uint8)
    found = cs.filter(image, kernel, border=border)
    for y, x in ((0, 0), (1, 1), (1, 2)):
        terms = found.explain(y, x)
        assert terms.result == tuple(found.array[y, x])
        assert len(terms.terms) + terms.zeros == kernel_of(kernel).array.size
    with pytest.raises(FieldError, match="pixel 10,0 lies outside"):
        found.explain(10, 0)


def test_explain_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, np.array([[10, 20], [30, 40]], np.uint8))
    assert run(["filter", str(path), "-k", "0 1 0; 1 -4 1; 0 1 0", "--explain", "0,0"]) == 0
    assert capsys.readouterr().out == (
        "pixel 0,0: 5 terms, 4 taps are zero\n"
        "tap  weight  pixel          grey  product\n"
        "0,1       1  -1,0   is 1,0    30       30\n"
        "1,0       1  0,-1   is 0,1    20       20\n"
        "1,1      -4  0,0              10      -40\n"
        "1,2       1  0,1              20       20\n"
        "2,1       1  1,0              30       30\n"
        "sum     60\n"
        "result  60  (absolute)\n"
    )


WRONG: dict[str, tuple[type[ConvscopeError], str]] = {
    "1 2; 3": (FieldError, "not rectangular"),
    "1 two": (FieldError, '"two" is not a number'),
    "1 1/0": (FieldError, '"1/0" is not a number'),
    "1e999": (FieldError, "is not a number"),
    ";": (FieldError, "the kernel is empty"),
    "shapren": (UnknownNameError, "try      sharpen"),
    "sharpen:2": (FieldError, "takes no argument"),
    "gaussian:0": (FieldError, "0.1 to 100"),
    "gaussian:wide": (FieldError, '"wide" is not a number'),
    "blur:2.5": (FieldError, "an integer from 1"),
    " ".join(["1"] * 1002): (FieldError, "at most 1001"),
}


@pytest.mark.parametrize("kernel", WRONG)
def test_wrong_kernels(kernel: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, np.zeros((4, 4), np.uint8))
    kind, words = WRONG[kernel]
    with pytest.raises(kind):
        cs.filter(path, kernel)
    assert run(["filter", str(path), "-k", kernel, "-o", str(tmp_path / "out.png")]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("Error: ") == 1
    assert said.out == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.png"]


def test_wrong_words(tmp_path: Path) -> None:
    image = np.zeros((4, 4), np.uint8)
    with pytest.raises(UnknownNameError, match="there is no border"):
        cs.filter(image, "blur", border="mirored")
    with pytest.raises(UnknownNameError, match="there is no response"):
        cs.filter(image, "blur", response="abs")
    with pytest.raises(ShapeError, match="5x5 kernel does not fit"):
        cs.filter(image, "blur:5", border="none")
    for wrong in (np.zeros(4), np.zeros((4, 4, 5)), np.zeros((0, 4))):
        with pytest.raises(ShapeError, match="is not an image"):
            cs.filter(wrong, "blur")
    with pytest.raises(FieldError, match="is not an image"):
        cs.filter(np.zeros((4, 4), bool), "blur")
    with pytest.raises(WriteError, match="does not support transparency"):
        cs.filter(put(tmp_path, np.zeros((4, 4, 4), np.uint8)), "blur", out="a.jpg")
    with pytest.raises(WriteError, match="does not name an image format"):
        cs.filter(image, "blur").save(tmp_path / "a.txt")


@pytest.mark.faults
def test_damaged_images_and_places_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = put(tmp_path, DRAW.integers(0, 256, (40, 40, 3), dtype=np.uint8)).read_bytes()
    out = tmp_path / "out.png"
    out.write_bytes(b"what was there")
    for cut in (0, 7, 50, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.png").write_bytes(whole[:cut])
        assert run(["filter", str(tmp_path / "cut.png"), "-k", "blur", "-o", str(out)]) == 2
        assert capsys.readouterr().err.startswith("ImageError: ")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    (tmp_path / "cut.png").write_bytes(flipped)
    assert run(["filter", str(tmp_path / "cut.png"), "-k", "blur", "-o", str(out)]) == 2
    for place in (tmp_path / "no" / "out.png", tmp_path, Path("/proc/out.png")):
        assert run(["filter", str(tmp_path / "in.png"), "-k", "blur", "-o", str(place)]) == 2
        assert "Error: " in capsys.readouterr().err
    assert out.read_bytes() == b"what was there"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cut.png", "in.png", "out.png"]


def test_options_that_do_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(put(tmp_path, np.zeros((4, 4), np.uint8)))
    for asked in (["-k", "blur"], ["-o", "a.png"], ["--sheet"], ["--sheet", "-k", "blur", "-o", "a.png"]):
        assert run(["filter", path, *asked]) == 2
        assert "Error: " in capsys.readouterr().err
    for place in ("1", "1,2,3", "-1,0", "a,b", "4,0"):
        assert run(["filter", path, "-k", "blur", "--explain", place]) == 2
        assert " pixel" in capsys.readouterr().err


def test_plain_data_and_notebooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, DRAW.integers(0, 256, (30, 1700, 3), dtype=np.uint8))
    assert run(["filter", str(path), "-k", "sobel-x", "--json", "--explain", "2,3"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "convscope/filter/2"
    assert said["size"] == "30x1700x3"
    assert said["kernel"]["taps"] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert said["seconds"]["decode"] > 0
    assert len(said["explain"]["terms"]) == 6
    found = cs.filter(path, "sobel-x")
    assert Image.open(io.BytesIO(found._repr_png_())).size == (567, 10)
    assert repr(found) == str(found)


def test_the_sheet_has_every_preset(tmp_path: Path) -> None:
    for shape in ((40, 50, 3), (1, 1000), (700, 3, 4)):
        path = put(tmp_path, DRAW.integers(0, 256, shape, dtype=np.uint8))
        assert run(["filter", str(path), "--sheet", "-o", str(tmp_path / "sheet.svg")]) == 0
        drawn = (tmp_path / "sheet.svg").read_text(encoding="utf-8")
        assert drawn.count("<image ") == len(PRESETS)
        assert all(f">{name}</text>" in drawn for name in PRESETS)


def test_no_memory_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, np.zeros((100, 100), np.uint8))
    monkeypatch.setattr("convscope.lens.filter_files.free_memory", lambda: 100_000)
    with pytest.raises(ImageError, match="100x100 pixels, needs about 156 KiB"):
        cs.filter(path, "blur")
    with pytest.raises(ImageError, match="the response, 200x100 pixels, needs about 156 KiB"):
        cs.filter(np.zeros((200, 100)), "blur")


@pytest.mark.slow
def test_a_hundred_megapixels_take_what_is_stated(tmp_path: Path) -> None:
    size = 10_000
    Image.new("RGB", (size, size), (9, 99, 199)).save(tmp_path / "in.png", compress_level=1)
    code = (
        "import sys; from pathlib import Path; from convscope.cli import run; "
        "assert run(['filter', sys.argv[1], '-k', 'sharpen', '-o', sys.argv[2], '--raise-limits', '4']) == 0; "
        # not of getrusage: that keeps the peak of the process that started this one
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    files = [str(tmp_path / name) for name in ("in.png", "out.png")]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) * 1024 < 16 * size**2 + 200_000_000
    assert "Warning" not in done.stderr
    with pytest.warns(Image.DecompressionBombWarning), Image.open(files[1]) as image:
        assert image.size == (size, size)


def test_filtering_loads_no_torch(tmp_path: Path) -> None:
    path = put(tmp_path, np.zeros((4, 4), np.uint8))
    code = (
        "import sys; from convscope.cli import run; "
        "assert run(['filter', sys.argv[1], '-k', 'blur', '-o', sys.argv[1] + '.png']) == 0; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True)
